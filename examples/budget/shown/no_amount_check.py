"""A transfer of a negative amount, which nobody refuses."""

from __future__ import annotations

import sys

from examples.budget.shown.rows import AMOUNT, FOOD, TRAVEL, Rows, budget, look, spend


def main(url: str | None = None) -> Rows:
    """What is there afterwards."""
    with budget(url) as engine:
        look(engine)
        with engine.begin() as connection:  # a transfer of -₹25.10 from Food to Travel
            spend(connection, FOOD, AMOUNT)
            spend(connection, TRAVEL, -AMOUNT)
        print("this is wrong because ₹25.10 have moved from Travel to Food:")
        return look(engine)


if __name__ == "__main__":
    main(*sys.argv[1:2])
