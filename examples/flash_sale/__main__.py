"""``python -m examples.flash_sale``: few pieces and many buyers, from the command line."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.engine import Engine

from examples.command import RefusedError, ended, read
from examples.flash_sale import app, warehouses
from examples.flash_sale.compare import Compared, Load
from examples.flash_sale.models import Base
from examples.flash_sale.rush import rush
from examples.flash_sale.strategies import STRATEGIES, Strategy
from examples.opening import NotOurDatabaseError, open_database

EXAMPLES = """\
examples:
  python -m examples.flash_sale offer lamp 2
  python -m examples.flash_sale buy lamp P-1
  python -m examples.flash_sale rush phone --purchases 200 --pieces 20 --workers 8
  python -m examples.flash_sale compare --svg plot.svg
  python -m examples.flash_sale move lamp Mumbai Delhi 4
"""
USUAL = Load()
MOST_PIECES, MOST_WORKERS, MOST_ROUNDS = 1_000_000, 64, 99


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit code is that of `examples.command.ended`."""
    asked = read(parser(), arguments)
    return ended(lambda: asked.run(asked))


@contextmanager
def shop(url: str | None, threads: int = 1) -> Iterator[Engine]:
    """The shop of this database, for as long as the block lasts."""
    engine = open_database(url, "flash_sale", Base.metadata, threads=threads)
    app.Sessions.configure(bind=engine)
    try:
        yield engine
    finally:
        app.Sessions.configure(bind=app.engine)
        engine.dispose()


def parser() -> argparse.ArgumentParser:
    """What can be asked for."""
    root = argparse.ArgumentParser(
        prog="python -m examples.flash_sale",
        description="Few pieces, many buyers at once, and none sold twice.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = root.add_subparsers(metavar="COMMAND", required=True)

    def command(
        name: str, run: Callable[[argparse.Namespace], None], text: str, *words: str
    ) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=text, description=text)
        for word in words:
            kind = pieces if word == "pieces" else str
            made.add_argument(word, type=kind, metavar=word.upper())
        made.add_argument(
            "--db",
            metavar="URL",
            action="append" if name == "compare" else "store",
            help="SQLAlchemy URL of the database (default: flash_sale.db in this directory)",
        )
        made.set_defaults(run=run)
        return made

    offered = command("offer", offer, "put an item up for sale", "item", "pieces")
    offered.add_argument("--slots", action="store_true", help="a row for each piece, for --strategy skip-locked")
    bought = command("buy", buy, "buy one piece; PURCHASE is your own name of it", "item", "purchase")
    command("stock", stock, "show what is left of an item, and where", "item")
    command("store", store, "give an item a shelf in a warehouse", "item", "warehouse", "pieces")
    command("move", move, "move pieces between two warehouses", "item", "source", "target", "pieces")
    rushed = command("rush", rush_, "let many purchases at one new item, from several threads", "item")
    compared = command("compare", compare, "measure every strategy; --db may be given several times")
    for made in (bought, rushed):
        made.add_argument("--strategy", choices=STRATEGIES, default="conditional", help="(default: %(default)s)")
    for made in (rushed, compared):
        made.add_argument(
            "--purchases", type=pieces, default=USUAL.purchases, metavar="N", help="(default: %(default)s)"
        )
        made.add_argument("--pieces", type=pieces, default=USUAL.pieces, metavar="N", help="(default: %(default)s)")
        made.add_argument("--workers", type=workers, default=USUAL.workers, metavar="N", help="(default: %(default)s)")
    compared.add_argument("--rounds", type=rounds, default=USUAL.rounds, metavar="N", help="(default: %(default)s)")
    compared.add_argument("--svg", type=Path, metavar="FILE", help="write a plot of the table there")
    return root


def offer(asked: argparse.Namespace) -> None:
    """``offer ITEM PIECES``."""
    with shop(asked.db):
        app.offer(asked.item, asked.pieces, in_slots=asked.slots)
    print(f"{asked.item}: {asked.pieces:,} for sale")


def buy(asked: argparse.Namespace) -> None:
    """``buy ITEM PURCHASE``."""
    with shop(asked.db) as engine:
        if not asked.purchase.strip() or len(asked.purchase) > 40 or not asked.purchase.isprintable():
            raise RefusedError("the name of a purchase has 1 to 40 letters")
        applicable(asked.strategy, engine).buy(asked.item, asked.purchase)
        left, _ = app.left_and_sold(asked.item)
    print(f"{asked.purchase}: one {asked.item} is yours; {left:,} left")


def stock(asked: argparse.Namespace) -> None:
    """``stock ITEM``."""
    with shop(asked.db):
        left, sold = app.left_and_sold(asked.item)
        print(f"{asked.item}: {left:,} left, {sold:,} sold")
        for warehouse, quantity in warehouses.shelves(asked.item).items():
            print(f"  {warehouse}: {quantity:,}")


def store(asked: argparse.Namespace) -> None:
    """``store ITEM WAREHOUSE PIECES``."""
    with shop(asked.db):
        warehouses.store(asked.item, asked.warehouse, asked.pieces)
    print(f"{asked.warehouse} has {asked.pieces:,} of {asked.item}")


def move(asked: argparse.Namespace) -> None:
    """``move ITEM SOURCE TARGET PIECES``."""
    with shop(asked.db):
        warehouses.move_stock(asked.item, asked.source, asked.target, asked.pieces)
    print(f"{asked.pieces:,} of {asked.item} moved from {asked.source} to {asked.target}")


def rush_(asked: argparse.Namespace) -> None:
    """``rush ITEM``."""
    with shop(asked.db, asked.workers) as engine:
        strategy = applicable(asked.strategy, engine)
        found = rush(strategy, asked.item, purchases=asked.purchases, pieces=asked.pieces, workers=asked.workers)
        left, _ = app.left_and_sold(asked.item)
    print(f"{found.sold:,} sold, {found.sold_out:,} told: sold out; {left:,} left")


def compare(asked: argparse.Namespace) -> None:
    """``compare``: on each database in turn."""
    load = Load(purchases=asked.purchases, pieces=asked.pieces, workers=asked.workers, rounds=asked.rounds)
    compared = Compared(load)
    for url in asked.db or [None]:
        with shop(url, asked.workers) as engine:
            compared.measure(engine, lambda what: print(what, "…", file=sys.stderr))
    print(compared.table())
    if asked.svg is not None:
        try:
            asked.svg.write_text(compared.plot(), encoding="utf-8")
        except OSError as error:
            raise NotOurDatabaseError(f"--svg {asked.svg}: {error.strerror}") from error
        print(f"plot: {asked.svg}")


def applicable(name: str, engine: Engine) -> Strategy:
    """The strategy of that name.

    Raises:
        RefusedError: the database cannot do that.
    """
    strategy = STRATEGIES[name]
    if reason := strategy.lacking.get(engine.dialect.name):
        raise RefusedError(f"{name} is not applicable: {reason}")
    return strategy


def pieces(text: str) -> int:
    """How many pieces, or purchases."""
    return _whole(text, MOST_PIECES)


def workers(text: str) -> int:
    """How many threads."""
    return _whole(text, MOST_WORKERS)


def rounds(text: str) -> int:
    """How often it is measured."""
    return _whole(text, MOST_ROUNDS)


def _whole(text: str, most: int) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 9 or not 1 <= int(text) <= most:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 to {most:,}")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
