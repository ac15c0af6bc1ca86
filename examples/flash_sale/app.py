"""A flash sale: few pieces, many buyers at once, and no piece is sold twice.

One purchase is written in four ways, each of which keeps two buyers from selling the same piece in its own manner. Each
is a unit of its own with all that belongs to a purchase: the piece is gone, and the sale is written, or neither.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Update, create_engine, func, insert, literal, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, sessionmaker

from acidity import atomic
from acidity.run import configure_sqlite, lock
from examples.command import RefusedError
from examples.flash_sale.models import Item, Sale, Slot

ATTEMPTS = 8  # then the caller is told, and may ask again: nothing was written

engine = create_engine("sqlite:///:memory:")
configure_sqlite(engine)
Sessions = sessionmaker(engine)


class SoldOutError(RefusedError):
    """No piece is left."""

    def __init__(self) -> None:
        super().__init__("sold out")


@atomic(Sessions, max_attempts=ATTEMPTS)
def buy_if_any(session: Session, sku: str, purchase: str) -> None:
    """Buy a piece with a conditional UPDATE: the database looks at the condition again after it has waited.

    Args:
        session: of the unit; `atomic` gives it.
        sku: the item.
        purchase: the buyer's own name of this purchase, at most 40 characters.

    Raises:
        SoldOutError: no piece is left.
        RefusedError: there is no such item, or this purchase was made already.
        RetriesExhausted: others were faster each time; nothing was written.
        CommitUnknown: COMMIT was sent, and the database did not answer; ask again, "made already" is a yes.
    """
    done: Any = session.execute(one_less(sku))
    if done.rowcount == 0:
        refuse(session, sku)
    record(session, sku, purchase)


@atomic(Sessions, max_attempts=ATTEMPTS)
def buy_locked(session: Session, sku: str, purchase: str) -> None:
    """Buy a piece with SELECT … FOR UPDATE: the row is locked before it is read, so the number is true until COMMIT.

    Raises:
        SoldOutError: as above, and so on.
    """
    try:
        [item] = lock(session, Item, [sku])
    except LookupError as error:
        raise no_such_item(sku) from error
    take(item)
    record(session, sku, purchase)


@atomic(Sessions, isolation_level="SERIALIZABLE", max_attempts=ATTEMPTS)
def buy_serializable(session: Session, sku: str, purchase: str) -> None:
    """Buy a piece at SERIALIZABLE: read, count down, write, and begin anew when the database says that it met another.

    Raises:
        SoldOutError: as above, and so on.
    """
    item = session.get(Item, sku)
    if item is None:
        raise no_such_item(sku)
    take(item)
    record(session, sku, purchase)


@atomic(Sessions, isolation_level="READ COMMITTED", max_attempts=ATTEMPTS)
def buy_slot(session: Session, sku: str, purchase: str) -> None:
    """Buy a piece of an item that is offered in slots: the first one that nobody else is about to take.

    The sale is written before a slot is looked for. The other way round, when one purchase is asked for twice at once,
    the second takes the next slot, and the first, which then fails, leaves a gap that no order of the two would leave.

    When all that are left are locked, whoever holds them may yet fail: the second query waits for them, so that nobody
    is told "sold out" too early. READ COMMITTED, so that MariaDB keeps no locks on the slots that it only looked at.

    Raises:
        SoldOutError: as above, and so on.
    """
    of_the_item = select(literal(purchase), Item.sku).where(Item.sku == sku)
    counted = {"preserve_rowcount": True}  # of an INSERT SQLAlchemy does not keep it on every driver
    try:
        done: Any = session.execute(
            insert(Sale).from_select(["purchase", "sku"], of_the_item), execution_options=counted
        )
    except IntegrityError as error:
        raise made_already(purchase) from error
    if done.rowcount == 0:
        raise no_such_item(sku)
    free = select(Slot).where(Slot.sku == sku, Slot.purchase.is_(None)).order_by(Slot.number).limit(1)
    slot = session.scalars(free.with_for_update(skip_locked=True)).first()
    if slot is None:
        slot = session.scalars(free.with_for_update()).first()
    if slot is None:
        raise SoldOutError
    slot.purchase = purchase


@atomic(Sessions)
def offer(session: Session, sku: str, pieces: int, *, in_slots: bool = False) -> None:
    """Put a new item up for sale.

    Args:
        session: of the unit.
        sku: its name, 1 to 20 characters.
        pieces: how many.
        in_slots: a row for each piece, for `buy_slot`, instead of one number for the other three.

    Raises:
        RefusedError: there is one already, or the name is none.
    """
    if not sku.strip() or len(sku) > 20 or not sku.isprintable():
        raise RefusedError("the name of an item has 1 to 20 letters")
    session.add(Item(sku=sku, stock=0 if in_slots else pieces))
    try:
        session.flush()
    except IntegrityError as error:
        raise RefusedError(f"there is an item {sku} already") from error
    if in_slots:
        session.add_all(Slot(sku=sku, number=number, purchase=None) for number in range(1, pieces + 1))


@atomic(Sessions, read_only=True)
def left_and_sold(session: Session, sku: str) -> tuple[int, int]:
    """How many pieces of an item are left, and how many were sold.

    Raises:
        RefusedError: there is no such item.
    """
    item = session.get(Item, sku)
    if item is None:
        raise no_such_item(sku)
    free = session.scalar(select(func.count()).where(Slot.sku == sku, Slot.purchase.is_(None))) or 0
    sold = session.scalar(select(func.count()).where(Sale.sku == sku)) or 0
    return item.stock + free, sold


def one_less(sku: str) -> Update:
    """The UPDATE that takes a piece if there is one."""
    return update(Item).where(Item.sku == sku, Item.stock > 0).values(stock=Item.stock - 1)


def take(item: Item) -> None:
    """One piece less.

    Raises:
        SoldOutError: there is none.
    """
    if item.stock == 0:
        raise SoldOutError
    item.stock -= 1


def record(session: Session, sku: str, purchase: str) -> None:
    """Write the sale.

    Raises:
        RefusedError: there is one of that name.
    """
    session.add(Sale(purchase=purchase, sku=sku))
    try:
        session.flush()
    except IntegrityError as error:
        raise made_already(purchase) from error


def refuse(session: Session, sku: str) -> None:
    """Say why nothing was taken.

    Raises:
        RefusedError: there is no such item.
        SoldOutError: there is.
    """
    if session.get(Item, sku) is None:
        raise no_such_item(sku)
    raise SoldOutError


def no_such_item(sku: str) -> RefusedError:
    """What is said of an item that nobody offers."""
    return RefusedError(f"there is no item {sku}")


def made_already(purchase: str) -> RefusedError:
    """What is said to who asks again, and may not have heard the first answer."""
    return RefusedError(f"purchase {purchase} was made already")
