"""The checkout on the command line: ``python -m examples.checkout_api --help``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from urllib.parse import urlsplit

from sqlalchemy import select

from examples.checkout_api import app as shop
from examples.checkout_api.gateway import Bank, Folder
from examples.checkout_api.models import Base, Intent, Order, Product
from examples.checkout_api.remote import Remote, Server
from examples.checkout_api.request import KEY_MAX, PIECES_MAX, Purchase
from examples.checkout_api.serving import FRAMEWORKS, THREADS, serve
from examples.command import RefusedError, ended, read, rupees, shown, whole
from examples.opening import NotOurDatabaseError, open_database

GATEWAY = "gateway"
EXAMPLES = """\
examples:
  python -m examples.checkout_api add-product P001 280 10
  python -m examples.checkout_api serve --framework flask --port 8000
  curl -i http://127.0.0.1:8000/checkouts -H 'Idempotency-Key: key-1' -H 'Content-Type: application/json' \\
       -d '{"product": "P001", "quantity": 2, "card": "4242"}'
  python -m examples.checkout_api show

Cards: declined is declined; silent is not charged, and nobody hears so; lost is charged, and nobody hears so; every
other one is charged. The gateway is the folder gateway of the current directory; --gateway names another folder, or a
process that `python -m examples.checkout_api gateway` has started, as http://127.0.0.1:8100.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit code is described by `examples.command.ended`."""
    asked = read(parser(), arguments)
    return ended(lambda: run_gateway(asked) if asked.command == "gateway" else carry_out(asked))


