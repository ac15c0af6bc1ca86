"""Letter I: a clock of seconds that goes on in mid-search changes no verdict, whatever is made of its time.

The clock of these programs goes on by one with every so many calls of the operation, so that the two runs of each serial
order are in one second and the runs of callers at once in others.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import String, select, update
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from acidity import prove
from acidity.core.report import Report
from acidity.prove import Operation, Scenario
from tests.tiers import mostly_slow

BEGAN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
EACH = 9  # calls: those of three runs that watch, and of two equal callers twice, one after the other
CALLS = {"made": 0}


class Base(DeclarativeBase):
    """Declarative base of one table."""


class Code(Base):
    """One row, with what programs make of a time."""

    __tablename__ = "codes"

    id: Mapped[int] = mapped_column(primary_key=True)
    used: Mapped[int]
    told: Mapped[str] = mapped_column(String(80))
    until: Mapped[int]


def seed(session: Session) -> None:
    session.add(Code(id=1, used=0, told="", until=0))


def now() -> datetime:
    CALLS["made"] += 1
    return BEGAN + timedelta(seconds=CALLS["made"] // EACH)


def as_text() -> dict[str, Any]:
    return {"told": str((now() + timedelta(minutes=5)).replace(tzinfo=None))}


def as_number() -> dict[str, Any]:
    return {"until": int(now().timestamp()) + 300}


def as_signed() -> dict[str, Any]:
    return {"told": f"until {int(now().timestamp()) + 300:x}: signed"}


def by_the_database(session: Session, made: Callable[[], dict[str, Any]]) -> None:
    """Nothing is wrong."""
    session.execute(select(Code.used)).scalar_one()
    session.execute(update(Code).where(Code.id == 1).values(used=Code.used + 1, **made()))
    session.commit()


def by_the_program(session: Session, made: Callable[[], dict[str, Any]]) -> None:
    used = session.execute(select(Code.used).where(Code.id == 1)).scalar_one()
    session.execute(update(Code).where(Code.id == 1).values(used=used + 1, **made()))
    session.commit()


def explored(function: Callable[..., Any], made: Callable[[], dict[str, Any]], db: str) -> Report:
    CALLS["made"] = 0
    return prove.explore(Scenario(Operation(function, made=made), metadata=Base.metadata, setup=seed), db=db)


@pytest.mark.parametrize("db", mostly_slow("sqlite"))
@pytest.mark.parametrize("made", [as_text, as_number])
def test_what_is_right_passes(db: str, made: Callable[[], dict[str, Any]]) -> None:
    """It was a lost update now and then, in runs of callers who had met nobody."""
    report = explored(by_the_database, made, db)
    assert (report.verdict, report.findings) == ("pass", ())
    column = "told" if made is as_text else "until"
    assert any("times are compared" in note and f"codes.{column}" in note for note in report.notes)


@pytest.mark.parametrize("db", mostly_slow("sqlite"))
@pytest.mark.parametrize("made", [as_text, as_number])
def test_what_is_wrong_is_named_for_what_is_wrong(db: str, made: Callable[[], dict[str, Any]]) -> None:
    report = explored(by_the_program, made, db)
    (finding,) = (each for each in report.findings if each.severity == "error")
    assert (finding.anomaly, finding.title) == ("lost update", "used of codes id=1 is 1, and 2 after A then B")


@pytest.mark.parametrize("db", mostly_slow("sqlite"))
@pytest.mark.parametrize("function", [by_the_database, by_the_program])
def test_what_nothing_explains_is_unknown(db: str, function: Callable[..., Any]) -> None:
    report = explored(function, as_signed, db)
    assert (report.verdict, report.findings) == ("unknown", ())
    assert "write ignore=['codes.told']" in report.unknowns[0]
