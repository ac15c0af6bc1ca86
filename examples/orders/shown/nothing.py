"""An error of an item is passed over, and nobody goes back to the savepoint."""

from __future__ import annotations

import sys
from typing import Any

from sqlalchemy import insert, text
from sqlalchemy.exc import DBAPIError

from examples.orders.shown.rows import items, look, orders, shop


def main(url: str | None = None) -> list[tuple[Any, ...]]:
    """Which items there are afterwards: too many, or on PostgreSQL not even an order."""
    with shop(url) as engine:
        with engine.connect() as connection:
            connection.execute(insert(orders).values(id=5001, customer_id=1, total=280))
            connection.execute(text("SAVEPOINT after_order_created"))
            for product in (12, 15, 12):  # a pair of which 15 does not exist, and what was ordered instead of it
                try:
                    connection.execute(insert(items).values(order_id=5001, product_id=product, quantity=2, price=140))
                except DBAPIError as error:
                    print(f"item {product}: {str(error.orig).splitlines()[0]}")
            connection.commit()
        print("this is wrong because order 5001 of ₹280 has items of ₹560, or was told and is not there:")
        look(engine, orders)
        return look(engine, items)


if __name__ == "__main__":
    main(*sys.argv[1:2])
