"""₹10,000 are credited, the debit from ₹500 is refused, and COMMIT is sent all the same."""

from __future__ import annotations

import sys
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.exc import DBAPIError

from examples.constraints.shown.rows import accounts, books, look

Balances = list[tuple[Any, ...]]


def main(url: str | None = None) -> tuple[list[str], Balances]:
    """What each statement of the failed unit was answered, and what is in the accounts afterwards."""
    answers = []
    with books(url) as engine:
        look(engine, accounts)
        with engine.connect() as connection:
            for sql in (
                update(accounts).where(accounts.c.id == 2).values(balance=accounts.c.balance + 10000),
                update(accounts).where(accounts.c.id == 1).values(balance=accounts.c.balance - 10000),
                select(accounts.c.balance),
            ):
                try:
                    connection.execute(sql)
                    answers.append("done")
                except DBAPIError as error:
                    answers.append(code(error))
                    print(f"{sql.__visit_name__}: {str(error.orig).splitlines()[0]}")
            connection.commit()
        print("this is wrong because ₹10,000 came from nowhere, or COMMIT has said nothing and done nothing:")
        return answers, look(engine, accounts)


def code(error: DBAPIError) -> str:
    """The database's own code: 25P02 of PostgreSQL says that the transaction accepts only ROLLBACK."""
    first = getattr(error.orig, "args", ("",))[0]
    if isinstance(first, int):  # of MariaDB
        return str(first)
    return str(getattr(error.orig, "sqlite_errorname", None) or getattr(error.orig, "sqlstate", ""))


if __name__ == "__main__":
    main(*sys.argv[1:2])
