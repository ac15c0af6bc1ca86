"""All in one transaction: the card is charged, and the answer is lost, which is taken for a no."""

from __future__ import annotations

import sys

from examples.checkout_api.shown.rows import DeclinedError, Found, add_order, look, shop


def main(url: str | None = None) -> Found:
    """What is there afterwards."""
    with shop(url) as (engine, gateway):
        look(engine, gateway)
        with engine.connect() as connection:
            add_order(connection)
            try:
                gateway.charge(56000, "lost")
                connection.commit()
            except (DeclinedError, ConnectionError):
                connection.rollback()
                print("told: Payment failed, no charges made")
        print("this is wrong because there was a charge:")
        return look(engine, gateway)


if __name__ == "__main__":
    main(*sys.argv[1:2])
