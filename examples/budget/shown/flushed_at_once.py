"""Both rows in one flush in AUTOCOMMIT; SQLAlchemy sends SQLite an INSERT for each. For SQLite alone."""

from __future__ import annotations

import sys

from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session, registry

from examples.budget.shown.rows import AMOUNT, FOOD, Rows, budget, expenses, look

NOBODYS = None


class Entry:
    """A row of the expenses."""

    def __init__(self, category_id: int | None, amount: int) -> None:
        self.category_id = category_id
        self.amount = amount


def main(url: str | None = None) -> Rows:
    """What is there afterwards."""
    mapped = registry()
    mapped.map_imperatively(Entry, expenses)
    try:
        with budget(url) as engine:
            look(engine)
            with Session(engine.execution_options(isolation_level="AUTOCOMMIT")) as session:
                session.add_all([Entry(FOOD, -AMOUNT), Entry(NOBODYS, AMOUNT)])
                try:
                    session.flush()
                except DBAPIError as error:
                    print(f"told: failed: {error.orig}")
            print("this is wrong because the debit had been committed by itself:")
            return look(engine)
    finally:
        mapped.dispose()


if __name__ == "__main__":
    main(*sys.argv[1:2])
