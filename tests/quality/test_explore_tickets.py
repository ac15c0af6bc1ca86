"""An effect between two transactions has a place of its own in an order of transactions: what it answers may tell."""

from __future__ import annotations

from collections import Counter
from uuid import uuid4

import pytest
from sqlalchemy import String, func, insert, select, update
from sqlalchemy.engine import Engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from acidity import prove
from acidity.prove import Operation, Scenario
from tests.tiers import ENGINES


class Base(DeclarativeBase):
    """Declarative base of a desk and what is entered there."""


class Desk(Base):
    __tablename__ = "desks"
    id: Mapped[int] = mapped_column(primary_key=True)
    day: Mapped[str | None] = mapped_column(String(40))


class Entry(Base):
    __tablename__ = "entries"
    who: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    place: Mapped[int]
    ticket: Mapped[int]


GIVEN: Counter[str] = Counter()


def draw(day: str) -> int:
    """The next ticket of the day."""
    GIVEN[day] += 1
    return GIVEN[day]


def enters(engine: Engine, who: int) -> None:
    """Whose ticket is the first need not be the first who enters: each transaction is one thing by itself."""
    with engine.begin() as connection:
        connection.execute(update(Desk).values(day=func.coalesce(Desk.day, str(uuid4()))))
        day = connection.execute(select(Desk.day)).scalar_one()
    ticket = draw(day)
    with engine.begin() as connection:
        connection.execute(update(Desk).values(id=1))  # so that entries come one after the other
        place = connection.execute(select(func.count()).select_from(Entry)).scalar_one() + 1
        connection.execute(insert(Entry).values(who=who, place=place, ticket=ticket))


def seed(session: Session) -> None:
    session.add(Desk(id=1))


def every_state_is_fine(session: Session) -> bool:
    return session.get(Desk, 1) is not None


@pytest.mark.slow
@pytest.mark.parametrize("db", ENGINES)
def test_each_order_of_tickets_and_entries_is_one_of_transactions(db: str) -> None:
    scenario = Scenario(
        *(Operation(enters, who, name=f"enters {who}") for who in (7, 8)),
        metadata=Base.metadata,
        setup=seed,
        effects=[draw],
        commits="several",
        invariants=[every_state_is_fine],
    )
    report = prove.explore(scenario, db=db, isolation_level=None if db == "sqlite" else "READ COMMITTED")
    assert (report.verdict, report.unknowns, [finding.code for finding in report.findings]) == ("pass", (), ["ACI318"])
