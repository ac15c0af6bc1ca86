"""What acidity is asked about each twin: the rules of the shipped changes, on the same rows."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from acidity.prove import Operation, Scenario
from examples.constraints import twins
from examples.constraints.scenarios import SOME, TOO_MUCH, asked
from examples.durable import DURABLE

BIND = "examples.constraints.twins:engine"

foreign_keys_off = asked(
    twins.add_item_to_any_order,
    (9999, 12, 2, Decimal("140.00")),
    bind=BIND,
    not_applicable=dict.fromkeys(("postgresql", "mariadb"), "A server checks foreign keys without being told to."),
)
went_on = asked(twins.pay_and_go_on, (1, 2, TOO_MUCH), bind=BIND)


def is_not_overdrawn(session: Session) -> bool:
    """No purse holds less than nothing."""
    return session.scalar(select(func.count()).where(twins.Purse.balance < 0)) == 0


def is_each_address_there_once(session: Session) -> bool:
    """Nobody has the address of another."""
    counts = session.scalars(select(func.count(twins.Reader.id)).group_by(twins.Reader.email))
    return all(count == 1 for count in counts)


UNCHECKED: dict[str, Any] = {"metadata": twins.UncheckedBase.metadata, "bind": BIND, "settings": DURABLE}

check_in_application = Scenario(
    *(Operation(twins.withdraw_if_there_is_enough, 1, int(SOME)) for _ in range(2)),
    setup=lambda session: session.add(twins.Purse(id=1, balance=500)),
    invariants=[is_not_overdrawn],
    **UNCHECKED,
)
unique_in_application = Scenario(
    Operation(twins.add_reader_if_new, 2, "priya@email.com"),
    Operation(twins.add_reader_if_new, 3, "priya@email.com"),
    setup=lambda session: session.add(twins.Reader(id=1, email="rahul@email.com")),
    invariants=[is_each_address_there_once],
    **UNCHECKED,
)
