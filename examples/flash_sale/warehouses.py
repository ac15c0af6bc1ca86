"""Stock in warehouses, and how it is moved between them."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from acidity import atomic
from acidity.run import lock
from examples.command import RefusedError
from examples.flash_sale.app import Sessions, no_such_item
from examples.flash_sale.models import Item, Shelf


@atomic(Sessions, max_attempts=3)
def move_stock(session: Session, sku: str, source: str, target: str, pieces: int) -> None:
    """Move pieces from one warehouse to another: they leave the one and come into the other, or neither.

    Both shelves are locked in the order of their keys, so that moves from opposite sides do not wait for each other.

    Raises:
        RefusedError: a warehouse has no shelf for it, both are the same, or there are too few pieces.
        RetriesExhausted: nothing was written.
        CommitUnknown: COMMIT was sent, and the database did not answer.
    """
    if pieces < 1:
        raise RefusedError("at least 1 piece is moved")
    if source == target:
        raise RefusedError("the warehouses must be different")
    try:
        shelves = {shelf.warehouse: shelf for shelf in lock(session, Shelf, [(source, sku), (target, sku)])}
        giving, taking = shelves[source], shelves[target]
    except LookupError as error:
        raise RefusedError(f"one of {source} and {target} has no shelf for {sku}") from error
    if giving.quantity < pieces:
        raise RefusedError(f"{source} has only {giving.quantity} of {sku}")
    giving.quantity -= pieces
    taking.quantity += pieces


@atomic(Sessions)
def store(session: Session, sku: str, warehouse: str, pieces: int) -> None:
    """Give an item a shelf in a warehouse, with so many pieces on it.

    Raises:
        RefusedError: it has one, there is no such item, or the name of the warehouse is none.
    """
    if not warehouse.strip() or len(warehouse) > 20 or not warehouse.isprintable():
        raise RefusedError("the name of a warehouse has 1 to 20 letters")
    if session.get(Item, sku) is None:
        raise no_such_item(sku)
    session.add(Shelf(warehouse=warehouse, sku=sku, quantity=pieces))
    try:
        session.flush()
    except IntegrityError as error:
        raise RefusedError(f"{warehouse} has a shelf for {sku} already") from error


@atomic(Sessions, read_only=True)
def shelves(session: Session, sku: str) -> dict[str, int]:
    """How many pieces each warehouse has."""
    found = session.execute(select(Shelf.warehouse, Shelf.quantity).where(Shelf.sku == sku)).all()
    return dict(sorted((warehouse, quantity) for warehouse, quantity in found))
