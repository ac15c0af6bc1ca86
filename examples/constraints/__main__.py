"""The constraints on the command line: ``python -m examples.constraints --help``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.orm import Session

from acidity import atomic
from acidity.run import UnitPoisoned
from examples.command import RefusedError, ended, number, read, rupees, shown
from examples.constraints import app
from examples.constraints.models import Account, Base, Customer, Delivery, Item, Order, everywhere
from examples.opening import open_database

EXAMPLES = """\
examples:
  python -m examples.constraints open 1 500
  python -m examples.constraints open 2 100
  python -m examples.constraints pay 1 2 10000
  python -m examples.constraints fail 1 2 10000
  python -m examples.constraints add-customer 1 rahul@email.com
  python -m examples.constraints order 5001 NULL
  python -m examples.constraints show --db postgresql+psycopg://me@127.0.0.1/constraints

MariaDB has no deferred constraints, so it cannot be asked to deliver.
"""
NULL = "NULL"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit code is described by `examples.command.ended`."""
    asked = read(parser(), arguments)
    return ended(lambda: carry_out(asked))


def parser() -> argparse.ArgumentParser:
    """What can be asked for."""
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--db", metavar="URL", help="SQLAlchemy URL of an empty database; by default constraints.db")
    made = argparse.ArgumentParser(
        prog="python -m examples.constraints",
        description="Changes that the database refuses: the whole unit is undone, and the rows are as before.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = made.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, text: str, *takes: tuple[str, Callable[[str], Any]]) -> argparse.ArgumentParser:
        added = commands.add_parser(name, parents=[common], help=text, description=text)
        for parameter, kind in takes:
            added.add_argument(parameter, type=kind)
        return added

    money = (("source", number), ("target", number), ("amount", rupees))
    command("open", "open an account with a first deposit", ("account", number), ("balance", rupees))
    command("pay", "credit one account and debit the other", *money)
    command("pay-up-to", "the same, or what there is: begun anew after a refusal", *money)
    command("fail", "what a unit does after a refusal that was hidden", *money)
    command("add-customer", "note a customer", ("customer", number), ("email", email))
    command("order", "place an order of a customer, or of NULL", ("order", number), ("customer", number_or_null))
    item = (("order", number), ("product", number), ("pieces", number), ("price", rupees))
    command("add-item", "add an item to an order", *item)
    command("deliver", "note a delivery; its order is looked for at COMMIT", ("delivery", number), ("order", number))
    command("show", "all rows")
    return made


def carry_out(asked: argparse.Namespace) -> None:
    """One command.

    Raises:
        RefusedError: a constraint or a rule forbids it.
        NotOurDatabaseError: the database is not that of the constraints.
    """
    metadata = everywhere() if is_mariadb(asked.db) else Base.metadata
    if asked.command == "deliver" and metadata is not Base.metadata:
        raise RefusedError("MariaDB has no deferred constraints")
    engine = open_database(asked.db, "constraints", metadata)
    app.Sessions.configure(bind=engine)
    try:
        try:
            change(asked)
        except DBAPIError as error:
            if app.is_violation(error):
                raise RefusedError(f"the database says: {first_line(error)}") from error
            raise
        for line in lines():
            print(line)
    finally:
        engine.dispose()
        app.Sessions.configure(bind=app.engine)


def change(asked: argparse.Namespace) -> None:
    """What was asked for, in one unit."""
    match asked.command:
        case "open":
            app.open_account(asked.account, asked.balance)
        case "pay":
            app.pay(asked.source, asked.target, asked.amount)
        case "pay-up-to":
            print(f"paid: {shown(app.pay_up_to(asked.source, asked.target, asked.amount))}")
        case "fail":
            fail(asked)
        case "add-customer":
            app.add_customers((asked.customer, asked.email))
        case "order":
            app.place((asked.order, asked.customer))
        case "add-item":
            app.add_items((asked.order, asked.product, asked.pieces, asked.price))
        case "deliver":
            app.deliver(asked.delivery, asked.order)


def fail(asked: argparse.Namespace) -> None:
    """Hide a refusal, ask for something else in the same unit, and leave it to COMMIT; tell what each was answered."""

    def tell(_: object, old: Any, new: Any) -> None:
        print(f"  {old.value} → {new.value}")

    try:
        with atomic(app.Sessions, on_transition=tell) as session:
            told("UPDATE", lambda: app.move(session, asked.source, asked.target, asked.amount))
            told("SELECT", lambda: session.scalars(select(Account.balance)).all())
    except UnitPoisoned:
        print("COMMIT: not sent")


def told(what: str, ask: Callable[[], object]) -> None:
    """Print what a statement was answered, and go on whatever it was."""
    try:
        ask()
    except DBAPIError as error:
        print(f"{what}: {first_line(error)}")
    except UnitPoisoned:
        print(f"{what}: not sent, as the unit has failed")
    else:
        print(f"{what}: done")


@atomic(app.Sessions, read_only=True)
def lines(session: Session) -> list[str]:
    """All rows."""
    found = [f"account {each.id}  {shown(each.balance)}" for each in session.scalars(select(Account))]
    found += [f"customer {each.id}  {each.email}" for each in session.scalars(select(Customer))]
    found += [f"order {each.id}  of customer {each.customer_id}" for each in session.scalars(select(Order))]
    for item in session.scalars(select(Item)):
        found.append(f"item of order {item.order_id}  {item.quantity} × {item.product_id} at {shown(item.price)}")
    if session.get_bind().dialect.name not in {"mysql", "mariadb"}:
        found += [f"delivery {each.id}  of order {each.order_id}" for each in session.scalars(select(Delivery))]
    return found


def is_mariadb(url: str | None) -> bool:
    """Whether a URL names a database without deferred constraints; one that is none is refused when it is opened."""
    try:
        return url is not None and make_url(url).get_backend_name() in {"mysql", "mariadb"}
    except ArgumentError:
        return False


def first_line(error: DBAPIError) -> str:
    """What the database said, without what it adds below."""
    return str(error.orig).strip().splitlines()[0]


def number_or_null(text: str) -> int | None:
    """The number of a customer, or NULL.

    Raises:
        argparse.ArgumentTypeError: it is neither.
    """
    return None if text == NULL else number(text)


def email(text: str) -> str:
    """An address.

    Raises:
        argparse.ArgumentTypeError: it is none.
    """
    if "@" not in text or len(text) > 60:
        raise argparse.ArgumentTypeError("an address has an @, and at most 60 characters")
    return text


if __name__ == "__main__":
    sys.exit(main())
