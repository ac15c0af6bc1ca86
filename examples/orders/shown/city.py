"""UPDATE customers SET city = 'Bengaluru', then ROLLBACK: in autocommit, and with autocommit turned off."""

from __future__ import annotations

import sys

from sqlalchemy import text
from sqlalchemy.engine import Engine
from sqlalchemy.exc import DBAPIError

from examples.orders.shown.rows import customers, look, shop

# What turns autocommit on and off where it is a setting of the session; elsewhere BEGIN leaves it for one transaction.
SETTINGS = {
    "mysql": ("SET autocommit = 1", "SET autocommit = 0"),
    "mariadb": ("SET autocommit = 1", "SET autocommit = 0"),
}


def main(url: str | None = None) -> dict[str, str]:
    """Where customer 1 lives after each."""
    with shop(url) as engine:
        on, off = SETTINGS.get(engine.dialect.name, ("", "BEGIN"))
        found = {"off": rolled_back(engine, off)}
        found["on"] = rolled_back(engine, on)
    print("this is wrong because ROLLBACK was to take it back, and in autocommit has nothing to undo")
    return found


def rolled_back(engine: Engine, first: str) -> str:
    """Where customer 1 lives after an UPDATE and a ROLLBACK, on a connection whose driver is in autocommit."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for sql in filter(None, (first, "UPDATE customers SET city = 'Bengaluru' WHERE id = 1", "ROLLBACK")):
            try:
                connection.execute(text(sql))
                print(sql)
            except DBAPIError as error:
                print(f"{sql}: {error.orig}")
        connection.invalidate()  # its session has another setting now than the pool believes
    return str(look(engine, customers)[0][1])


if __name__ == "__main__":
    main(*sys.argv[1:2])
