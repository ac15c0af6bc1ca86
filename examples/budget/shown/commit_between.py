"""One session, with a commit between debit and credit; the credit is refused."""

from __future__ import annotations

import sys

from sqlalchemy.exc import DBAPIError

from examples.budget.shown.rows import AMOUNT, FOOD, TRAVEL, Rows, budget, look, spend


def main(url: str | None = None) -> Rows:
    """What is there afterwards."""
    with budget(url) as engine:
        look(engine)
        with engine.connect() as connection:
            spend(connection, FOOD, -AMOUNT)
            connection.commit()
            try:
                spend(connection, TRAVEL, None)
            except DBAPIError:
                connection.rollback()  # as it should be, and too late for the debit
        print("this is wrong because the rollback has undone half of the transfer:")
        return look(engine)


if __name__ == "__main__":
    main(*sys.argv[1:2])
