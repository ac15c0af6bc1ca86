"""Each transfer has locked the account that the other one wants next; the database ends one of them. Not for SQLite."""

from __future__ import annotations

import sys
import threading

from sqlalchemy import Connection, select
from sqlalchemy.exc import OperationalError

from examples.bank.shown.rows import accounts, bank


def main(url: str) -> str:
    """What the one was told that the database has chosen."""
    with bank(url) as engine, engine.connect() as first, engine.connect() as second:
        lock(first, "A")
        lock(second, "B")
        told: list[str] = []

        def go_on(connection: Connection, name: str) -> None:
            try:
                lock(connection, name)
            except OperationalError as error:
                told.append(str(error.orig).strip().splitlines()[0])
            finally:
                connection.rollback()

        both = [threading.Thread(target=go_on, args=pair) for pair in ((first, "B"), (second, "A"))]
        for each in both:
            each.start()
        for each in both:
            each.join()
    (said,) = told
    print(f"one of the two was told: {said}")
    return said


def lock(connection: Connection, name: str) -> None:
    """SELECT … FOR UPDATE."""
    connection.execute(select(accounts).where(accounts.c.name == name).with_for_update()).one()


if __name__ == "__main__":
    main(sys.argv[1])
