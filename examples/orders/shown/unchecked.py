"""The total of an order is what the page said."""

from __future__ import annotations

import sys

from sqlalchemy import func, insert, select

from examples.orders.shown.rows import items, look, orders, shop


def main(url: str | None = None) -> tuple[int, int]:
    """The total, and the sum of the items."""
    with shop(url) as engine:
        with engine.begin() as connection:
            connection.execute(insert(orders).values(id=5002, customer_id=1, total=480))
            for product, quantity in ((12, 2), (8, 1)):
                connection.execute(
                    insert(items).values(order_id=5002, product_id=product, quantity=quantity, price=140)
                )
        look(engine, orders)
        look(engine, items)
        with engine.connect() as connection:
            total = connection.scalars(select(orders.c.total)).one()
            of_items = int(connection.scalars(select(func.sum(items.c.quantity * items.c.price))).one())
        print(f"this is wrong because ₹{total} are asked for items of ₹{of_items}")
        return total, of_items


if __name__ == "__main__":
    main(*sys.argv[1:2])
