"""What is to be proved about the bank: ₹5,000 in A and ₹2,000 in B, and ₹500 that are moved."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from sqlalchemy import MetaData, func, select
from sqlalchemy.orm import Session

from acidity.prove import Operation, Scenario
from acidity.run import tables
from examples.bank.app import reverse_transfer, transfer, transfer_locked
from examples.bank.models import Account, Base, Entry
from examples.command import RefusedError
from examples.durable import DURABLE

A, B = "A", "B"
IN_A, IN_B, MOVED = Decimal(5000), Decimal(2000), Decimal(500)
TOO_MUCH, TWO_ARE_TOO_MUCH = Decimal(10000), Decimal(3000)


def metadata() -> MetaData:
    """The bank's tables, and those in which `atomic` keeps what was asked for."""
    both = MetaData()
    for table in (*Base.metadata.sorted_tables, *tables.metadata.sorted_tables):
        table.to_metadata(both)
    return both


def seed(session: Session) -> None:
    """A has ₹5,000, B has ₹2,000."""
    session.add_all([Account(name=A, balance=IN_A), Account(name=B, balance=IN_B)])


def sum_is_kept(session: Session) -> bool:
    """₹7,000 are in the bank, whatever happens."""
    return session.scalar(select(func.sum(Account.balance))) == IN_A + IN_B


def entries_net_to_zero(session: Session) -> bool:
    """What left one account came into another."""
    return (session.scalar(select(func.sum(Entry.amount))) or Decimal(0)) == 0


def balances_are_those_of_the_entries(session: Session) -> bool:
    """An account has what it began with and what its entries brought."""
    for name, began in ((A, IN_A), (B, IN_B)):
        moved = session.scalar(select(func.sum(Entry.amount)).where(Entry.account == name)) or Decimal(0)
        if session.scalar(select(Account.balance).where(Account.name == name)) != began + moved:
            return False
    return True


RULES = (sum_is_kept, entries_net_to_zero, balances_are_those_of_the_entries)


def asked(function: Callable[..., Any], *requests: tuple[Any, ...], raises: Any = (), **more: Any) -> Scenario:
    """A scenario of calls of one function: each is cut at every call, and all are let at the rows at once."""
    options: dict[str, Any] = {
        "metadata": metadata(),
        "setup": seed,
        "invariants": RULES,
        "bind": "examples.bank.app:engine",
        "settings": DURABLE,
    }
    return Scenario(*(Operation(function, *each, raises=raises) for each in requests), **options | more)


# Both at once, and from opposite sides: three times what makes transfers wait for each other.
moved = asked(transfer, ("r-1", A, B, MOVED), ("r-2", A, B, MOVED))
crossed = asked(transfer, ("r-1", A, B, MOVED), ("r-2", B, A, MOVED))
contended = asked(transfer, ("r-1", A, B, TWO_ARE_TOO_MUCH), ("r-2", A, B, TWO_ARE_TOO_MUCH))
moved_locked = asked(transfer_locked, ("r-1", A, B, MOVED), ("r-2", A, B, MOVED))
crossed_locked = asked(transfer_locked, ("r-1", A, B, MOVED), ("r-2", B, A, MOVED))
contended_locked = asked(transfer_locked, ("r-1", A, B, TWO_ARE_TOO_MUCH), ("r-2", A, B, TWO_ARE_TOO_MUCH))
too_much = asked(transfer, ("r-1", A, B, TOO_MUCH), raises=RefusedError)
to_nobody = asked(transfer, ("r-1", A, "Z", MOVED), raises=RefusedError)
to_nobody_locked = asked(transfer_locked, ("r-1", A, "Z", MOVED), raises=RefusedError)
nothing_moved = asked(transfer, ("r-1", A, B, Decimal(0)), raises=RefusedError)


def move_and_reverse() -> None:
    """A transfer that is committed, and the compensating transaction; a stranger may look in between."""
    transfer("r-1", A, B, MOVED)
    reverse_transfer("r-1", A, B, MOVED)


reversed_ = Scenario(
    Operation(move_and_reverse),
    metadata=metadata(),
    setup=seed,
    invariants=RULES,
    bind="examples.bank.app:engine",
    settings=DURABLE,
    commits="several",
    recover=move_and_reverse,
)
