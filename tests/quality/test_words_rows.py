"""Which rows count as the same: keys and tokens may differ, parents, payers, amounts and keys of one's own may not."""

from __future__ import annotations

import datetime as dt
import itertools
import secrets
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import DateTime, ForeignKey, String, Uuid, delete, func, insert, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from acidity.core.report import Report
from acidity.prove import Operation, Scenario
from tests.quality.controls import said
from tests.quality.drilled import drill

pytestmark = pytest.mark.few_or_all


class Shop(DeclarativeBase):
    pass


class Customer(Shop):
    __tablename__ = "customers"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]


class Order(Shop):
    __tablename__ = "orders"
    id: Mapped[int] = mapped_column(primary_key=True)
    customer_id: Mapped[int] = mapped_column(ForeignKey("customers.id"))
    number: Mapped[int] = mapped_column(default=0)
    token: Mapped[str] = mapped_column(String(64), default="")
    made: Mapped[dt.datetime | None] = mapped_column(DateTime)
    ref: Mapped[uuid.UUID | None] = mapped_column(Uuid)


class Item(Shop):
    __tablename__ = "items"
    id: Mapped[int] = mapped_column(primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"))
    price: Mapped[int]


ANN, BEN = 1, 2


def seed(session: Session) -> None:
    session.add_all([Customer(id=ANN, name="Ann"), Customer(id=BEN, name="Ben")])
    session.flush()
    session.add(Order(id=1, customer_id=ANN, number=1))
    session.flush()
    session.add(Item(id=1, order_id=1, price=5))


def drilled(function: Callable[..., Any], **options: Any) -> Report:
    return drill(Scenario(Operation(function), metadata=Shop.metadata, setup=seed, **options))


def ordered(session: Session, **columns: Any) -> None:
    """An order of Ann's with two items, in one unit."""
    with session.begin():
        order = Order(customer_id=ANN, **columns)
        session.add(order)
        session.flush()
        session.add_all([Item(order_id=order.id, price=7), Item(order_id=order.id, price=8)])


# Right, though the rows of two runs differ


def with_uuid_and_time(session: Session) -> dict[str, Any]:
    ref, made = uuid.uuid4(), dt.datetime.now(tz=dt.UTC).replace(tzinfo=None)
    ordered(session, number=2, ref=ref, made=made, token=secrets.token_hex(16))
    return {"ref": ref, "made": made}


def with_url_safe_token(session: Session) -> str:
    token = secrets.token_urlsafe(24)
    ordered(session, number=2, token=token)
    return token


def answers_with_the_new_key(session: Session) -> int:
    with session.begin():
        order = Order(customer_id=ANN, number=2)
        session.add(order)
        session.flush()
        return order.id


def commit_was_sent(session: Session) -> bool:
    """Whether the order is there; who asks instead of guessing does nothing twice."""
    return bool(session.scalars(select(Order.id).where(Order.number == 2)).all())


@pytest.mark.parametrize(
    "function",
    [with_uuid_and_time, with_url_safe_token, answers_with_the_new_key],
    ids=lambda function: function.__name__,
)
def test_what_is_generated_may_differ(function: Callable[..., Any]) -> None:
    report = drilled(function)
    assert report.verdict == "pass", report


def test_masks_are_listed_in_the_report() -> None:
    report = drilled(with_uuid_and_time)
    notes = " ".join(report.notes)
    for column in ("orders.ref", "orders.made", "orders.token"):
        assert column in notes


# Wrong, though every row is there


def fallback(preferred: Callable[[Session], Any], other: Callable[[Session], Any]) -> Callable[[Session], None]:
    """An operation that does something else when the first attempt fails, and says that all went well."""

    def operation(session: Session) -> None:
        try:
            with session.begin():
                preferred(session)
                session.flush()
        except Exception:
            if not commit_was_sent(session) and not new_items(session):
                session.rollback()
                with session.begin():
                    other(session)
            else:
                session.rollback()

    return operation


def new_items(session: Session) -> bool:
    return bool(session.scalar(select(func.count()).select_from(Item)) != 1)


def next_key(session: Session, step: int = 1) -> int:
    return (session.scalar(select(func.max(Order.id))) or 0) + step


WRONG: dict[str, tuple[Callable[[Session], Any], Callable[[Session], Any]]] = {
    "a key of the application's own": (
        lambda session: session.execute(insert(Order).values(id=next_key(session), customer_id=ANN, number=2)),
        lambda session: session.execute(insert(Order).values(id=next_key(session, 2), customer_id=ANN, number=2)),
    ),
    "an item on the wrong parent": (
        lambda session: session.execute(insert(Item).values(order_id=two_orders(session)[0], price=7)),
        lambda session: session.execute(insert(Item).values(order_id=two_orders(session)[1], price=7)),
    ),
    "a swapped payer": (
        lambda session: session.add_all([Order(customer_id=ANN, number=2), Order(customer_id=BEN, number=3)]),
        lambda session: session.add_all([Order(customer_id=BEN, number=2), Order(customer_id=ANN, number=3)]),
    ),
    "another amount": (
        lambda session: session.add(Item(order_id=1, price=7)),
        lambda session: session.add(Item(order_id=1, price=8)),
    ),
    "an order without its items": (
        lambda session: ordered_by_hand(session, 7, 8),
        lambda session: ordered_by_hand(session, 7),
    ),
}


def two_orders(session: Session) -> list[int]:
    orders = [Order(customer_id=ANN, number=2), Order(customer_id=BEN, number=2)]
    session.add_all(orders)
    session.flush()
    return [order.id for order in orders]


def ordered_by_hand(session: Session, *prices: int) -> None:
    order = Order(customer_id=ANN, number=2)
    session.add(order)
    session.flush()
    session.add_all([Item(order_id=order.id, price=price) for price in prices])


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.one_in(2)
def test_what_the_rows_mean_may_not_differ(wrong: str) -> None:
    report = drilled(fallback(*WRONG[wrong]))
    assert "torn" in said(report), report


ALIKE: dict[str, tuple[Callable[[Session], Any], Callable[[Session], Any]]] = {
    "the same once more": (lambda session: ordered_by_hand(session, 7), lambda session: ordered_by_hand(session, 7)),
    "in another order": (
        lambda session: ordered_by_hand(session, 7, 8),
        lambda session: ordered_by_hand(session, 8, 7),
    ),
    "after a gap in the keys": (
        lambda session: ordered_by_hand(session, 7),
        lambda session: (ordered_by_hand(session, 1), undone(session), ordered_by_hand(session, 7)),
    ),
}


def undone(session: Session) -> None:
    """The newest order gets a key far away and goes again; the next key counts on from the one before it."""
    session.execute(delete(Item).where(Item.price == 1))
    session.execute(delete(Order).where(Order.number == 2))


@pytest.mark.parametrize("alike", ALIKE)
@pytest.mark.one_in(3)
def test_a_fallback_to_the_same_rows_is_not_torn(alike: str) -> None:
    report = drilled(fallback(*ALIKE[alike]))
    assert "torn" not in said(report), report
    assert not report.unknowns


# Not deterministic


def steps() -> Iterator[int]:
    return itertools.count(1)


def test_a_random_amount_is_unknown() -> None:
    amounts = steps()

    def operation(session: Session) -> None:
        with session.begin():
            session.add(Item(order_id=1, price=next(amounts)))

    report = drilled(operation)
    assert report.verdict == "unknown"
    assert "not deterministic" in report.unknowns[0]
    assert "items.price" in report.unknowns[0]
    assert report.runs == 0


def test_a_random_amount_may_be_left_out_of_the_comparison() -> None:
    amounts = steps()

    def operation(session: Session) -> None:
        with session.begin():
            session.add(Item(order_id=1, price=next(amounts)))

    report = drilled(operation, ignore=["items.price"])
    assert report.verdict == "pass", report


def test_a_random_number_of_calls_is_unknown() -> None:
    numbers = steps()

    def operation(session: Session) -> None:
        with session.begin():
            for _ in range(next(numbers)):
                session.execute(select(Item.id))

    report = drilled(operation)
    assert report.verdict == "unknown"
    told = "two clean runs made different database calls: call 3 is COMMIT in one and SELECT items.id"
    assert told in report.unknowns[0]


def test_what_differs_only_after_a_while_is_unknown_too() -> None:
    runs = steps()

    def operation(session: Session) -> None:
        with session.begin():
            session.add(Item(order_id=1, price=7 if next(runs) < 6 else 8))

    report = drilled(operation)
    assert report.verdict == "unknown"
    assert "not deterministic" in report.unknowns[0]


@pytest.mark.parametrize("until", [1, 5])
def test_a_random_word_as_answer_is_unknown(until: int) -> None:
    numbers = steps()

    def operation(session: Session) -> str:
        with session.begin():
            session.add(Item(order_id=1, price=7))
        return "-" * max(next(numbers), until)

    report = drilled(operation)
    assert report.verdict == "unknown"
    assert "two clean runs answered differently" in report.unknowns[0]


def test_a_random_number_as_answer_is_success_where_the_rows_are_as_after() -> None:
    numbers = steps()

    def operation(session: Session) -> int:
        with session.begin():
            session.add(Item(order_id=1, price=7))
        return next(numbers)

    assert drilled(operation).verdict == "pass"


def test_a_random_answer_is_read_by_succeeded() -> None:
    numbers = steps()

    def operation(session: Session) -> int:
        with session.begin():
            session.add(Item(order_id=1, price=7))
        return next(numbers)

    scenario = Scenario(Operation(operation, succeeded=lambda answer: answer > 0), metadata=Shop.metadata, setup=seed)
    assert drill(scenario).verdict == "pass"
