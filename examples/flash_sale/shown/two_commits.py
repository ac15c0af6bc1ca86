"""Four lamps move from Mumbai to Delhi in two transactions, and the program ends between them.

``python -m examples.flash_sale.shown.two_commits [URL]``; without a URL, an SQLite file in a temporary directory.
Nothing of acidity is used in here: this is what the database does by itself.
"""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import Column, Integer, MetaData, String, Table, create_engine, insert, select, update
from sqlalchemy.engine import Engine

shelves = Table(
    "shown_shelves", MetaData(), Column("warehouse", String(20), primary_key=True), Column("lamps", Integer)
)


def main(url: str | None = None) -> int:
    """Move four lamps; how many there are in the end."""
    with TemporaryDirectory() as directory:
        return move_four(url or f"sqlite:///{Path(directory) / 'shown.db'}")


def move_four(url: str) -> int:
    """The whole story, in that database."""
    engine = create_engine(url)
    shelves.create(engine)
    try:
        with engine.begin() as connection:
            connection.execute(
                insert(shelves), [{"warehouse": "Delhi", "lamps": 2}, {"warehouse": "Mumbai", "lamps": 10}]
            )
            print("before:", *connection.execute(select(shelves).order_by(shelves.c.warehouse)))
        add(engine, "Mumbai", -4)
        print("the program ends here, before Delhi gets its four")
        with engine.connect() as connection:
            rows = connection.execute(select(shelves).order_by(shelves.c.warehouse)).all()
        print("after: ", *rows)
        there = int(sum(row.lamps for row in rows))
        print(f"this is wrong because there were 12 lamps, and there are {there}")
        return there
    finally:
        shelves.drop(engine)
        engine.dispose()


def add(engine: Engine, warehouse: str, lamps: int) -> None:
    """One transaction for one warehouse."""
    with engine.begin() as connection:
        change = shelves.c.lamps + lamps
        connection.execute(update(shelves).where(shelves.c.warehouse == warehouse).values(lamps=change))


if __name__ == "__main__":
    main(*sys.argv[1:2])
