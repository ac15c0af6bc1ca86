"""Service functions on a session that they are given; a helper in the middle commits."""

from __future__ import annotations

from sqlalchemy.orm import Session

from acidity.core.cause import CauseKind
from acidity.prove import Operation
from tests.quality.apps.shop import App, LogLine, Order, Product


def log_event(db: Session, text: str, *, at_once: bool) -> None:
    db.add(LogLine(text=text))
    if at_once:
        db.commit()  # <- the helper commits
    else:
        db.flush()


def reserve(db: Session, product: int, count: int, *, at_once: bool) -> None:
    db.get_one(Product, product).stock -= count
    log_event(db, f"{count} reserved", at_once=at_once)


def place_order(db: Session, product: int, count: int, *, at_once: bool) -> int:
    try:
        reserve(db, product, count, at_once=at_once)
        order = Order(product_id=product, items=count)
        db.add(order)
        db.flush()
        db.commit()
    except BaseException:
        db.rollback()
        raise
    return order.id


APP = App(
    Operation(place_order, 1, 2, at_once=True, inject="session"),
    Operation(place_order, 1, 2, at_once=False, inject="session"),
    CauseKind.SEVERAL_COMMITS,
    "<- the helper commits",
    ("log_event", "reserve", "place_order"),
    "one-commit",
)
