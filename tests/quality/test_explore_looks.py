"""Checks whose answer does not say which rows there are, values that differ from run to run, and calls side by side."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import String, text
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from acidity import prove
from acidity.core.report import Report
from acidity.prove import Operation, Scenario
from tests.tiers import ENGINES, SERVERS


class Base(DeclarativeBase):
    """Declarative base of the tables."""


class Guest(Base):
    """Nobody is to be there twice, and nothing keeps him from it."""

    __tablename__ = "guests"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(10))


class Note(Base):
    """A count, and when it was changed; the clock tells another time in each run."""

    __tablename__ = "notes"
    id: Mapped[int] = mapped_column(primary_key=True)
    changed_at: Mapped[datetime] = mapped_column(default=datetime.now, onupdate=datetime.now)
    words: Mapped[int]


def seed(session: Session) -> None:
    session.add_all([Guest(name="old"), Note(id=1, words=0)])


def explored(function: Callable[..., Any], db: str) -> Report:
    return prove.explore(Scenario(Operation(function), metadata=Base.metadata, setup=seed), db=db, run_timeout=5)


def asks_whether(session: Session) -> None:
    """A second guest changes nothing of the answer."""
    if not session.scalar(text("SELECT EXISTS (SELECT 1 FROM guests WHERE name = :name)"), {"name": "new"}):
        session.add(Guest(name="new"))
    session.commit()


def inserts_unless(session: Session) -> None:
    """The same in one statement."""
    unless = "INSERT INTO guests (name) SELECT 'new' WHERE NOT EXISTS (SELECT 1 FROM guests WHERE name = 'new')"
    session.execute(text(unless))
    session.commit()


@pytest.mark.one_engine
@pytest.mark.parametrize("db", ENGINES)
def test_what_an_exists_looks_for_is_named(db: str) -> None:
    (finding,) = explored(asks_whether, db).findings
    assert finding.anomaly == "duplicate insert", finding


def goes_by_the_last(session: Session) -> None:
    """A second row behind the last one changes nothing of what a third one has made of the answer."""
    last = session.scalar(text("SELECT name FROM guests ORDER BY id DESC LIMIT 1"))
    session.add(Guest(name=f"{last}+"))
    session.commit()


@pytest.mark.dear
@pytest.mark.one_engine
@pytest.mark.parametrize("db", SERVERS)
def test_what_the_first_row_of_an_order_hides_is_named(db: str) -> None:
    (finding,) = explored(goes_by_the_last, db).findings
    assert finding.anomaly == "phantom", finding


@pytest.mark.slow
def test_what_an_insert_looks_for_is_named() -> None:
    (finding,) = explored(inserts_unless, "postgresql").findings
    assert finding.anomaly == "duplicate insert", finding


def of_somebody_else(session: Session) -> None:
    """Whether the guest is there is asked of the row outside, so that it cannot be asked alone."""
    unless = "NOT EXISTS (SELECT 1 FROM guests g WHERE g.name = 'new' AND g.id > n.id)"
    session.execute(
        text(f"INSERT INTO guests (name) SELECT 'new' FROM notes n WHERE n.id = :id AND {unless}"), {"id": 1}
    )
    session.commit()


def asks_of_somebody_else(session: Session) -> None:
    """The same in two statements."""
    there = "EXISTS (SELECT 1 FROM guests g WHERE g.name = 'new' AND g.id > n.id)"
    if not session.scalar(text(f"SELECT {there} FROM notes n WHERE n.id = 1")):
        session.add(Guest(name="new"))
    session.commit()


@pytest.mark.one_engine
@pytest.mark.parametrize(
    ("function", "db"), [(of_somebody_else, "postgresql"), *((asks_of_somebody_else, db) for db in ENGINES)]
)
def test_so_is_what_it_looks_for_by_a_row_outside(function: Callable[..., Any], db: str) -> None:
    (finding,) = explored(function, db).findings
    assert finding.anomaly == "duplicate insert", finding


def test_one_statement_is_enough_where_there_is_one_writer() -> None:
    assert explored(inserts_unless, "sqlite").verdict == "pass"


def numbers_itself(session: Session) -> None:
    """Two take one number, and the database refuses the second, who had waited for the first."""
    number = session.scalar(text("SELECT max(id) FROM guests"))
    session.execute(text("INSERT INTO guests (id, name) VALUES (:id, 'new')"), {"id": number + 1})
    session.commit()


@pytest.mark.slow
@pytest.mark.parametrize("db", ENGINES)
def test_who_is_refused_for_what_another_one_has_committed_is_named(db: str) -> None:
    (finding,) = explored(numbers_itself, db).findings
    assert finding.anomaly == "stale check", finding


def writes_beside_the_time(session: Session) -> None:
    note = session.get_one(Note, 1)
    note.words += 1
    session.commit()


@pytest.mark.dear
@pytest.mark.one_engine
@pytest.mark.parametrize("db", ENGINES)
def test_a_time_beside_it_hides_nothing(db: str) -> None:
    """Neither that the row was written over, nor, in the title, what is lost."""
    (finding,) = explored(writes_beside_the_time, db).findings
    assert (finding.anomaly, "1 of words is gone" in finding.title or "words of" in finding.title) == (
        "lost update",
        True,
    ), finding.title


BUSY: set[str] = set()


def turns_away(session: Session) -> str:
    """Takes back what it has noted, so that there is nothing of it before and after."""
    if BUSY:
        return "busy"
    BUSY.add("here")
    try:
        return counts(session)
    finally:
        BUSY.clear()


def counts(session: Session) -> str:
    session.execute(text("UPDATE notes SET words = words + 1 WHERE id = 1"))
    session.commit()
    return "done"


@pytest.mark.dear
def test_state_that_is_there_only_meanwhile_is_state() -> None:
    """Two of the schedules begin the other caller while the first one holds the flag, which no row tells."""
    told = explored(turns_away, "postgresql")
    assert told.verdict == "fail", told
    plain = explored(counts, "postgresql")
    assert (plain.verdict, plain.runs) == ("pass", 1), plain


def locks_and_goes_by(*, first: bool) -> Callable[[Session], str]:
    """Asks for a row, locks it, and goes by the first answer or by the second one."""

    def counts_to_one(session: Session) -> str:
        asks = "SELECT words FROM notes WHERE id = 1"
        found = [session.scalar(text(each)) for each in (asks, f"{asks} FOR UPDATE")]
        if found[0 if first else 1]:
            session.rollback()
            return "full"
        session.execute(text("UPDATE notes SET words = words + 1 WHERE id = 1"))
        session.commit()
        return "counted"

    return counts_to_one


@pytest.mark.dear
def test_a_row_of_the_snapshot_and_the_same_row_as_it_is_are_two_answers_and_no_second_row() -> None:
    report = explored(locks_and_goes_by(first=True), "mariadb")
    assert [each.anomaly for each in report.findings if each.severity == "error"] == ["non-repeatable read"], report
    assert explored(locks_and_goes_by(first=False), "mariadb").verdict == "pass"


async def reads_at_once(async_engine: Any) -> None:
    words = text("SELECT words FROM notes")
    async with async_engine.connect() as one, async_engine.connect() as other:
        found = await asyncio.gather(one.scalar(words), other.scalar(words))
    async with async_engine.begin() as connection:
        await connection.execute(text("UPDATE notes SET words = :words"), {"words": max(found) + 1})


async def reads_in_turn(async_engine: Any) -> None:
    async with async_engine.begin() as connection:
        words = await connection.scalar(text("SELECT words FROM notes"))
        await connection.execute(text("UPDATE notes SET words = :words"), {"words": words + 1})


@pytest.mark.dear
def test_calls_side_by_side_of_one_caller_are_not_waited_for() -> None:
    """A gate holds one of them, and the other one would never come to an end."""
    report = explored(reads_at_once, "sqlite")
    assert report.verdict == "unknown"
    assert "several calls at once" in report.unknowns[0]
    assert explored(reads_in_turn, "sqlite").verdict == "fail"
