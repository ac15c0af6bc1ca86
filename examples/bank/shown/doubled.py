"""COMMIT is applied and its answer is lost; the transfer is made again, because something went wrong."""

from __future__ import annotations

import sys

from sqlalchemy import Engine, update

from examples.bank.shown.rows import Balances, accounts, bank, look


def main(url: str | None = None) -> Balances:
    """What is in the accounts afterwards."""
    with bank(url) as engine:
        look(engine)
        for attempt in (1, 2):
            try:
                transfer(engine, answer_is_lost=attempt == 1)
            except ConnectionError:
                continue
        print("₹500 were asked for, and ₹1,000 were moved:")
        return look(engine)


def transfer(engine: Engine, *, answer_is_lost: bool) -> None:
    """One attempt.

    Raises:
        ConnectionError: nothing is known of its COMMIT.
    """
    with engine.begin() as connection:
        for name, change in (("A", -50000), ("B", 50000)):
            values = {"balance": accounts.c.balance + change}
            connection.execute(update(accounts).where(accounts.c.name == name).values(values))
    if answer_is_lost:  # the server has committed; the network has not brought it back
        raise ConnectionError("server closed the connection unexpectedly")


if __name__ == "__main__":
    main(*sys.argv[1:2])
