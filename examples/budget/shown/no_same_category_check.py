"""A transfer from a category to itself, which nobody refuses."""

from __future__ import annotations

import sys

from examples.budget.shown.rows import AMOUNT, FOOD, Rows, budget, look, spend


def main(url: str | None = None) -> Rows:
    """What is there afterwards."""
    with budget(url) as engine:
        look(engine)
        with engine.begin() as connection:  # a transfer of ₹25.10 from Food to Food
            spend(connection, FOOD, -AMOUNT)
            spend(connection, FOOD, AMOUNT)
        print("this is wrong because two rows say nothing:")
        return look(engine)


if __name__ == "__main__":
    main(*sys.argv[1:2])
