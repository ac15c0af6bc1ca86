"""Two transfers, of ₹500 and of ₹300, read both balances first: what the first one has written is written over."""

from __future__ import annotations

import sys

from sqlalchemy import select, update
from sqlalchemy.engine import Connection

from examples.bank.shown.rows import Balances, accounts, bank, look


def main(url: str | None = None) -> Balances:
    """What is in the accounts afterwards."""
    with bank(url) as engine:
        look(engine)
        with engine.connect() as first, engine.connect() as second:
            seen_by_first, seen_by_second = read(first), read(second)
            if engine.dialect.name == "sqlite":
                second.rollback()  # its read lock would keep the first from committing; what it has read it keeps
            write(first, seen_by_first, 50000)
            write(second, seen_by_second, 30000)
        print("two transfers of ₹500 and ₹300 were told that they succeeded, and ₹500 were never moved:")
        return look(engine)


def read(connection: Connection) -> Balances:
    """What one of them reads."""
    return {row.name: row.balance for row in connection.execute(select(accounts))}


def write(connection: Connection, seen: Balances, paise: int) -> None:
    """What it writes: SET balance = 4500."""
    for name, change in (("A", -paise), ("B", paise)):
        connection.execute(update(accounts).where(accounts.c.name == name).values(balance=seen[name] + change))
    connection.commit()


if __name__ == "__main__":
    main(*sys.argv[1:2])
