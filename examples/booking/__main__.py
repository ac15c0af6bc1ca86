"""``python -m examples.booking``: seats of flights, from the command line."""

from __future__ import annotations

import argparse
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from examples.booking import app
from examples.booking.models import Base
from examples.booking.rules import SeatTakenError
from examples.command import ended, read
from examples.opening import open_database

EXAMPLES = """\
examples:
  python -m examples.booking open AI-101 --rows 20
  python -m examples.booking book AI-101 14A Rahul
  python -m examples.booking race AI-101 15C Rahul Priya Anita
  python -m examples.booking seats AI-101
  python -m examples.booking cancel AI-101 14A Rahul
"""
MOST_ROWS = 99
THREADS = 16  # at most; a server has not many more connections for one program


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit code is that of `examples.command.ended`."""
    asked = read(parser(), arguments)
    return ended(lambda: carry_out(asked))


@contextmanager
def opened(url: str | None, threads: int = 1) -> Iterator[None]:
    """The bookings are in this database for as long as the block lasts."""
    engine = open_database(url, "booking", Base.metadata, threads=threads)
    app.Sessions.configure(bind=engine)
    try:
        yield
    finally:
        app.Sessions.configure(bind=app.engine)
        engine.dispose()


def carry_out(asked: argparse.Namespace) -> None:
    """Do what was asked for, in the database that was named."""
    with opened(asked.db, threads_of(asked)):
        asked.run(asked)


def threads_of(asked: argparse.Namespace) -> int:
    """How many threads a command needs: one for each passenger who takes part in a race."""
    return min(len(getattr(asked, "passengers", "1")), THREADS)


def parser() -> argparse.ArgumentParser:
    """What can be asked for."""
    root = argparse.ArgumentParser(
        prog="python -m examples.booking",
        description="Seats of flights, each of which one passenger gets, however many ask at once.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--db", metavar="URL", help="SQLAlchemy URL of the database (default: booking.db in this directory)"
    )
    commands = root.add_subparsers(metavar="COMMAND", required=True)

    def command(name: str, run: Callable[[argparse.Namespace], None], text: str) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=text, description=text, parents=[common])
        made.add_argument("flight", type=flight, metavar="FLIGHT", help="as AI-101")
        made.set_defaults(run=run)
        return made

    opened = command("open", open_flight, "put a flight up for sale")
    opened.add_argument("--rows", type=rows, default=30, help="of six seats each (default: 30)")
    command("seats", show_seats, "show who has which seat")
    for name, run, text in (
        ("book", book, "take a seat for a passenger"),
        ("cancel", cancel, "give a passenger's seat back"),
        ("race", race, "let several passengers ask for the same seat at once, from several threads"),
    ):
        made = command(name, run, text)
        made.add_argument("seat", type=seat, metavar="SEAT", help="as 14A")
        if name == "race":
            made.add_argument("passengers", nargs="+", metavar="PASSENGER")
        else:
            made.add_argument("passenger", metavar="PASSENGER")
    return root


def open_flight(asked: argparse.Namespace) -> None:
    """``open FLIGHT``."""
    app.open_flight(asked.flight, asked.rows)
    show_seats(asked)


def show_seats(asked: argparse.Namespace) -> None:
    """``seats FLIGHT``: those that are taken, and how many there are."""
    seats = app.seats(asked.flight)
    taken = {number: passenger for number, passenger in seats.items() if passenger is not None}
    print(f"{asked.flight}: {len(taken)} of {len(seats)} seats are taken")
    for number, passenger in taken.items():
        print(f"  {number:<4} {passenger}")


def book(asked: argparse.Namespace) -> None:
    """``book FLIGHT SEAT PASSENGER``."""
    app.book(asked.flight, asked.seat, asked.passenger)
    print(f"{asked.passenger} has {asked.seat} on {asked.flight}")


def cancel(asked: argparse.Namespace) -> None:
    """``cancel FLIGHT SEAT PASSENGER``."""
    app.cancel(asked.flight, asked.seat, asked.passenger)
    print(f"{asked.passenger} has given {asked.seat} on {asked.flight} back")


def race(asked: argparse.Namespace) -> None:
    """``race FLIGHT SEAT PASSENGER PASSENGER``: one gets the seat, the others are told."""

    def told(passenger: str) -> str:
        try:
            app.book(asked.flight, asked.seat, passenger)
        except SeatTakenError as refusal:
            return str(refusal)
        return f"you have {asked.seat}"

    with ThreadPoolExecutor(threads_of(asked)) as threads:
        answers = Counter(threads.map(told, asked.passengers))
    for answer, count in sorted(answers.items(), reverse=True):
        print(f"{count} of {len(asked.passengers)} passengers told: {answer}")


def flight(text: str) -> str:
    """The code of a flight."""
    return _like(r"[A-Z0-9]{2}-[0-9]{1,4}", text, "the code of a flight; write it like AI-101")


def seat(text: str) -> str:
    """The number of a seat."""
    return _like(r"[1-9][0-9]?[A-F]", text, "the number of a seat; write it like 14A")


def rows(text: str) -> int:
    """How many rows a plane has."""
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= MOST_ROWS:
        raise argparse.ArgumentTypeError(f"{text!r}: a plane has 1 to {MOST_ROWS} rows")
    return int(text)


def _like(pattern: str, text: str, wanted: str) -> str:
    if re.fullmatch(pattern, text.upper()) is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not {wanted}")
    return text.upper()


if __name__ == "__main__":
    sys.exit(main())