def parser() -> argparse.ArgumentParser:
    """What can be asked for."""
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--db", metavar="URL", help="URL of an empty database; by default the file checkout_api.db")
    common.add_argument("--gateway", metavar="PLACE", default=GATEWAY, help="a folder, or http://127.0.0.1:PORT")
    made = argparse.ArgumentParser(
        prog="python -m examples.checkout_api",
        description="A checkout over HTTP: a charge never lacks its order, whatever fails.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = made.add_subparsers(dest="command", required=True, metavar="COMMAND")
    adding = commands.add_parser("add-product", parents=[common], help="offer pieces of a product")
    adding.add_argument("product", type=code)
    adding.add_argument("amount", type=rupees)
    adding.add_argument("pieces", type=pieces)
    buying = commands.add_parser("buy", parents=[common], help="make one request without a server, and say its answer")
    buying.add_argument("key", type=key, help="the Idempotency-Key")
    buying.add_argument("product", type=code)
    buying.add_argument("pieces", type=pieces)
    buying.add_argument("card", type=card)
    buying.add_argument("--break-off", action="store_true", help="stop right after the charge, as if killed there")
    serving = commands.add_parser("serve", parents=[common], help="answer requests over HTTP")
    serving.add_argument("--framework", choices=FRAMEWORKS, default=FRAMEWORKS[0])
    serving.add_argument("--port", type=port, default=8000, help="of 127.0.0.1; 0 is one that is free")
    serving.add_argument(
        "--recover-every",
        type=seconds,
        default=30,
        metavar="S",
        help="settle what is pending for longer than S seconds",
    )
    commands.add_parser("recover", parents=[common], help="settle what a process that was killed has left pending")
    commands.add_parser("show", parents=[common], help="products, payments and orders")
    charging = commands.add_parser("gateway", help="run the gateway as a process of its own")
    charging.add_argument("--folder", type=Path, default=Path(GATEWAY), help="where it keeps its charges")
    charging.add_argument("--port", type=port, default=8100, help="of 127.0.0.1; 0 is one that is free")
    return made


def carry_out(asked: argparse.Namespace) -> None:
    """One command.

    Raises:
        RefusedError: a rule forbids it.
        NotOurDatabaseError: the database is not the shop's.
    """
    bank = bank_at(asked.gateway)
    serves = asked.command == "serve"
    engine = open_database(asked.db, "checkout_api", Base.metadata, threads=THREADS if serves else 1)
    before = shop.gateway.bank
    shop.Sessions.configure(bind=engine)
    shop.gateway.bank = BreaksOff(bank) if asked.command == "buy" and asked.break_off else bank
    try:
        if serves:
            serve(asked.framework, asked.port, asked.recover_every)
            return
        if asked.command == "add-product":
            shop.add_product(asked.product, asked.amount, asked.pieces)
        elif asked.command == "buy":
            buy(asked)
        elif asked.command == "recover":
            print(f"settled: {shop.recover()}")
        show()
    finally:
        shop.Sessions.configure(bind=shop.engine)
        shop.gateway.bank = before
        engine.dispose()


def bank_at(place: str) -> Bank:
    """The gateway that is meant.

    Raises:
        NotOurDatabaseError: there cannot be one.
    """
    if not place.startswith(("http:", "https:")):
        if Path(place).exists() and not Path(place).is_dir():
            raise NotOurDatabaseError(f"--gateway {place} is a file, and no folder")
        return Folder(Path(place))
    if not urlsplit(place).netloc or place.startswith("https:"):
        raise NotOurDatabaseError(f"--gateway {place} is no address like http://127.0.0.1:8100")
    return Remote(place)


class BreaksOff:
    """A bank that takes the money, and then the process ends.

    Args:
        bank: where the money is taken.
    """

    def __init__(self, bank: Bank) -> None:
        self.bank = bank

    def charge(self, key: str, amount: Decimal, card: str) -> None:
        """See `Gateway.charge`.

        Raises:
            KeyboardInterrupt: always.
        """
        self.bank.charge(key, amount, card)
        raise KeyboardInterrupt

    def close(self, key: str) -> bool:
        """See `Gateway.close`."""
        return self.bank.close(key)


def buy(asked: argparse.Namespace) -> None:
    """``buy KEY PRODUCT PIECES CARD``: the answer, without what is new each time.

    Raises:
        RefusedError: nothing was bought.
    """
    answer = shop.check_out(asked.key, Purchase(product=asked.product, quantity=asked.pieces, card=asked.card))
    if "detail" in answer.body:
        raise RefusedError(f"{answer.status} {answer.body['detail']}")
    said = f"paid: {shown(Decimal(answer.body['total']))}" if "total" in answer.body else "the payment is pending"
    print(f"{answer.status} {said}")


def show() -> None:
    """What is there."""
    with shop.Sessions() as session:
        for product in session.scalars(select(Product).order_by(Product.id)):
            print(f"product {product.id}  {shown(product.price)}, {product.stock:,} in stock, {product.reserved} held")
        wanted = select(Intent.product_id, Intent.quantity, Intent.price, Intent.status)
        for paid in session.execute(wanted.order_by(Intent.product_id, Intent.quantity, Intent.status)):
            print(f"payment  {paid.quantity} of {paid.product_id}, {shown(paid.price * paid.quantity)}, {paid.status}")
        totals = session.scalars(select(Order.total)).all()
        print(f"orders: {len(totals)}, {shown(sum(totals, Decimal(0)))}")
    bank = shop.gateway.bank
    if isinstance(bank, Folder):
        charges = bank.charges().values()
        print(f"charges: {len(charges)}, {shown(sum(charges, Decimal(0)))}")


def run_gateway(asked: argparse.Namespace) -> None:
    """``gateway``: until the process is told to end.

    Raises:
        RefusedError: nobody can listen there.
    """
    try:
        server = Server(Folder(asked.folder), asked.port)
    except OSError as error:
        raise RefusedError(f"port {asked.port} cannot be listened at: {error.strerror}") from error
    with server:
        print(f"the gateway listens at {server.url}", flush=True)
        server.serve_forever()


def code(text: str) -> str:
    """What a product is called.

    Raises:
        argparse.ArgumentTypeError: none can be called so.
    """
    return _of_letters(text, 10, "a product")


def card(text: str) -> str:
    """The number of a card, or what it is to do.

    Raises:
        argparse.ArgumentTypeError: it is none.
    """
    return _of_letters(text, 40, "a card")


def _of_letters(text: str, most: int, what: str) -> str:
    if not 1 <= len(text) <= most or not text.isascii() or not text.replace("-", "a").isalnum():
        raise argparse.ArgumentTypeError(f"{text[:most]!r} is not {what}; it has 1 to {most} letters and digits")
    return text


def key(text: str) -> str:
    """What a request is known by.

    Raises:
        argparse.ArgumentTypeError: it is empty, or too long.
    """
    if not 1 <= len(text) <= KEY_MAX:
        raise argparse.ArgumentTypeError(f"an Idempotency-Key has 1 to {KEY_MAX} characters")
    return text


def pieces(text: str) -> int:
    """How many pieces.

    Raises:
        argparse.ArgumentTypeError: it is no such number.
    """
    return whole(text, PIECES_MAX, "a number of pieces")


def seconds(text: str) -> int:
    """How long.

    Raises:
        argparse.ArgumentTypeError: it is no such number.
    """
    return whole(text, 86_400, "a number of seconds")


def port(text: str) -> int:
    """A port; 0 is one that is free.

    Raises:
        argparse.ArgumentTypeError: it is none.
    """
    return 0 if text == "0" else whole(text, 65_535, "a port")


if __name__ == "__main__":
    sys.exit(main())
