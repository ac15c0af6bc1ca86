"""``with_for_update()`` on SQLite, which has no such lock: SQLAlchemy leaves it out, and a finding says so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

from acidity import prove
from acidity.prove import Operation, Scenario
from tests.quality.callers import Account, Base, seed
from tests.tiers import SERVERS


def by_execute(session: Session) -> Account:
    return session.execute(select(Account).where(Account.id == 1).with_for_update()).scalar_one()


def by_query(session: Session) -> Account:
    return session.query(Account).with_for_update().filter_by(id=1).one()


def by_get(session: Session) -> Account:
    return session.get_one(Account, 1, with_for_update=True)


def unasked(session: Session) -> Account:
    return session.get_one(Account, 1)


def withdraws(session: Session, read: Callable[[Session], Account]) -> None:
    read(session).balance -= 10
    session.commit()


async def withdraws_async(session: AsyncSession) -> None:
    (await session.get_one(Account, 1, with_for_update=True)).balance -= 10
    await session.commit()


def locks_elsewhere(session: Session) -> None:
    """What is lost has nothing to do with what it asks to lock."""
    session.get_one(Account, 2, with_for_update=True)
    balance = unasked(session).balance
    session.execute(update(Account).where(Account.id == 1).values(balance=balance - 10))
    session.commit()


def cause(function: Callable[..., Any], *arguments: Any, db: str = "sqlite") -> str:
    operation = Operation(function, *arguments)
    (finding,) = prove.explore(Scenario(operation, metadata=Base.metadata, setup=seed), db=db).findings
    assert finding.anomaly == "lost update"
    return finding.cause


@pytest.mark.parametrize("read", [by_execute, by_query, by_get])
def test_it_is_the_cause(read: Callable[[Session], Account]) -> None:
    said = cause(withdraws, read)
    assert said.startswith(
        "SQLite has no FOR UPDATE, and SQLAlchemy leaves it out at tests/quality/test_explore_unlocked.py:"
    )


@pytest.mark.dear
def test_of_a_coroutine_too() -> None:
    assert "leaves it out" in cause(withdraws_async)


def test_it_is_not_where_nobody_asks() -> None:
    assert not cause(withdraws, unasked)


def test_nor_where_it_is_of_other_rows() -> None:
    assert not cause(locks_elsewhere)


@pytest.mark.slow
@pytest.mark.parametrize("db", SERVERS)
def test_servers_have_it(db: str) -> None:
    scenario = Scenario(Operation(withdraws, by_get), metadata=Base.metadata, setup=seed)
    assert prove.explore(scenario, db=db).verdict == "pass"
