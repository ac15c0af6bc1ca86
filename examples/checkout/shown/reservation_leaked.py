"""The pieces are held in one transaction, and the payment fails in the next one."""

from __future__ import annotations

import sys

from sqlalchemy import insert, update

from examples.checkout.shown.rows import PRICE, Rows, customers, look, orders, products, shop


def main(url: str | None = None) -> Rows:
    """What is there afterwards."""
    with shop(url, wallet=50000) as engine:
        look(engine)
        with engine.begin() as connection:
            connection.execute(update(products).values(reserved=products.c.reserved + 2))
        with engine.connect() as connection:
            connection.execute(insert(orders).values(id="O-1", customer_id="C001", total=2 * PRICE, status="pending"))
            enough = update(customers).where(customers.c.wallet >= 2 * PRICE)
            if connection.execute(enough.values(wallet=customers.c.wallet - 2 * PRICE)).rowcount == 0:
                connection.rollback()
                print("told: Payment failed, please try again")
        print("this is wrong because two pieces are held for nobody:")
        return look(engine)


if __name__ == "__main__":
    main(*sys.argv[1:2])
