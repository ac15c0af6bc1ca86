"""Order and items are committed, and the process is killed before the card is charged."""

from __future__ import annotations

import sys

from examples.checkout_api.shown.rows import Found, add_order, look, shop


def main(url: str | None = None) -> Found:
    """What is there afterwards."""
    with shop(url) as (engine, gateway):
        look(engine, gateway)
        with engine.begin() as connection:
            add_order(connection)
        # here the process is killed: nobody charges, and nobody takes the order back
        print("this is wrong because there is an order that nobody has paid:")
        return look(engine, gateway)


if __name__ == "__main__":
    main(*sys.argv[1:2])
