"""A helper makes a category, and commits on behalf of whoever calls it."""

from __future__ import annotations

import sys

from sqlalchemy import insert
from sqlalchemy.engine import Connection

from examples.budget.shown.rows import ALICE, AMOUNT, FOOD, Rows, budget, categories, look, spend

HOLIDAYS = 4


def main(url: str | None = None) -> Rows:
    """What is there afterwards."""
    with budget(url) as engine:
        look(engine)
        with engine.connect() as connection:
            spend(connection, FOOD, -AMOUNT)
            make_category(connection)
            # here the process is killed: the credit is never sent
        print("this is wrong because the helper has committed the debit of its caller:")
        return look(engine)


def make_category(connection: Connection) -> None:
    """Make Holidays."""
    connection.execute(insert(categories).values(id=HOLIDAYS, user_id=ALICE, name="Holidays"))
    connection.commit()


if __name__ == "__main__":
    main(*sys.argv[1:2])
