"""What was not compared, or not known of the database, so that a wrong program passed."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.engine import Connection
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

from acidity import prove
from acidity.prove import Operation, Scenario

NEXT_DAY = """
CREATE FUNCTION next_day() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN NEW.day := (SELECT max(day) + 1 FROM slots); RETURN NEW; END $$
"""


SET_DAY = """
CREATE FUNCTION set_day(new date) RETURNS void LANGUAGE sql AS $$ UPDATE slots SET day = new WHERE id = 0 $$
"""


def schema(connection: Connection) -> None:
    connection.exec_driver_sql("CREATE TABLE accounts (id INT PRIMARY KEY, balance INT NOT NULL, owner VARCHAR(10))")
    if connection.dialect.name != "postgresql":
        return
    for statement in (
        "CREATE SEQUENCE numbers",
        "CREATE DOMAIN numbered AS int DEFAULT nextval('numbers')",
        "CREATE TABLE ours (id int PRIMARY KEY, number numbered)",
        "CREATE TABLE theirs (id int PRIMARY KEY, number numbered)",
        "CREATE TABLE slots (id int PRIMARY KEY, day date)",
        "INSERT INTO slots VALUES (0, '2026-01-01')",
        NEXT_DAY,
        SET_DAY,
        "CREATE TRIGGER next_day BEFORE INSERT ON slots FOR EACH ROW EXECUTE FUNCTION next_day()",
    ):
        connection.exec_driver_sql(statement)


def seed(session: Session) -> None:
    session.execute(text("INSERT INTO accounts VALUES (1, 100, 'nobody')"))


def explored(*operations: Operation, db: str = "sqlite") -> prove.Report:
    return prove.explore(Scenario(*operations, schema=schema, setup=seed), db=db)


# Answers


class Told:
    """Says nothing of itself."""

    def __init__(self, balance: int) -> None:
        self.balance = balance


class Slotted:
    """Nor does this."""

    __slots__ = ("_balance",)

    def __init__(self, balance: int) -> None:
        self._balance = balance


def adds(session: Session, kind: type) -> Any:
    """Counts what it has read, not what is there: the rows are right, and the answer may not be."""
    balance = session.execute(text("SELECT balance FROM accounts WHERE id = 1")).scalar_one()
    session.execute(text("UPDATE accounts SET balance = balance + 10 WHERE id = 1"))
    session.commit()
    return kind(balance + 10)


def adds_and_reads(session: Session, kind: type) -> Any:
    session.execute(text("UPDATE accounts SET balance = balance + 10 WHERE id = 1"))
    balance = session.execute(text("SELECT balance FROM accounts WHERE id = 1")).scalar_one()
    session.commit()
    return kind(balance)


@pytest.mark.parametrize("kind", [Told, Slotted])
def test_what_is_in_an_object_that_is_answered_counts(kind: type) -> None:
    report = explored(Operation(adds, kind), db="postgresql")
    assert report.verdict == "fail", str(report)
    assert f"'{kind.__name__}'" in report.findings[0].title
    assert "balance': 110" in report.findings[0].title
    right = explored(Operation(adds_and_reads, kind), db="postgresql")
    assert (right.verdict, right.unknowns) == ("pass", ()), str(right)


# Numbers and days that the database makes


def draws(session: Session, table: str, *keys: int) -> None:
    for key in keys:
        session.execute(text(f"INSERT INTO {table} (id) VALUES (:id)"), {"id": key})
    session.commit()


def test_a_domain_draws_numbers() -> None:
    """Two in a row are one after the other, where nobody comes between; the default is the domain's, not the column's."""
    report = explored(Operation(draws, "ours", 1, 2), Operation(draws, "theirs", 1), db="postgresql")
    assert report.verdict == "fail", str(report)


def test_two_days_in_a_row_are_two_days() -> None:
    """No clock makes them, so that a day more or less counts."""
    report = explored(Operation(draws, "slots", 1), Operation(draws, "slots", 2), db="postgresql")
    assert report.verdict == "fail", str(report)
    assert "2026-01-02, and 2026-01-03" in report.findings[0].title


def postpones(session: Session) -> None:
    """An update of a day that is lost; no text of the program names the column."""
    day = session.execute(text("SELECT day FROM slots WHERE id = 0")).scalar_one()
    session.execute(text("SELECT set_day(:day)"), {"day": day + timedelta(days=1)})
    session.commit()


def test_a_day_that_is_written_through_a_function_is_no_time_of_a_clock() -> None:
    report = explored(Operation(postpones), db="postgresql")
    assert report.verdict == "fail", str(report)
    assert "2026-01-02, and 2026-01-03" in report.findings[0].title


# Memory

LAST: OrderedDict[str, None] = OrderedDict(ann=None, robert=None)


def moves(session: Session, name: str) -> None:
    """Who was there last is written, in a row of one's own, though another one may have been there since."""
    LAST.move_to_end(name)
    for _ in range(2):  # who comes between the two is seen after the second
        session.execute(text("SELECT balance FROM accounts WHERE id = 1")).scalar_one()
    session.execute(
        text("INSERT INTO accounts VALUES (:id, 0, :name)"), {"id": len(name) * 2, "name": next(reversed(LAST))}
    )
    session.commit()


def test_the_order_of_what_is_kept_is_state() -> None:
    report = explored(Operation(moves, "ann"), Operation(moves, "robert"))
    note = next(bound.note for bound in report.bounds if "schedules" in bound.name)
    assert "has state or locks of its own" in note
    assert report.verdict == "fail", str(report)


# What is said not to be compared


def sets_a_sequence(session: Session) -> None:
    last = session.execute(text("SELECT last_value FROM numbers")).scalar_one()
    session.execute(text("SELECT setval('numbers', :next)"), {"next": last + 1})
    session.commit()


def notifies(session: Session) -> None:
    balance = session.execute(text("SELECT balance FROM accounts WHERE id = 1")).scalar_one()
    session.execute(text("SELECT pg_notify('balances', :told)"), {"told": str(balance)})
    session.commit()


async def gives_up(session: AsyncSession) -> str:
    try:
        await asyncio.wait_for(session.execute(text("UPDATE accounts SET balance = 0 WHERE id = 1")), 5)
        await session.commit()
    except TimeoutError:
        return "busy"
    return "ok"


def test_who_gives_up_by_a_clock_of_his_own_is_not_seen_to() -> None:
    said = "a caller that gives up by a clock of its own (asyncio.timeout)"
    assert said in explored(Operation(gives_up)).not_covered
    assert said not in explored(Operation(adds_and_reads, int)).not_covered


@pytest.mark.parametrize(
    ("function", "told"),
    [
        (sets_a_sequence, "the numbers at which the program sets its sequences"),
        (notifies, "what is sent by NOTIFY"),
        (adds_and_reads, ""),
    ],
)
def test_what_nobody_compares_is_said(function: Callable[..., Any], told: str) -> None:
    report = explored(Operation(function, *([int] if function is adds_and_reads else [])), db="postgresql")
    said = {each for each in report.not_covered if "sequences" in each or "NOTIFY" in each}
    assert said == ({told} if told else set())
