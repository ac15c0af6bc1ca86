"""Two passengers, two connections, stepped by hand: both look, both see a free seat, both are told "yes".

``python -m examples.booking.shown.looked_first [URL]``; without a URL, an SQLite file in a temporary directory.
Nothing of acidity is used in here: this is what the database does by itself.
"""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import Column, MetaData, String, Table, create_engine, select, update
from sqlalchemy.engine import Connection

seats = Table(
    "shown_seats",
    MetaData(),
    Column("flight", String(10), primary_key=True),
    Column("number", String(4), primary_key=True),
    Column("passenger", String(40)),
)
SEAT = (seats.c.flight == "AI-101") & (seats.c.number == "14A")


def main(url: str | None = None) -> str:
    """Let Rahul and Priya book 14A on AI-101; who has it in the end."""
    with TemporaryDirectory() as directory:
        return both_book(url or f"sqlite:///{Path(directory) / 'shown.db'}")


def both_book(url: str) -> str:
    """The whole story, in that database."""
    engine = create_engine(url)
    seats.create(engine)
    try:
        with engine.begin() as connection:
            connection.execute(seats.insert().values(flight="AI-101", number="14A", passenger=None))
            print("before:", *connection.execute(select(seats)))
        with engine.connect() as rahul, engine.connect() as priya:
            told = {"Rahul": looks(rahul), "Priya": looks(priya)}  # both look before either writes
            takes(priya, "Priya")
            takes(rahul, "Rahul")
        with engine.connect() as connection:
            [row] = connection.execute(select(seats)).all()
        for passenger, yes in told.items():
            print(f"{passenger} is told:", "14A is yours" if yes else "seat not available")
        print("after: ", row)
        print(f"this is wrong because both were told yes, and only {row.passenger} has the seat")
        return str(row.passenger)
    finally:
        seats.drop(engine)
        engine.dispose()


def looks(connection: Connection) -> bool:
    """Whether the seat is free; the transaction stays open."""
    return connection.scalar(select(seats.c.passenger).where(SEAT)) is None


def takes(connection: Connection, passenger: str) -> None:
    """What follows from having seen it free."""
    connection.execute(update(seats).where(SEAT).values(passenger=passenger))
    connection.commit()


if __name__ == "__main__":
    main(*sys.argv[1:2])
