"""Order and items are committed, the card is declined, and the total is set to 0."""

from __future__ import annotations

import sys

from sqlalchemy import update

from examples.checkout_api.shown.rows import DeclinedError, Found, add_order, look, orders, shop


def main(url: str | None = None) -> Found:
    """What is there afterwards."""
    with shop(url) as (engine, gateway):
        look(engine, gateway)
        with engine.connect() as connection:
            add_order(connection)
            connection.commit()
            try:
                gateway.charge(56000, "declined")
            except DeclinedError:
                connection.execute(update(orders).values(total=0))
                connection.commit()
                print("told: Payment failed")
        print("this is wrong because two pieces have left the stock for an order that costs nothing:")
        return look(engine, gateway)


if __name__ == "__main__":
    main(*sys.argv[1:2])
