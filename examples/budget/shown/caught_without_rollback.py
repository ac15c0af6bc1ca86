"""On a shared session the exception is caught, nothing is rolled back, and whoever comes next commits."""

from __future__ import annotations

import sys

from examples.budget.shown.rows import AMOUNT, BOBS_RENT, FOOD, TRAVEL, Rows, budget, look, spend


def main(url: str | None = None) -> Rows:
    """What is there afterwards."""
    with budget(url) as engine:
        look(engine)
        with engine.connect() as shared:
            try:
                spend(shared, FOOD, -AMOUNT)
                spend(shared, TRAVEL, int("25.10"))  # ValueError, of the program's own
            except ValueError as error:
                print(f"told: failed: {error}")
            spend(shared, BOBS_RENT, 100)  # the next request, of somebody else, on the same session
            shared.commit()
        print("this is wrong because the next commit has written the debit of the transfer that failed:")
        return look(engine)


if __name__ == "__main__":
    main(*sys.argv[1:2])
