"""What acidity is asked about each twin: the rules of the shipped transfer, on the same rows."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from acidity.prove import Operation, Scenario
from examples.bank import twins
from examples.bank.models import Account, Base
from examples.bank.scenarios import IN_A, IN_B, MOVED, A, B, asked, sum_is_kept
from examples.durable import DURABLE

TWINS: dict[str, Any] = {"bind": "examples.bank.twins:engine", "metadata": Base.metadata, "invariants": [sum_is_kept]}


def a_balance_that_a_transfer_leaves(session: Session) -> bool:
    """(4500, 2500) or (5000, 2000), never (4500, 2000)."""
    both = tuple(session.scalars(select(Account.balance).order_by(Account.name)))
    return both in {(IN_A, IN_B), (IN_A - MOVED, IN_B + MOVED), (IN_A - 2 * MOVED, IN_B + 2 * MOVED)}


autocommit = asked(
    twins.transfer_in_autocommit, (A, B, MOVED), **TWINS | {"invariants": [a_balance_that_a_transfer_leaves]}
)
absolute = asked(twins.transfer_absolutely, (A, B, MOVED), (A, B, Decimal(300)), **TWINS)
doubled = asked(twins.transfer_again_on_any_error, (A, B, MOVED), **TWINS)
as_they_come = asked(
    twins.transfer_locking_as_it_comes,
    (A, B, MOVED),
    (B, A, MOVED),
    **TWINS,
    not_applicable={"sqlite": "SQLite has no row locks: a transaction that writes has the whole database"},
)


def thirty_paise(session: Session) -> bool:
    """₹0.30 are in the purse."""
    return session.get_one(twins.Purse, "Rahul").balance in {0.0, 0.30}


floating = Scenario(
    Operation(twins.put_in_three_coins, "Rahul"),
    metadata=twins.FloatBase.metadata,
    setup=lambda session: session.add(twins.Purse(owner="Rahul", balance=0.0)),
    invariants=[thirty_paise],
    bind="examples.bank.twins:engine",
    settings=DURABLE,
)
