"""The budget tracker on the command line: ``python -m examples.budget --help``."""

from __future__ import annotations

import argparse
import datetime as dt
import sys
from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from acidity import atomic
from examples.budget.drill import drill
from examples.budget.models import Base, Category, today
from examples.budget.rules import Answer
from examples.budget.rules import RefusedError as RuleError
from examples.budget.with_atomic import app
from examples.command import RefusedError, ended, number, read, rupees, shown
from examples.opening import open_database

DESCRIPTION_MAX = 200
EXAMPLES = """\
examples:
  python -m examples.budget add Food 120.50 "Groceries"
  python -m examples.budget add Travel 80 "Train"
  python -m examples.budget transfer Food Travel 25.10
  python -m examples.budget merge Travel Food
  python -m examples.budget summary --month 2025-03
  python -m examples.budget drill          # run it, make it fail, count the rows

A category is made by its first expense. Each user, --user NUMBER, sees only their own.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit code is described by `examples.command.ended`."""
    asked = read(parser(), arguments)
    return ended(drill if asked.command == "drill" else lambda: carry_out(asked))


def parser() -> argparse.ArgumentParser:
    """What can be asked for."""
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--db", metavar="URL", help="URL of an empty database; by default the file budget.db")
    common.add_argument("--user", metavar="NUMBER", type=number, default=1, help="whose categories; by default 1")
    common.add_argument("--month", type=month, help="which month to show, as 2025-03; by default this one")
    made = argparse.ArgumentParser(
        prog="python -m examples.budget",
        description="What was spent on what, and budget that is moved from one category to another as a whole.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = made.add_subparsers(dest="command", required=True, metavar="COMMAND")
    adding = commands.add_parser("add", parents=[common], help="note an expense")
    adding.add_argument("category")
    adding.add_argument("amount", type=rupees)
    adding.add_argument("description", nargs="?", default="", type=description)
    moving = commands.add_parser("transfer", parents=[common], help="move budget from A to B")
    moving.add_argument("source", metavar="A")
    moving.add_argument("target", metavar="B")
    moving.add_argument("amount", type=rupees)
    merging = commands.add_parser("merge", parents=[common], help="move every expense of A into B, and delete A")
    merging.add_argument("source", metavar="A")
    merging.add_argument("target", metavar="B")
    commands.add_parser("summary", parents=[common], help="what was spent in a month")
    commands.add_parser("drill", help="a transfer that works, one that is refused, one that fails: count the rows")
    return made


def description(text: str) -> str:
    """What an expense was for.

    Raises:
        argparse.ArgumentTypeError: it is too long.
    """
    if len(text) > DESCRIPTION_MAX:
        raise argparse.ArgumentTypeError(f"a description has at most {DESCRIPTION_MAX} characters")
    return text


def month(text: str) -> tuple[int, int]:
    """Year and month.

    Raises:
        argparse.ArgumentTypeError: it is none.
    """
    try:
        first = dt.date.fromisoformat(f"{text}-01")
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a month; write it like 2025-03") from None
    return first.year, first.month


def carry_out(asked: argparse.Namespace) -> None:
    """One command, and the month after it.

    Raises:
        RefusedError: a rule forbids it.
        NotOurDatabaseError: the database is not the budget tracker's.
    """
    engine = open_database(asked.db, "budget", Base.metadata)
    app.Sessions.configure(bind=engine)
    try:
        if asked.command == "add":
            add(asked)
        elif asked.command == "transfer":
            told(app.transfer_budget(asked.user, *both(asked), asked.amount))
        elif asked.command == "merge":
            told(app.merge_category(asked.user, *both(asked)))
        year, number = asked.month or (today().year, today().month)
        for name, spent in app.monthly_summary(asked.user, year, number).items():
            print(f"{name}  {shown(spent)}")
    finally:
        app.Sessions.configure(bind=app.engine)
        engine.dispose()


def add(asked: argparse.Namespace) -> None:
    """Note an expense, in a category that is made if there is none; `add_expense` joins this unit.

    Raises:
        RefusedError: the name belongs to somebody else, or is none.
    """
    try:
        with atomic(app.Sessions) as session:
            app.add_expense(asked.user, made(session, asked.user, asked.category), asked.description, asked.amount)
    except RuleError as error:
        raise RefusedError(str(error)) from error


def made(session: Session, user_id: int, name: str) -> int:
    """The id of a category, which is made if nobody has it."""
    if not name.strip() or len(name) > 50:
        raise RefusedError("the name of a category has 1 to 50 characters")
    there = session.scalars(select(Category).where(Category.name == name)).one_or_none()
    if there is None:
        there = Category(user_id=user_id, name=name)
        session.add(there)
        session.flush()
    return there.id


def both(asked: argparse.Namespace) -> tuple[int, int]:
    """The ids of the two categories that are named; 0, which no category has, for a name that is unknown."""
    with app.Sessions() as session:
        ids = dict(session.execute(select(Category.name, Category.id).where(Category.user_id == asked.user)).all())
    return ids.get(asked.source, 0), ids.get(asked.target, -1)


def told(answer: Answer) -> None:
    """Say a refusal as one.

    Raises:
        RefusedError: it was one.
    """
    if not answer["success"]:
        raise RefusedError(answer["error"])


if __name__ == "__main__":
    sys.exit(main())
