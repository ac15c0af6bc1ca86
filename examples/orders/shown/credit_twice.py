"""Two orders on credit look for an unpaid invoice before either of them has written one."""

from __future__ import annotations

import sys
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.engine import Connection

from examples.orders.shown.rows import invoices, look, orders, shop


def main(url: str | None = None) -> list[tuple[Any, ...]]:
    """Which invoices there are afterwards."""
    with shop(url) as engine:
        look(engine, invoices)
        with engine.connect() as first, engine.connect() as second:
            allowed = [is_allowed(each) for each in (first, second)]
            if engine.dialect.name == "sqlite":
                second.rollback()  # its read lock would keep the first from committing; it has read what it wanted
            for connection, order, may in zip((first, second), (5001, 5002), allowed, strict=True):
                if may:
                    connection.execute(insert(orders).values(id=order, customer_id=1, total=280))
                    connection.execute(insert(invoices).values(order_id=order, customer_id=1))
                    connection.commit()
        print("this is wrong because customer 1 owes two invoices, and one unpaid invoice forbids an order:")
        return look(engine, invoices)


def is_allowed(connection: Connection) -> bool:
    """Whether customer 1 owes nothing."""
    return connection.execute(select(invoices).where(invoices.c.customer_id == 1)).first() is None


if __name__ == "__main__":
    main(*sys.argv[1:2])
