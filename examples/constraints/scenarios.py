"""What is to be proved about the constraints: refused, everything undone, the rows as before."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from acidity.prove import Operation, Scenario
from acidity.run import UnitPoisoned
from examples.command import RefusedError
from examples.constraints.app import (
    NotEnoughError,
    add_customers,
    add_items,
    deliver,
    pay,
    pay_and_hide_a_refusal,
    pay_up_to,
    place,
)
from examples.constraints.models import Account, Base, Customer, Order, everywhere
from examples.durable import DURABLE

BALANCE, TOO_MUCH, SOME = Decimal(500), Decimal(10000), Decimal(300)


def seed(session: Session) -> None:
    """₹500 in account 1 and ₹100 in account 2; customer 1 has placed order 5001."""
    session.add_all([Account(id=1, balance=BALANCE), Account(id=2, balance=Decimal(100))])
    session.add(Customer(id=1, email="rahul@email.com"))
    session.flush()
    session.add(Order(id=5001, customer_id=1))


def sum_is_kept(session: Session) -> bool:
    """₹600 are there, whatever happens."""
    return session.scalar(select(func.sum(Account.balance))) == Decimal(600)


def asked(function: Callable[..., Any], *requests: tuple[Any, ...], raises: Any = (), **more: Any) -> Scenario:
    """A scenario of calls of one function: each is cut at every call, and all are let at the rows at once."""
    options: dict[str, Any] = {
        "metadata": everywhere(),
        "setup": seed,
        "invariants": [sum_is_kept],
        "bind": "examples.constraints.app:engine",
        "settings": DURABLE,
    }
    return Scenario(*(Operation(function, *each, raises=raises) for each in requests), **options | more)


# Each refused statement comes after one that is allowed, which is undone with it.
balance = asked(pay, (1, 2, TOO_MUCH), raises=NotEnoughError)
nothing_paid = asked(pay, (1, 2, Decimal(0)), raises=RefusedError)
item_of_no_order = asked(
    add_items, ((5001, 12, 2, Decimal(140)), (9999, 12, 2, Decimal("140.00"))), raises=IntegrityError
)
customer_twice = asked(add_customers, ((2, "priya@email.com"), (1, "new@email.com")), raises=IntegrityError)
email_twice = asked(add_customers, ((2, "priya@email.com"), (3, "rahul@email.com")), raises=IntegrityError)
no_customer = asked(place, ((5002, 1), (5003, None)), raises=IntegrityError)

# At COMMIT.
AT_COMMIT: dict[str, Any] = {
    "metadata": Base.metadata,
    "not_applicable": {"mariadb": "MariaDB has no deferred constraints."},
}
delivered = asked(deliver, (1, 5002, 1), **AT_COMMIT)
delivered_nothing = asked(deliver, (1, 9999), **AT_COMMIT, raises=IntegrityError)

# A failed unit.
begun_anew = asked(pay_up_to, (1, 2, TOO_MUCH))
hidden = asked(pay_and_hide_a_refusal, (1, 2, TOO_MUCH), raises=UnitPoisoned)

# Two callers.
both_pay = asked(pay, (1, 2, SOME), (1, 2, SOME))
both_come = asked(add_customers, ((2, "priya@email.com"),), ((3, "priya@email.com"),))
