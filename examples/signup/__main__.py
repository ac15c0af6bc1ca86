"""The site on the command line: ``python -m examples.signup --help``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import func, select

from examples.command import ended, read
from examples.opening import open_database
from examples.signup import app, outside
from examples.signup.answer import answer
from examples.signup.models import Base, LogEntry, StoredFile, User

EXAMPLES = """\
examples:
  python -m examples.signup sign-up rahul@email.com Rahul
  python -m examples.signup store photo rahul@email.com "what is in it"
  python -m examples.signup remove photo
  python -m examples.signup show
  python -m examples.signup answer         # if step 2 fails, what happens to step 1?

Mails and files lie in the folders mails and files of the current directory.
"""
KEY = "abcdefghijklmnopqrstuvwxyz0123456789-_"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit code is described by `examples.command.ended`."""
    asked = read(parser(), arguments)
    return ended(answer if asked.command == "answer" else lambda: carry_out(asked))


def parser() -> argparse.ArgumentParser:
    """What can be asked for."""
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--db", metavar="URL", help="URL of an empty database; by default the file signup.db")
    made = argparse.ArgumentParser(
        prog="python -m examples.signup",
        description="Accounts with a welcome mail, and files with a row: they come and go together.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = made.add_subparsers(dest="command", required=True, metavar="COMMAND")
    joining = commands.add_parser("sign-up", parents=[common], help="make an account")
    joining.add_argument("email", type=email)
    joining.add_argument("name", type=name)
    storing = commands.add_parser("store", parents=[common], help="put a file there")
    storing.add_argument("key", type=key)
    storing.add_argument("owner", type=email)
    storing.add_argument("content")
    removing = commands.add_parser("remove", parents=[common], help="remove a file")
    removing.add_argument("key", type=key)
    commands.add_parser("show", parents=[common], help="accounts, files, mails and what happened")
    commands.add_parser("answer", help="if step 2 fails, what happens to step 1?")
    return made


def carry_out(asked: argparse.Namespace) -> None:
    """One command, what it has left to be done outside of the database, and what is there then.

    Raises:
        RefusedError: a rule forbids it.
        NotOurDatabaseError: the database is not the site's.
    """
    engine = open_database(asked.db, "signup", Base.metadata)
    app.Sessions.configure(bind=engine)
    try:
        with outside.placed(Path.cwd()):
            if asked.command == "sign-up":
                app.sign_up(asked.email, asked.name)
            elif asked.command == "store":
                app.store(asked.key, asked.owner, asked.content)
            elif asked.command == "remove":
                app.remove(asked.key)
            app.deliver()
            show()
    finally:
        app.Sessions.configure(bind=app.engine)
        engine.dispose()


def show() -> None:
    """What is there."""
    with app.Sessions() as session:
        for user in session.scalars(select(User).order_by(User.email)):
            print(f"account {user.email}  {user.name}")
        for file in session.scalars(select(StoredFile).order_by(StoredFile.key)):
            there = "there" if file.place in outside.files() else "not there"
            print(f"file {file.key}  of {file.owner}, {file.size} characters, {there}")
        print(f"log entries: {session.scalar(select(func.count()).select_from(LogEntry))}")
    for mail in outside.mails():
        print(f"mail: {mail}")


def email(text: str) -> str:
    """An address.

    Raises:
        argparse.ArgumentTypeError: it is none.
    """
    if not text.strip() or text.count("@") != 1 or len(text) > 80 or " " in text:
        raise argparse.ArgumentTypeError(f"{text[:80]!r} is not an address; write it like rahul@email.com")
    return text


def name(text: str) -> str:
    """A name.

    Raises:
        argparse.ArgumentTypeError: it is empty, or too long.
    """
    if not text.strip() or len(text) > 40:
        raise argparse.ArgumentTypeError("a name has 1 to 40 characters")
    return text


def key(text: str) -> str:
    """What a file is called, here and in the storage.

    Raises:
        argparse.ArgumentTypeError: a file cannot be called so.
    """
    if not 1 <= len(text) <= 40 or not set(text) <= set(KEY):
        raise argparse.ArgumentTypeError(f"{text[:40]!r} is not the name of a file; it has 1 to 40 of {KEY}")
    return text


if __name__ == "__main__":
    sys.exit(main())
