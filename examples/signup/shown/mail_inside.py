"""The mail is sent inside the transaction, and then the log entry is refused."""

from __future__ import annotations

import sys

from sqlalchemy import insert
from sqlalchemy.exc import DBAPIError

from examples.signup.shown.rows import Found, logged, look, site, users


def main(url: str | None = None) -> Found:
    """What is there afterwards."""
    with site(url) as (engine, folder):
        with engine.begin() as connection:
            connection.execute(insert(logged).values(event="signed up"))
        look(engine, folder)
        try:
            with engine.begin() as connection:
                connection.execute(insert(users).values(email="rahul@email.com"))
                (folder / "mail to rahul@email.com").write_text("Welcome, Rahul", encoding="utf-8")
                connection.execute(insert(logged).values(event="signed up"))  # there is one already
        except DBAPIError as error:
            print(f"told: failed: {type(error.orig).__name__}")
        print("this is wrong because Rahul was welcomed, and has no account:")
        return look(engine, folder)


if __name__ == "__main__":
    main(*sys.argv[1:2])
