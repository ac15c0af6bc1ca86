"""Letter I: what is lost of a time that is computed from the clock is found, though that time is another one in each run."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import JSON, BigInteger, DateTime, String, func, text
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from acidity import prove
from acidity.core.report import Report
from acidity.prove import Scenario
from acidity.prove.explore.lab import Lab
from tests.tiers import ENGINES

LONG_AGO = datetime(2020, 1, 1)  # noqa: DTZ001 - without a zone, as the column is


class Base(DeclarativeBase):
    """Declarative base of one table."""


class Pass(Base):
    """One row, whose end is written in several ways."""

    __tablename__ = "passes"

    id: Mapped[int] = mapped_column(primary_key=True)
    until: Mapped[datetime] = mapped_column(DateTime, default=LONG_AGO)
    epoch: Mapped[int] = mapped_column(BigInteger, default=0)
    iso: Mapped[str] = mapped_column(String(40), default="2020-01-01T00:00:00+00:00")
    held: Mapped[dict[str, Any]] = mapped_column(JSON, default=lambda: {"until": "2020-01-01T00:00:00"})
    changed: Mapped[datetime | None] = mapped_column(DateTime)
    used: Mapped[int] = mapped_column(default=0)
    day: Mapped[date | None]


class OfVisits(DeclarativeBase):
    """Declarative base of another table: where the database has a clock, sleeps take their time."""


class Visit(OfVisits):
    """When somebody came, as the database says."""

    __tablename__ = "visits"

    id: Mapped[int] = mapped_column(primary_key=True)
    came: Mapped[datetime] = mapped_column(DateTime, server_default=func.now())


def seed(session: Session) -> None:
    session.add(Pass(id=1))


def now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)


def one(session: Session, *, lock: bool = False) -> Pass:
    return session.get_one(Pass, 1, with_for_update=lock)


def as_time(found: Pass) -> None:
    found.until = max(found.until, now()) + timedelta(minutes=1)


def as_number(found: Pass) -> None:
    found.epoch = max(found.epoch, int(time.time())) + 3600


def as_text(found: Pass) -> None:
    found.iso = (max(datetime.fromisoformat(found.iso), datetime.now(UTC)) + timedelta(days=30)).isoformat()


def in_a_document(found: Pass) -> None:
    later = max(datetime.fromisoformat(found.held["until"]), now()) + timedelta(days=30)
    found.held = {"until": later.isoformat(), "by": "the month"}


def by_days(found: Pass) -> None:
    found.day = max(found.day or date(2020, 1, 1), date.today()) + timedelta(days=7)  # noqa: DTZ011 - as many write it


WAYS = {as_time: "until", as_number: "epoch", as_text: "iso", in_a_document: "held", by_days: "day"}


def explored(function: Callable[..., None], db: str, **keywords: Any) -> Report:
    operation, level = prove.Operation(function, **keywords), None if db == "sqlite" else "READ COMMITTED"
    if function is comes:
        return prove.explore(Scenario(operation, metadata=OfVisits.metadata), db=db, isolation_level=level)
    return prove.explore(Scenario(operation, metadata=Base.metadata, setup=seed), db=db, isolation_level=level)


def extends(session: Session, way: Callable[[Pass], None], *, lock: bool = False) -> None:
    way(one(session, lock=lock))
    session.commit()


on_each_engine = pytest.mark.parametrize(
    "db", [pytest.param(db, marks=[] if db == "sqlite" else pytest.mark.dear) for db in ENGINES]
)


@on_each_engine
@pytest.mark.parametrize("way", WAYS, ids=WAYS.values())
def test_a_time_to_live_that_is_lost_is_found(db: str, way: Callable[[Pass], None]) -> None:
    """Each was a pass, or a matter of luck."""
    report = explored(extends, db, way=way)
    (finding,) = (each for each in report.findings if each.severity == "error")
    assert (report.verdict, finding.anomaly) == ("fail", "lost update")
    assert finding.title.startswith(f"{WAYS[way]} of passes id=1 is "), "the column, with what it is"
    assert finding.title.endswith(" after A then B"), "and what it should be"


@pytest.mark.dear
@pytest.mark.parametrize("db", ["postgresql", "mariadb"])
@pytest.mark.parametrize("way", WAYS, ids=WAYS.values())
def test_under_a_lock_it_is_right(db: str, way: Callable[[Pass], None]) -> None:
    report = explored(extends, db, way=way, lock=True)
    assert (report.verdict, report.findings) == ("pass", ())


def stamps(session: Session) -> None:
    session.execute(text("UPDATE passes SET used = used + 1, changed = :now WHERE id = 1"), {"now": now()})
    session.commit()


def sets_a_time_to_live(session: Session) -> None:
    session.execute(text("UPDATE passes SET used = used + 1, epoch = :end WHERE id = 1"), {"end": time.time() + 3600})
    session.commit()


def is_today(session: Session) -> None:
    session.execute(text("UPDATE passes SET used = used + 1, day = :day WHERE id = 1"), {"day": date.today()})  # noqa: DTZ011
    session.commit()


def comes(session: Session) -> None:
    session.add(Visit())
    session.commit()


def at_random(session: Session) -> None:
    end = now() + timedelta(seconds=random.uniform(0, 600))
    session.execute(text("UPDATE passes SET used = used + 1, until = :end WHERE id = 1"), {"end": end})
    session.commit()


def within_a_document(session: Session) -> None:
    """The last one wins, and all of them mean the same."""
    held = json.dumps({"until": time.time_ns(), "seen": now().isoformat(timespec="seconds")})
    session.execute(text("UPDATE passes SET used = used + 1, held = :held WHERE id = 1"), {"held": held})
    session.commit()


def sleeps(session: Session) -> None:
    """A lease that grows older while its owner, or somebody else, sleeps."""
    session.execute(text("UPDATE passes SET used = used + 1, epoch = :end WHERE id = 1"), {"end": time.time() + 60})
    session.commit()
    time.sleep(90)


@on_each_engine
@pytest.mark.parametrize("right", [stamps, sets_a_time_to_live, is_today, comes, at_random, within_a_document, sleeps])
def test_a_time_that_is_only_another_one_is_no_finding(db: str, right: Callable[[Session], None]) -> None:
    report = explored(right, db)
    assert (report.verdict, report.findings, report.unknowns) == ("pass", (), ())


def test_the_report_says_how_times_are_compared() -> None:
    (near,) = (note for note in explored(stamps, "sqlite").notes if "times are" in note)
    assert "times are compared as empty, kept, or how long before or after their run they are: passes.changed" in near
    (chance,) = (note for note in explored(at_random, "sqlite").notes if "times are" in note)
    assert "times are compared as empty, kept or new: passes.until" in chance


def counts_and_stamps(session: Session) -> None:
    found = one(session)
    found.used, found.changed = found.used + 1, now()
    session.commit()


def test_the_title_is_of_what_is_lost() -> None:
    report = explored(counts_and_stamps, "sqlite")
    (finding,) = (each for each in report.findings if each.severity == "error")
    assert finding.title == "used of passes id=1 is 1, and 2 after A then B"


def says_how_often(session: Session, shown: str) -> Any:
    used = one(session).used
    session.rollback()
    session.execute(text("UPDATE passes SET used = used + 1 WHERE id = 1"))
    session.commit()
    return f"{datetime.now():{shown}}: {used + 1}"  # noqa: DTZ005


def tell(at: datetime, used: int) -> None:
    """Outside the database."""


def tells_how_often(session: Session) -> None:
    used = one(session).used
    session.rollback()
    session.execute(text("UPDATE passes SET used = used + 1 WHERE id = 1"))
    session.commit()
    tell(now(), used=used + 1)


@pytest.mark.parametrize("shown", ["%H:%M:%S", "%Y-%m-%d %H:%M:%S.%f"])
def test_a_title_tells_what_is_lost_and_not_what_time_it_is(shown: str) -> None:
    """It was A's answer, in which only the clock differs."""
    report = explored(says_how_often, "sqlite", shown=shown)
    (finding,) = (each for each in report.findings if each.severity == "error")
    answered, wanted = finding.title.split("; after A then B ")
    assert (answered[:12], answered[-4:], wanted[-4:]) == ("B answered '", ": 1'", ": 2'")


