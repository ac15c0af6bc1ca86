"""A transfer out of the category of another user, which nobody refuses."""

from __future__ import annotations

import sys

from examples.budget.shown.rows import AMOUNT, BOBS_RENT, FOOD, Rows, budget, look, spend


def main(url: str | None = None) -> Rows:
    """What is there afterwards."""
    with budget(url) as engine:
        look(engine)
        with engine.begin() as connection:  # a transfer of ₹25.10 from Rent to Food, asked for by Alice
            spend(connection, BOBS_RENT, -AMOUNT)
            spend(connection, FOOD, AMOUNT)
        print("this is wrong because Alice has taken ₹25.10 from Bob:")
        return look(engine)


if __name__ == "__main__":
    main(*sys.argv[1:2])
