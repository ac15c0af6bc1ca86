"""Each of the two statements of a merge is a transaction of its own; the program ends between the two."""

from __future__ import annotations

import sys

from sqlalchemy import update

from examples.budget.shown.rows import FOOD, TRAVEL, Rows, budget, expenses, look


def main(url: str | None = None) -> Rows:
    """What is there afterwards."""
    with budget(url) as engine:
        look(engine)
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(update(expenses).where(expenses.c.category_id == FOOD).values(category_id=TRAVEL))
            # here the process is killed: the DELETE of the category is never sent
        print("this is wrong because Food was to be merged away, and is there without its expenses:")
        return look(engine)


if __name__ == "__main__":
    main(*sys.argv[1:2])
