"""A bank whose balances the database keeps from going below zero, and two transfers written with `atomic`."""

from __future__ import annotations

from typing import Any

from sqlalchemy import CheckConstraint, String, select
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from acidity import atomic, lock
from acidity.prove import Operation, Scenario
from acidity.run import tables

ALICE, BOB = 1, 2


class Base(DeclarativeBase):
    """Declarative base of the bank."""


class Account(Base):
    """Who has how much, in whole euros."""

    __tablename__ = "accounts"
    __table_args__ = (CheckConstraint("balance >= 0", name="not_below_zero"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    owner: Mapped[str] = mapped_column(String(20))
    balance: Mapped[int]


def schema(connection: Connection) -> None:
    Base.metadata.create_all(connection)
    tables.metadata.create_all(connection)


def balances(engine: Engine) -> tuple[int, ...]:
    """What is on the accounts now, in the order of their keys."""
    with engine.connect() as connection:
        return tuple(connection.scalars(select(Account.balance).order_by(Account.id)))


def seed(session: Session) -> None:
    session.add_all([Account(id=ALICE, owner="Alice", balance=100), Account(id=BOB, owner="Bob", balance=0)])


def move(session: Session, amount: int) -> dict[str, bool]:
    """Each change in a statement of its own; commits nothing."""
    session.get_one(Account, ALICE).balance -= amount
    session.flush()
    session.get_one(Account, BOB).balance += amount
    session.flush()
    return {"success": True}


def total_is_kept(session: Session) -> bool:
    return sum(account.balance for account in session.query(Account)) == 100


def transferring(**options: Any) -> Any:
    """A plain operation: the transfer as a function that is a unit of work."""

    def transfer(engine: Engine, amount: int) -> dict[str, bool]:
        @atomic(engine, **options)
        def unit(session: Session, request: str, amount: int) -> dict[str, bool]:
            return move(session, amount)

        return unit("request-1", amount)

    return transfer


def transferring_async(**options: Any) -> Any:
    async def transfer(async_engine: Any, amount: int) -> dict[str, bool]:
        @atomic(async_engine, **options)
        async def unit(session: Any, request: str, amount: int) -> dict[str, bool]:
            return await session.run_sync(move, amount)

        return await unit("request-1", amount)

    return transfer


def locking(engine: Engine, amount: int) -> dict[str, bool]:
    """With both rows locked first, in a block."""
    with atomic(engine, invariants=[total_is_kept]) as session:
        alice, bob = lock(session, Account, [BOB, ALICE])
        alice.balance -= amount
        bob.balance += amount
    return {"success": True}


async def locking_async(async_engine: Any, amount: int) -> dict[str, bool]:
    async with atomic(async_engine, invariants=[total_is_kept]) as session:
        alice, bob = await lock(session, Account, [BOB, ALICE])
        alice.balance -= amount
        bob.balance += amount
    return {"success": True}


def scenario(function: Any, amount: int = 10, **options: Any) -> Scenario:
    return Scenario(
        Operation(function, amount, succeeded=lambda answer: answer["success"], **options),
        schema=schema,
        setup=seed,
        invariants=[total_is_kept],
    )
