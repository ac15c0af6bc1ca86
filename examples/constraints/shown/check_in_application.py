"""Two withdrawals of ₹300 compare the balance of ₹500 in the application, and there is no CHECK."""

from __future__ import annotations

import sys

from sqlalchemy import select, update

from examples.constraints.shown.rows import books, look, purses

TAKEN = 300


def main(url: str | None = None) -> int:
    """What is in the purse afterwards."""
    with books(url) as engine:
        look(engine, purses)
        with engine.connect() as first, engine.connect() as second:
            enough = [each.scalars(select(purses.c.balance)).one() >= TAKEN for each in (first, second)]
            if engine.dialect.name == "sqlite":
                second.rollback()  # its read lock would keep the first from committing; it has read what it wanted
            for connection, may in zip((first, second), enough, strict=True):
                if may:
                    connection.execute(update(purses).values(balance=purses.c.balance - TAKEN))
                    connection.commit()
        print("this is wrong because the purse was never to fall below zero:")
        return int(look(engine, purses)[0][1])


if __name__ == "__main__":
    main(*sys.argv[1:2])
