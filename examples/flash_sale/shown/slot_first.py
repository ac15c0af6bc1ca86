"""One purchase, asked for twice at once, two connections stepped by hand: slot 2 is sold, and slot 1 is not.

``python -m examples.flash_sale.shown.slot_first URL`` of PostgreSQL or MariaDB; SQLite has no row locks to be skipped.
Nothing of acidity is used in here: this is what the database does by itself.
"""

from __future__ import annotations

import sys

from sqlalchemy import Column, Integer, MetaData, String, Table, create_engine, insert, select, update
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError

metadata = MetaData()
slots = Table("shown_slots", metadata, Column("number", Integer, primary_key=True), Column("purchase", String(20)))
sales = Table("shown_sales", metadata, Column("purchase", String(20), primary_key=True))


def main(url: str) -> list[int]:
    """Sell to who asks twice; the numbers of the slots that are taken."""
    engine = create_engine(url, isolation_level="READ COMMITTED")
    metadata.create_all(engine)
    try:
        with engine.begin() as connection:
            connection.execute(insert(slots), [{"number": number, "purchase": None} for number in (1, 2)])
            print("before:", *connection.execute(select(slots).order_by(slots.c.number)))
        with engine.connect() as first, engine.connect() as second:
            held, skipped_to = lock_a_slot(first), lock_a_slot(second)
            print(f"the first locks slot {held}, and the second skips it and locks slot {skipped_to}")
            record(second, skipped_to)
            try:
                record(first, held)
            except IntegrityError:
                first.rollback()
                print("the first is told that purchase P-1 was made already")
        with engine.connect() as connection:
            rows = connection.execute(select(slots).order_by(slots.c.number)).all()
        print("after: ", *rows)
        taken = [row.number for row in rows if row.purchase is not None]
        print(f"this is wrong because slot {taken[0]} is taken and slot 1 is not, whichever of them came first")
        return taken
    finally:
        metadata.drop_all(engine)
        engine.dispose()


def lock_a_slot(connection: Connection) -> int:
    """The first one that is free and that nobody has locked."""
    free = select(slots.c.number).where(slots.c.purchase.is_(None)).order_by(slots.c.number).limit(1)
    return int(connection.scalars(free.with_for_update(skip_locked=True)).one())


def record(connection: Connection, number: int) -> None:
    """Write the sale, and who has the slot."""
    connection.execute(insert(sales).values(purchase="P-1"))
    connection.execute(update(slots).where(slots.c.number == number).values(purchase="P-1"))
    connection.commit()


if __name__ == "__main__":
    main(sys.argv[1])
