"""The orders on the command line: ``python -m examples.orders --help``."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Sequence
from typing import Any

from examples.command import ended, number, read, rupees, whole
from examples.opening import open_database
from examples.orders import app, book
from examples.orders.models import Base

EXAMPLES = """\
examples:
  python -m examples.orders add-customer 1 Rahul Mumbai
  python -m examples.orders add-product 12 Notebook 140 10
  python -m examples.orders place 5002 1 280 12x2@140
  python -m examples.orders place-first 5001 1 280 15x1@280 12x2@140
  python -m examples.orders confirm 5001 1
  python -m examples.orders show --db postgresql+psycopg://me@127.0.0.1/orders

An item is written PRODUCTxPIECES@PRICE. An order keeps the number that you give it, so asking twice places one.
"""
PIECES_MAX = 10_000
_ITEM = re.compile(r"([^x@]+)x([^x@]+)@([^x@]+)")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit code is described by `examples.command.ended`."""
    asked = read(parser(), arguments)
    return ended(lambda: carry_out(asked))


def parser() -> argparse.ArgumentParser:
    """What can be asked for."""
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--db", metavar="URL", help="SQLAlchemy URL of an empty database; by default the file orders.db"
    )
    made = argparse.ArgumentParser(
        prog="python -m examples.orders",
        description="Orders with items, stock, payments and invoices, placed and confirmed as a whole or not at all.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = made.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, text: str, *takes: tuple[str, Callable[[str], Any]]) -> argparse.ArgumentParser:
        added = commands.add_parser(name, parents=[common], help=text, description=text)
        for parameter, kind in takes:
            added.add_argument(parameter, type=kind)
        return added

    customer, product, order = ("customer", number), ("product", number), ("order", number)
    command("add-customer", "note a new customer", customer, ("name", name), ("city", name))
    command("add-product", "offer a product", product, ("name", name), ("price", rupees), ("stock", stock))
    for verb, text in (
        ("place", "place an order whose total is the sum of its items"),
        ("place-on-credit", "the same, paid later: its invoice forbids the next order until then"),
        ("place-first", "order the first item that can be had; the others are undone to a savepoint"),
    ):
        command(verb, text, order, customer, ("total", rupees)).add_argument("items", type=item, nargs="+")
    command("confirm", "change status, stock and payment of an order together", order, customer)
    command("pay", "pay the invoice of an order on credit", order, customer)
    command("sell", "sell over the counter", product, ("pieces", pieces))
    command("set-stock", "write what was counted", product, ("pieces", stock)).add_argument(
        "--try", dest="keep", action="store_false", help="say what it would be, and roll it back"
    )
    command("move", "a customer moves", customer, ("city", name)).add_argument(
        "--try", dest="keep", action="store_false", help="say what it would be, and roll it back"
    )
    command("show", "what is in stock, and all orders")
    return made


def carry_out(asked: argparse.Namespace) -> None:
    """One command.

    Raises:
        RefusedError: a rule forbids it.
        NotOurDatabaseError: the database is not that of the orders.
    """
    engine = open_database(asked.db, "orders", Base.metadata)
    app.Sessions.configure(bind=engine)
    try:
        change(asked)
        for line in book.lines():
            print(line)
    finally:
        engine.dispose()
        app.Sessions.configure(bind=app.engine)


def change(asked: argparse.Namespace) -> None:
    """What was asked for, in one unit."""
    match asked.command:
        case "add-customer":
            app.add_customer(asked.customer, asked.name, asked.city)
        case "add-product":
            app.add_product(asked.product, asked.name, asked.price, asked.stock)
        case "place":
            app.place(asked.order, asked.customer, asked.total, *asked.items)
        case "place-on-credit":
            app.place_on_credit(asked.order, asked.customer, asked.total, *asked.items)
        case "place-first":
            taken = app.place_first_of(asked.order, asked.customer, asked.total, *asked.items)
            print("no item can be had; the order waits" if taken is None else f"ordered: {book.item(*taken)}")
        case "confirm":
            app.confirm(asked.customer, asked.order)
        case "pay":
            app.pay(asked.customer, asked.order)
        case "sell":
            app.sell(asked.product, asked.pieces)
        case "set-stock":
            app.set_stock(asked.product, asked.pieces, keep=asked.keep)
        case "move":
            app.move(asked.customer, asked.city, keep=asked.keep)


def pieces(text: str) -> int:
    """How many pieces.

    Raises:
        argparse.ArgumentTypeError: it is not a whole number from 1 on, or there are too many.
    """
    return whole(text, PIECES_MAX, "a number of pieces")


def stock(text: str) -> int:
    """How many pieces there are, which may be none.

    Raises:
        argparse.ArgumentTypeError: it is not a whole number from 0 on, or there are too many.
    """
    return 0 if text == "0" else pieces(text)


def name(text: str) -> str:
    """A name of a person, a product or a city.

    Raises:
        argparse.ArgumentTypeError: it is empty, or too long.
    """
    if not text.strip() or len(text) > 40:
        raise argparse.ArgumentTypeError("a name has 1 to 40 characters")
    return text


def item(text: str) -> app.Line:
    """An item as ``12x2@140``: two pieces of product 12 at ₹140 each.

    Raises:
        argparse.ArgumentTypeError: it is not written so.
    """
    found = _ITEM.fullmatch(text)
    if found is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not an item; write PRODUCTxPIECES@PRICE, like 12x2@140")
    return app.Line(number(found[1]), pieces(found[2]), rupees(found[3]))


if __name__ == "__main__":
    sys.exit(main())
