"""Each INSERT is a transaction of its own; the program ends between the two."""

from __future__ import annotations

import sys

from examples.budget.shown.rows import AMOUNT, FOOD, Rows, budget, look, spend


def main(url: str | None = None) -> Rows:
    """What is there afterwards."""
    with budget(url) as engine:
        look(engine)
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            spend(connection, FOOD, -AMOUNT)
            # here the process is killed: the second INSERT is never sent
        print("this is wrong because ₹25.10 have left Food and come into nothing:")
        return look(engine)


if __name__ == "__main__":
    main(*sys.argv[1:2])
