"""The bank on the command line: ``python -m examples.bank --help``."""

from __future__ import annotations

import argparse
import secrets
import sys
from collections.abc import Sequence

from acidity.run import NothingToReverse
from examples.bank import app
from examples.bank.models import Base
from examples.command import RefusedError, ended, read, rupees, shown
from examples.opening import open_database

REQUEST_MAX = 30  # of the 40 that an entry has, since that of the opposite transfer says "reversed" after it
EXAMPLES = """\
examples:
  python -m examples.bank open A 5000
  python -m examples.bank open B 2000
  python -m examples.bank transfer A B 500 --request r-1
  python -m examples.bank reverse A B 500 --request r-1
  python -m examples.bank balances
  python -m examples.bank balances --db postgresql+psycopg://me@127.0.0.1/bank

A transfer that is asked for again under the same --request is not made a second time.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit code is described by `examples.command.ended`."""
    asked = read(parser(), arguments)
    return ended(lambda: carry_out(asked))


def parser() -> argparse.ArgumentParser:
    """What can be asked for."""
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--db", metavar="URL", help="SQLAlchemy URL of an empty database; by default the file bank.db")
    made = argparse.ArgumentParser(
        prog="python -m examples.bank",
        description="Accounts that never fall below zero, and transfers that happen as a whole or not at all.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = made.add_subparsers(dest="command", required=True, metavar="COMMAND")
    opening = commands.add_parser("open", parents=[common], help="open an account with a first deposit")
    opening.add_argument("name")
    opening.add_argument("amount", type=rupees)
    for name, text in (("transfer", "move an amount from A to B"), ("reverse", "undo a transfer by the opposite one")):
        moving = commands.add_parser(name, parents=[common], help=text)
        moving.add_argument("source", metavar="A")
        moving.add_argument("target", metavar="B")
        moving.add_argument("amount", type=rupees)
        moving.add_argument("--request", type=request, help="your name of this transfer; by default a new one")
    commands.add_parser("balances", parents=[common], help="what is in each account")
    return made


def request(text: str) -> str:
    """The caller's name of a transfer.

    Raises:
        argparse.ArgumentTypeError: it is none.
    """
    if not text.strip() or len(text) > REQUEST_MAX:
        raise argparse.ArgumentTypeError(f"the name of a transfer has 1 to {REQUEST_MAX} characters")
    return text


def carry_out(asked: argparse.Namespace) -> None:
    """One command.

    Raises:
        RefusedError: a rule forbids it.
        NotOurDatabaseError: the database is not the bank's.
    """
    if asked.command == "reverse" and not asked.request:
        raise RefusedError("say which transfer: --request")
    engine = open_database(asked.db, "bank", Base.metadata)
    app.Sessions.configure(bind=engine)
    try:
        if asked.command == "open":
            app.open_account(asked.name, asked.amount)
        elif asked.command == "transfer":
            app.transfer(asked.request or secrets.token_hex(8), asked.source, asked.target, asked.amount)
        elif asked.command == "reverse":
            reverse(asked)
        for name, balance in app.balances().items():
            print(f"{name}  {shown(balance)}")
    finally:
        engine.dispose()
        app.Sessions.configure(bind=app.engine)


def reverse(asked: argparse.Namespace) -> None:
    """Undo a transfer, or say that there is none.

    Raises:
        RefusedError: there is none.
    """
    try:
        app.reverse_transfer(asked.request, asked.source, asked.target, asked.amount)
    except NothingToReverse as error:
        raise RefusedError(f"no transfer {asked.request} was made, and none will be under this name") from error


if __name__ == "__main__":
    sys.exit(main())
