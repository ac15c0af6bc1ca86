"""The debit in one session, the credit in another: the program ends between the two."""

from __future__ import annotations

import sys

from examples.budget.shown.rows import AMOUNT, FOOD, Rows, budget, look, spend


def main(url: str | None = None) -> Rows:
    """What is there afterwards."""
    with budget(url) as engine:
        look(engine)
        with engine.begin() as first:
            spend(first, FOOD, -AMOUNT)
        # here the process is killed: the session of the credit is never opened
        print("this is wrong because ₹25.10 have left Food and come into nothing:")
        return look(engine)


if __name__ == "__main__":
    main(*sys.argv[1:2])
