"""One transaction, two rows that the schema allows, and the credit is rounded to whole rupees."""

from __future__ import annotations

import sys

from examples.budget.shown.rows import AMOUNT, FOOD, TRAVEL, Rows, budget, look, spend


def main(url: str | None = None) -> Rows:
    """What is there afterwards."""
    with budget(url) as engine:
        look(engine)
        with engine.begin() as connection:
            spend(connection, FOOD, -AMOUNT)
            spend(connection, TRAVEL, AMOUNT // 100 * 100)
        print("this is wrong because ₹25.10 have left Food and ₹25.00 have come into Travel:")
        return look(engine)


if __name__ == "__main__":
    main(*sys.argv[1:2])
