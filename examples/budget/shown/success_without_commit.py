"""Everything is sent, success is told, and nothing is committed."""

from __future__ import annotations

import sys

from examples.budget.shown.rows import AMOUNT, FOOD, TRAVEL, Rows, budget, look, spend


def main(url: str | None = None) -> Rows:
    """What is there afterwards."""
    with budget(url) as engine:
        look(engine)
        with engine.connect() as connection:
            spend(connection, FOOD, -AMOUNT)
            spend(connection, TRAVEL, AMOUNT)
            print("told: success")
        print("this is wrong because closing the connection has rolled it back:")
        return look(engine)


if __name__ == "__main__":
    main(*sys.argv[1:2])
