"""What is to be proved about the sale: ten phones or the last one, and two buyers; lamps in Mumbai and in Delhi."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from acidity.prove import Operation, Scenario
from examples.command import RefusedError
from examples.durable import DURABLE
from examples.flash_sale.app import SoldOutError, buy_if_any, buy_locked, buy_serializable, buy_slot, offer
from examples.flash_sale.models import Base, Item, Sale, Shelf, Slot
from examples.flash_sale.strategies import NO_ROW_LOCKS
from examples.flash_sale.warehouses import move_stock

PHONE, LAST, NONE_LEFT = "phone", "last phone", "old phone"
IN_SLOTS = "phone in slots", "last phone in slots", "old phone in slots"
MUMBAI, DELHI, LAMP = "Mumbai", "Delhi", "lamp"
TEN, FEW, MOVED = 10, 2, 4
ROW_LOCKS: dict[str, Any] = {"not_applicable": {"sqlite": NO_ROW_LOCKS}}


def seed(session: Session) -> None:
    """Ten phones, one, and none, as a number and as slots; and the lamps."""
    session.add_all(Item(sku=sku, stock=stock) for sku, stock in ((PHONE, TEN), (LAST, 1), (NONE_LEFT, 0), (LAMP, 0)))
    session.add_all(Item(sku=sku, stock=0) for sku in IN_SLOTS)
    session.flush()
    for sku, pieces in zip(IN_SLOTS, (FEW, 1, 0), strict=True):
        session.add_all(Slot(sku=sku, number=number, purchase=None) for number in range(1, pieces + 1))
    session.add_all([Shelf(warehouse=MUMBAI, sku=LAMP, quantity=TEN), Shelf(warehouse=DELHI, sku=LAMP, quantity=FEW)])


def pieces(session: Session) -> int:
    """How many are left, of everything that is sold."""
    stock = session.scalar(select(func.sum(Item.stock))) or 0
    free = session.scalar(select(func.count()).where(Slot.purchase.is_(None))) or 0
    return int(stock) + free


def each_sale_is_a_piece(session: Session, run: Any) -> bool:
    """What is sold is gone, and nothing else is."""
    sold = session.scalar(select(func.count()).select_from(Sale)) or 0
    return pieces(run.before) - pieces(session) == sold


def each_yes_is_a_sale(session: Session, run: Any) -> bool:
    """As many sales are written as buyers were told "yes"."""
    told_yes = sum(ending.told == "ok" for ending in run.ended)
    not_told = sum(ending.told == "unknown" for ending in run.ended)
    sold = session.scalar(select(func.count()).select_from(Sale)) or 0
    return bool(told_yes <= sold <= told_yes + not_told)


def lamps_are_kept(session: Session) -> bool:
    """There are twelve lamps, wherever they are."""
    return session.scalar(select(func.sum(Shelf.quantity))) == TEN + FEW


def asked(*calls: Operation, **more: Any) -> Scenario:
    """A scenario on the rows of this shop."""
    options: dict[str, Any] = {
        "metadata": Base.metadata,
        "setup": seed,
        "bind": "examples.flash_sale.app:engine",
        "settings": DURABLE,
    }
    return Scenario(*calls, **options | more)


def sold(buy: Callable[..., Any], sku: str, **more: Any) -> Scenario:
    """Two buyers want a piece of the same item."""
    options = {"invariants": [each_sale_is_a_piece, each_yes_is_a_sale]} | more
    return asked(Operation(buy, sku, "P-1"), Operation(buy, sku, "P-2"), **options)


def asked_twice(buy: Callable[..., Any], sku: str, **more: Any) -> Scenario:
    """One buyer, who asks twice at once for one purchase."""
    options = {"invariants": [each_sale_is_a_piece, each_yes_is_a_sale]} | more
    return asked(Operation(buy, sku, "P-1"), Operation(buy, sku, "P-1"), **options)


def sold_out(buy: Callable[..., Any], sku: str, **more: Any) -> Scenario:
    """A buyer who comes too late."""
    return asked(Operation(buy, sku, "P-1", raises=SoldOutError), **{"invariants": [each_sale_is_a_piece]} | more)


def of_nothing(buy: Callable[..., Any], **more: Any) -> Scenario:
    """A buyer of what nobody sells."""
    call = Operation(buy, "nothing", "P-1", raises=RefusedError)
    return asked(call, **{"invariants": [each_sale_is_a_piece]} | more)


def moved(move: Callable[..., Any], *ways: tuple[str, str, int], raises: Any = (), **more: Any) -> Scenario:
    """Lamps that are moved between the warehouses."""
    calls = (Operation(move, LAMP, *way, raises=raises) for way in ways)
    return asked(*calls, **{"invariants": [lamps_are_kept]} | more)


conditional = sold(buy_if_any, PHONE)
conditional_last = sold(buy_if_any, LAST)
conditional_late = sold_out(buy_if_any, NONE_LEFT)
for_update = sold(buy_locked, PHONE, **ROW_LOCKS)
for_update_last = sold(buy_locked, LAST, **ROW_LOCKS)
for_update_late = sold_out(buy_locked, NONE_LEFT, **ROW_LOCKS)
serializable = sold(buy_serializable, PHONE)
serializable_last = sold(buy_serializable, LAST)
serializable_late = sold_out(buy_serializable, NONE_LEFT)
skip_locked = sold(buy_slot, IN_SLOTS[0], **ROW_LOCKS)
skip_locked_last = sold(buy_slot, IN_SLOTS[1], **ROW_LOCKS)
skip_locked_twice = asked_twice(buy_slot, IN_SLOTS[0], **ROW_LOCKS)
skip_locked_late = sold_out(buy_slot, IN_SLOTS[2], **ROW_LOCKS)

offered = asked(Operation(offer, "new phone", FEW, in_slots=True))

shifted = moved(move_stock, (MUMBAI, DELHI, MOVED))
crossed = moved(move_stock, (MUMBAI, DELHI, MOVED), (DELHI, MUMBAI, 1))
nothing_shifted = moved(move_stock, (MUMBAI, DELHI, 0), raises=RefusedError)
too_many = moved(move_stock, (DELHI, MUMBAI, MOVED), raises=RefusedError)
