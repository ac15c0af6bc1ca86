"""ROLLBACK TO a savepoint that is released is an error, and the item that was to be undone stays."""

from __future__ import annotations

import sys
from typing import Any

from sqlalchemy import insert, text
from sqlalchemy.exc import DBAPIError

from examples.orders.shown.rows import items, look, orders, shop


def main(url: str | None = None) -> list[tuple[Any, ...]]:
    """Which items there are afterwards."""
    with shop(url) as engine:
        with engine.connect() as connection:
            connection.execute(insert(orders).values(id=5001, customer_id=1, total=280))
            connection.execute(insert(items).values(order_id=5001, product_id=12, quantity=2, price=140))
            connection.execute(text("SAVEPOINT after_order_created"))
            connection.execute(insert(items).values(order_id=5001, product_id=8, quantity=1, price=140))
            connection.execute(text("RELEASE SAVEPOINT after_order_created"))
            try:
                connection.execute(text("ROLLBACK TO SAVEPOINT after_order_created"))
            except DBAPIError as error:
                print(f"ROLLBACK TO: {str(error.orig).splitlines()[0]}")
            connection.commit()
        print("this is wrong because order 5001 of ₹280 has items of ₹420, or was told and is not there:")
        look(engine, orders)
        return look(engine, items)


if __name__ == "__main__":
    main(*sys.argv[1:2])
