"""Two orders, one after the other, each in a transaction of its own; nobody asks whether the money is there."""

from __future__ import annotations

import sys

from sqlalchemy import insert, update

from examples.checkout.shown.rows import PRICE, Rows, customers, look, orders, shop


def main(url: str | None = None) -> Rows:
    """What is there afterwards."""
    with shop(url) as engine:
        look(engine)
        for number in ("O-1", "O-2"):
            with engine.begin() as connection:
                new = {"id": number, "customer_id": "C001", "total": 2 * PRICE, "status": "confirmed"}
                connection.execute(insert(orders).values(new))
                connection.execute(update(customers).values(wallet=customers.c.wallet - 2 * PRICE))
        print("this is wrong because C001 had ₹1,000 and owes the rest of ₹1,120, in whatever order the two come:")
        return look(engine)


if __name__ == "__main__":
    main(*sys.argv[1:2])
