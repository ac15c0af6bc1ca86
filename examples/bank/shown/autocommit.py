"""Each UPDATE commits by itself; the program ends between the two: (4500, 2000)."""

from __future__ import annotations

import sys

from sqlalchemy import update

from examples.bank.shown.rows import Balances, accounts, bank, look


def main(url: str | None = None) -> Balances:
    """What is in the accounts afterwards."""
    with bank(url) as engine:
        look(engine)
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            taken = update(accounts).where(accounts.c.name == "A").values(balance=accounts.c.balance - 50000)
            connection.execute(taken)
            # here the process is killed: the second UPDATE is never sent
        print("₹500 left A and came into nothing:")
        return look(engine)


if __name__ == "__main__":
    main(*sys.argv[1:2])
