"""SQLite refuses COMMIT while somebody reads, and leaves the transaction open in the pool. For SQLite alone."""

from __future__ import annotations

import sys

from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from examples.budget.shown.rows import AMOUNT, FOOD, TRAVEL, Rows, budget, categories, look, spend


def main(url: str | None = None) -> Rows:
    """What is there afterwards."""
    with budget(url, connect_args={"timeout": 0}, pool_size=2) as engine:
        look(engine)
        reader = engine.raw_connection()
        session = Session(engine)
        with session:
            spend(session.connection(), FOOD, -AMOUNT)
            spend(session.connection(), TRAVEL, AMOUNT)
            reading = reader.cursor()
            reading.execute("SELECT id FROM categories")  # it has not fetched the rows yet, and holds a read lock
            try:
                session.commit()
            except OperationalError as error:
                print(f"told: failed: {error.orig}")
        reading.close()
        with engine.begin() as stranger:  # the next user of the same pooled connection
            stranger.execute(categories.update().where(categories.c.id == FOOD).values(name="Food"))
        reader.close()
        print("this is wrong because the next commit on that connection has made the transfer that failed:")
        return look(engine)


if __name__ == "__main__":
    main(*sys.argv[1:2])
