"""Two accounts and a journal: the tables of the programs, and how a program becomes a Scenario."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, String, Update, update
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from acidity.prove import Operation, Scenario


class Base(DeclarativeBase):
    """Declarative base of the ledger."""


class Account(Base):
    """An account; its balance is in cents and never below zero."""

    __tablename__ = "accounts"
    __table_args__ = (CheckConstraint("balance >= 0", name="no_overdraft"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    balance: Mapped[int]


class Entry(Base):
    """A line of the journal."""

    __tablename__ = "entries"

    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"))
    amount: Mapped[int]
    note: Mapped[str] = mapped_column(String(80), default="")


class Draft(Base):
    """A line that is not in the journal yet."""

    __tablename__ = "drafts"

    id: Mapped[int] = mapped_column(primary_key=True)
    amount: Mapped[int]


def seed(session: Session) -> None:
    """Two accounts with money, a line of the journal for each, and a draft; the database numbers the rows."""
    for _ in range(2):
        account = Account(balance=100)
        session.add(account)
        session.flush()
        session.add(Entry(account_id=account.id, amount=100))
        session.flush()
    session.add(Draft(amount=10))


def booked(account_id: int, amount: int) -> Update:
    """The statement that books an amount."""
    return update(Account).where(Account.id == account_id).values(balance=Account.balance + amount)


def ledger(
    function: Callable[..., Any],
    *arguments: Any,
    metadata: Any = Base.metadata,
    setup: Callable[[Any], Any] = seed,
    invariants: Iterable[Callable[..., Any]] = (),
    bind: str | Iterable[str] = (),
    effects: Iterable[Any] = (),
    **options: Any,
) -> Scenario:
    """A Scenario of one operation; `options` are the operation's."""
    return Scenario(
        Operation(function, *arguments, **options),
        metadata=metadata,
        setup=setup,
        invariants=invariants,
        bind=bind,
        effects=effects,
    )


def told(answer: dict[str, bool]) -> bool:
    """What an answer tells its caller."""
    return answer["success"]
