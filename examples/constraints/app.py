"""Small changes that a constraint may refuse. Nothing here checks what the database checks; a refusal ends the unit.

The whole unit is rolled back then: also what was written before the statement that was refused. It is over, and whoever
goes on begins anew, as `pay_up_to` does. What the database says is raised as it is, `IntegrityError`, but for a balance
below zero: PyMySQL tells MariaDB's CHECK (error 4025) as an `OperationalError`.
"""

from __future__ import annotations

from contextlib import suppress
from decimal import Decimal
from typing import Any, cast

from sqlalchemy import CursorResult, create_engine, update
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.orm import Session, sessionmaker

from acidity import atomic
from acidity.run import configure_sqlite, lock
from examples.command import RefusedError
from examples.constraints.models import Account, Customer, Delivery, Item, Order

engine = create_engine("sqlite:///:memory:")
configure_sqlite(engine)
Sessions = sessionmaker(engine)
CHECK_OF_MARIADB = 4025
ItemOfOrder = tuple[int, int, int, Decimal]  # order, product, pieces, price


class NotEnoughError(RefusedError):
    """`chk_balance_positive` has refused a debit."""


@atomic(Sessions, max_attempts=3)
def pay(session: Session, source: int, target: int, amount: Decimal) -> None:
    """Credit one account, and debit the other; `chk_balance_positive` refuses what is not there.

    Args:
        session: of the unit; `atomic` gives it.
        source: where the money leaves.
        target: where it comes in.
        amount: above zero, in whole paise.

    Raises:
        NotEnoughError: the balance would fall below zero.
        RefusedError: an account does not exist, or both are the same.
    """
    check(source, target, amount)
    try:
        move(session, source, target, amount)
    except DBAPIError as error:
        if is_violation(error):
            raise NotEnoughError(f"chk_balance_positive: account {source} has not enough money") from error
        raise


def pay_up_to(source: int, target: int, amount: Decimal) -> Decimal:
    """Pay the amount, or what there is of it: the refused unit is rolled back, and another one begun.

    Returns:
        How much was paid.

    Raises:
        RefusedError: an account does not exist, both are the same, or there is nothing left.
    """
    try:
        pay(source, target, amount)
    except NotEnoughError:
        paid: Decimal = pay_what_is_there(source, target, amount)
        return paid
    return amount


@atomic(Sessions, max_attempts=3)
def pay_what_is_there(session: Session, source: int, target: int, most: Decimal) -> Decimal:
    """The second unit of `pay_up_to`.

    Raises:
        RefusedError: there is nothing left.
    """
    accounts: dict[int, Account] = {each.id: each for each in lock(session, Account, (source, target))}
    amount = min(most, accounts[source].balance)
    if amount <= 0:
        raise RefusedError(f"account {source} is empty")
    move(session, source, target, amount)
    return amount


@atomic(Sessions)
def pay_and_hide_a_refusal(session: Session, source: int, target: int, amount: Decimal) -> None:
    """What must not be done: the error is hidden, and the unit is to go on. It does not: there is no COMMIT.

    Raises:
        UnitPoisoned: the debit was refused; everything is rolled back.
    """
    with suppress(DBAPIError):
        move(session, source, target, amount)


@atomic(Sessions)
def open_account(session: Session, number: int, balance: Decimal) -> None:
    """Open an account with a first deposit.

    Raises:
        IntegrityError: it exists already.
    """
    session.add(Account(id=number, balance=balance))


@atomic(Sessions)
def add_customers(session: Session, *customers: tuple[int, str]) -> None:
    """Note customers with their addresses, all of them or none.

    Raises:
        IntegrityError: a number or an address is taken.
    """
    for number, email in customers:
        session.add(Customer(id=number, email=email))
        session.flush()


@atomic(Sessions)
def place(session: Session, *orders: tuple[int, int | None]) -> None:
    """Place orders, each with the number of its customer, all of them or none.

    Raises:
        IntegrityError: there is no customer (NULL), it is not known, or the order exists already.
    """
    for number, customer in orders:
        session.add(Order(id=number, customer_id=customer))
        session.flush()


@atomic(Sessions)
def add_items(session: Session, *items: ItemOfOrder) -> None:
    """Add items to orders, all of them or none.

    Raises:
        IntegrityError: an order does not exist.
    """
    for order, product, quantity, price in items:
        session.add(Item(order_id=order, product_id=product, quantity=quantity, price=price))
        session.flush()


@atomic(Sessions)
def deliver(session: Session, delivery: int, order: int, customer: int | None = None) -> None:
    """Note the delivery of an order; with a customer, the order itself comes after it in the same unit.

    Raises:
        IntegrityError: at COMMIT, the order does not exist.
    """
    session.add(Delivery(id=delivery, order_id=order))
    session.flush()
    if customer is not None:
        session.add(Order(id=order, customer_id=customer))


def is_violation(error: DBAPIError) -> bool:
    """Whether a constraint has refused what was asked."""
    return isinstance(error, IntegrityError) or getattr(error.orig, "args", ())[:1] == (CHECK_OF_MARIADB,)


def check(source: int, target: int, amount: Decimal) -> None:
    """Refuse what no database has to be asked for."""
    if amount <= 0:
        raise RefusedError("an amount is above zero")
    if source == target:
        raise RefusedError("the accounts must be different")


def move(session: Session, source: int, target: int, amount: Decimal) -> None:
    """The credit first, so that a refused debit has something to undo."""
    for account, change in ((target, amount), (source, -amount)):
        moved = update(Account).where(Account.id == account).values(balance=Account.balance + change)
        if cast("CursorResult[Any]", session.execute(moved)).rowcount == 0:
            raise RefusedError(f"there is no account {account}")
