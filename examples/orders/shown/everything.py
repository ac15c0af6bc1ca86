"""A bad item is undone by ROLLBACK instead of ROLLBACK TO: the order is gone, and its number is told."""

from __future__ import annotations

import sys
from typing import Any

from sqlalchemy import insert, text
from sqlalchemy.exc import IntegrityError

from examples.orders.shown.rows import items, look, orders, shop


def main(url: str | None = None) -> list[tuple[Any, ...]]:
    """Which orders there are afterwards."""
    with shop(url) as engine:
        with engine.connect() as connection:
            connection.execute(insert(orders).values(id=5001, customer_id=1, total=280))
            connection.execute(text("SAVEPOINT after_order_created"))
            try:
                connection.execute(insert(items).values(order_id=5001, product_id=15, quantity=1, price=280))
            except IntegrityError as error:
                print(f"item 15: {str(error.orig).splitlines()[0]}")
                connection.rollback()
            connection.commit()
        print("this is wrong because the customer was told that order 5001 is kept:")
        return look(engine, orders)


if __name__ == "__main__":
    main(*sys.argv[1:2])
