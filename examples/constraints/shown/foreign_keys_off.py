"""SQLite takes an item of order 9999, which does not exist, until it is told to check foreign keys."""

from __future__ import annotations

import sys
from typing import Any

from sqlalchemy import insert, text
from sqlalchemy.exc import IntegrityError

from examples.constraints.shown.rows import books, items, look


def main(url: str | None = None) -> list[tuple[Any, ...]]:
    """Which items there are afterwards."""
    item = insert(items).values(order_id=9999, product_id=12, quantity=2, price=140)
    with books(url) as engine:
        with engine.connect() as connection:
            connection.execute(text("PRAGMA foreign_keys = ON"))
            try:
                connection.execute(item)
            except IntegrityError as error:
                print(f"with PRAGMA foreign_keys = ON: {error.orig}")
            connection.invalidate()  # it would be on for whoever gets this connection next
        with engine.begin() as connection:
            connection.execute(item)
        print("this is wrong because there is no order 9999:")
        return look(engine, items)


if __name__ == "__main__":
    main(*sys.argv[1:2])
