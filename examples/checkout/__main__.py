"""The checkout on the command line: ``python -m examples.checkout --help``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from sqlalchemy import select

from acidity.run import RetriesExhausted
from examples.checkout import app
from examples.checkout.models import Base, Customer, Order, Product
from examples.checkout.steps import PaymentFailedError
from examples.command import ended, read, rupees, shown, whole
from examples.opening import open_database

PIECES_MAX = 10_000
EXAMPLES = """\
examples:
  python -m examples.checkout add-customer C001 1000
  python -m examples.checkout add-product P001 280 10
  python -m examples.checkout buy O-1 C001 P001 2
  python -m examples.checkout set-price P001 300
  python -m examples.checkout deactivate C001
  python -m examples.checkout show --db postgresql+psycopg://me@127.0.0.1/shop

An order keeps the number that you give it, so asking twice buys once.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit code is described by `examples.command.ended`."""
    asked = read(parser(), arguments)
    return ended(lambda: carry_out(asked))


def parser() -> argparse.ArgumentParser:
    """What can be asked for."""
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--db", metavar="URL", help="URL of an empty database; by default the file checkout.db")
    made = argparse.ArgumentParser(
        prog="python -m examples.checkout",
        description="An order is bought in nine steps, and a failure at any of them leaves no trace of the others.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = made.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, text: str, *words: str) -> None:
        added = commands.add_parser(name, parents=[common], help=text)
        for word in words:
            added.add_argument(word, type=KINDS[word])

    command("add-customer", "note a customer, with money in the wallet", "customer", "amount")
    command("add-product", "offer pieces of a product", "product", "amount", "pieces")
    command("buy", "buy pieces of a product", "order", "customer", "product", "pieces")
    command("set-price", "change the price of a product", "product", "amount")
    command("deactivate", "a customer buys no more, and their orders are cancelled", "customer")
    command("show", "wallets, stock and orders")
    return made


def carry_out(asked: argparse.Namespace) -> None:
    """One command, and what is there after it.

    Raises:
        RefusedError: a rule forbids it.
        NotOurDatabaseError: the database is not the shop's.
    """
    engine = open_database(asked.db, "checkout", Base.metadata)
    app.Sessions.configure(bind=engine)
    try:
        if asked.command == "add-customer":
            app.add_customer(asked.customer, asked.amount)
        elif asked.command == "add-product":
            app.add_product(asked.product, asked.amount, asked.pieces)
        elif asked.command == "buy":
            buy(asked)
        elif asked.command == "set-price":
            app.set_price(asked.product, asked.amount)
        elif asked.command == "deactivate":
            for order in app.deactivate(asked.customer):
                print(f"cancelled: {order}")
        show()
    finally:
        app.Sessions.configure(bind=app.engine)
        engine.dispose()


def buy(asked: argparse.Namespace) -> None:
    """``buy ORDER CUSTOMER PRODUCT PIECES``.

    Raises:
        PaymentFailedError: nothing was bought, and it may be tried again.
        RefusedError: nothing was bought.
    """
    try:
        paid = app.checkout(asked.order, asked.customer, asked.product, asked.pieces)
    except RetriesExhausted as error:
        raise PaymentFailedError from error
    print(f"paid: {shown(paid)}")


def show() -> None:
    """What is there."""
    with app.Sessions() as session:
        for customer in session.scalars(select(Customer).order_by(Customer.id)):
            left = "" if customer.is_active else ", not active"
            print(f"customer {customer.id}  {shown(customer.wallet)}{left}")
        for product in session.scalars(select(Product).order_by(Product.id)):
            print(f"product {product.id}  {shown(product.price)}, {product.stock:,} in stock, {product.reserved} held")
        for order in session.scalars(select(Order).order_by(Order.id)):
            print(f"order {order.id}  customer {order.customer_id}, {shown(order.total)}, {order.status}")


def code(text: str) -> str:
    """What a customer or a product is called.

    Raises:
        argparse.ArgumentTypeError: nobody can be called so.
    """
    return _named(text, 10, "of a customer or a product")


def order_number(text: str) -> str:
    """What an order is called.

    Raises:
        argparse.ArgumentTypeError: none can be called so.
    """
    return _named(text, 40, "of an order")


def _named(text: str, most: int, what: str) -> str:
    if not text.strip() or len(text) > most:
        raise argparse.ArgumentTypeError(f"the name {what} has 1 to {most} characters")
    return text


def pieces(text: str) -> int:
    """How many pieces.

    Raises:
        argparse.ArgumentTypeError: it is no such number.
    """
    return whole(text, PIECES_MAX, "a number of pieces")


KINDS = {"customer": code, "product": code, "order": order_number, "amount": rupees, "pieces": pieces}

if __name__ == "__main__":
    sys.exit(main())
