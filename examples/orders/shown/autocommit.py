"""Status and stock commit by themselves; the program ends before "captured"."""

from __future__ import annotations

import sys
from typing import Any

from sqlalchemy import insert, update

from examples.orders.shown.rows import look, orders, products, shop


def main(url: str | None = None) -> list[tuple[Any, ...]]:
    """What is in the order afterwards."""
    with shop(url) as engine:
        with engine.begin() as connection:
            connection.execute(insert(orders).values(id=5001, customer_id=1, total=280))
        look(engine, orders)
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(update(orders).where(orders.c.id == 5001).values(status="confirmed"))
            connection.execute(update(products).where(products.c.id == 12).values(stock=products.c.stock - 2))
            # here the process is killed: UPDATE orders SET payment = 'captured' is never sent
        print("this is wrong because the order is confirmed and has left the stock, and nobody pays for it:")
        look(engine, products)
        return look(engine, orders)


if __name__ == "__main__":
    main(*sys.argv[1:2])
