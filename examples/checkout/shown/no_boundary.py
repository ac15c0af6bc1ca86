"""Each step commits by itself; the program is killed after step 6, when the money has been taken."""

from __future__ import annotations

import sys

from sqlalchemy import insert, update

from examples.checkout.shown.rows import PRICE, Rows, customers, items, look, orders, products, shop


def main(url: str | None = None) -> Rows:
    """What is there afterwards."""
    with shop(url) as engine:
        look(engine)
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(update(products).values(reserved=2))
            connection.execute(insert(orders).values(id="O-1", customer_id="C001", total=2 * PRICE, status="pending"))
            connection.execute(insert(items).values(order_id="O-1", quantity=2, price=PRICE))
            connection.execute(update(customers).values(wallet=customers.c.wallet - 2 * PRICE))
            # here the process is killed: no payment, no stock, no confirmation
        print("this is wrong because the money is gone, and the order is pending for ever:")
        return look(engine)


if __name__ == "__main__":
    main(*sys.argv[1:2])
