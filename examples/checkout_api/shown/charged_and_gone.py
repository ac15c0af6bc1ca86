"""All in one transaction: the card is charged, and then COMMIT fails."""

from __future__ import annotations

import sys

from examples.checkout_api.shown.rows import CommitFailedError, Found, add_order, look, refused_commits, shop


def main(url: str | None = None) -> Found:
    """What is there afterwards."""
    with shop(url) as (engine, gateway):
        look(engine, gateway)
        with engine.connect() as connection:
            add_order(connection)
            gateway.charge(56000, "4242")
            try:
                with refused_commits(engine):
                    connection.commit()
            except CommitFailedError:
                connection.rollback()
                print("told: Checkout failed")
        print("this is wrong because the money is taken, and the order is gone:")
        return look(engine, gateway)


if __name__ == "__main__":
    main(*sys.argv[1:2])