def test_what_an_effect_is_told_is_held_against_what_it_is_told_at_any_time() -> None:
    operation = prove.Operation(tells_how_often)
    report = prove.explore(Scenario(operation, metadata=Base.metadata, setup=seed, effects=[tell]), db="sqlite")
    (finding,) = (each for each in report.findings if each.severity == "error")
    wrong, right = finding.title.split("; after A then B ")
    assert (wrong.startswith("tell was told"), "used 1" in wrong, "used 2" in right) == (True, True, True)


def notes(session: Session) -> None:
    line = f"last used at {datetime.now():%H:%M:%S}"  # noqa: DTZ005
    session.execute(text("UPDATE passes SET used = used + 1, iso = :line WHERE id = 1"), {"line": line})
    session.commit()


@pytest.mark.dear
def test_a_second_within_a_text_is_never_compared_by_luck() -> None:
    """It was a pass where all of it took place in one second."""
    report = explored(notes, "sqlite")
    assert (report.verdict, report.findings) == ("unknown", ())
    assert "write ignore=['passes.iso']" in report.unknowns[0]


LATE = {"now": False}


def with_a_part_that_seems_none(session: Session) -> None:
    end = now() + timedelta(seconds=68 if LATE["now"] else 60)
    session.execute(text("UPDATE passes SET used = used + 1, until = :end WHERE id = 1"), {"end": end})
    session.commit()


def test_what_only_a_time_tells_is_held_against_more_runs_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """A random part that is the same in the first three runs of an order, and another one in all of callers at once."""
    run, serially, made = Lab.run, Lab.serially, list[int]()

    def at_once(*arguments: Any, **keywords: Any) -> Any:
        LATE["now"] = True
        return run(*arguments, **keywords)

    def one_by_one(*arguments: Any, **keywords: Any) -> Any:
        made.append(1)
        LATE["now"] = len(made) > 3
        return serially(*arguments, **keywords)

    monkeypatch.setattr(Lab, "run", at_once)
    monkeypatch.setattr(Lab, "serially", one_by_one)
    report = explored(with_a_part_that_seems_none, "sqlite")
    assert (report.verdict, report.findings, report.unknowns) == ("pass", (), ())
