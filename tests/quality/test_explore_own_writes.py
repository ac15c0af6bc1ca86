"""Letter I: a caller that has written before it reads is named like one that has not, and what has no name is told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from acidity import prove
from acidity.core.finding import Finding
from acidity.core.report import Report
from acidity.prove import Operation, Scenario
from tests.tiers import ENGINES, SERVERS

SEATS = 2
VICTIM = {"postgresql": "40P01", "mariadb": "1213"}
COUNT = text("SELECT count(*) FROM bookings WHERE room = 1")
BOOK = text("INSERT INTO bookings (id, room) VALUES (:n, 1)")


def schema(connection: Connection) -> None:
    connection.execute(text("CREATE TABLE bookings (id INTEGER PRIMARY KEY, room INTEGER NOT NULL)"))
    connection.execute(text("CREATE TABLE accounts (id INTEGER PRIMARY KEY, balance INTEGER NOT NULL)"))
    connection.execute(text("CREATE TABLE log (id INTEGER PRIMARY KEY)"))


def seed(session: Session) -> None:
    session.execute(text("INSERT INTO bookings (id, room) VALUES (1, 1)"))
    session.execute(text("INSERT INTO accounts (id, balance) VALUES (1, 100), (2, 100)"))


def logged(session: Session, number: int) -> None:
    session.execute(text("INSERT INTO log (id) VALUES (:n)"), {"n": number})


def other_room(session: Session, number: int) -> None:
    """In the very table that it asks next."""
    session.execute(text("INSERT INTO bookings (id, room) VALUES (:n, 7)"), {"n": 100 + number})


def same_room(session: Session, number: int) -> None:
    """It finds its own row among those that it asks for."""
    session.execute(text("INSERT INTO bookings (id, room) VALUES (:n, 1)"), {"n": 100 + number})


def nothing(session: Session, number: int) -> None:
    """It finds no row to write."""
    session.execute(text("UPDATE bookings SET room = 8 WHERE room = 9 AND id > :n"), {"n": number})


def book(session: Session, number: int, seats: int = SEATS) -> None:
    if session.execute(COUNT).scalar_one() < seats:
        session.execute(BOOK, {"n": number})
    session.commit()


def spend(session: Session, number: int) -> None:
    """The sum of both must not become less than 100."""
    if session.execute(text("SELECT sum(balance) FROM accounts")).scalar_one() >= 200:
        take = text("UPDATE accounts SET balance = balance - 100 WHERE id = :n")
        session.execute(take, {"n": 1 + number % 2})
    session.commit()


def withdraw(session: Session, number: int) -> None:
    balance = session.execute(text("SELECT balance FROM accounts WHERE id = 1")).scalar_one()
    session.execute(text("UPDATE accounts SET balance = :b WHERE id = 1"), {"b": balance - number})
    session.commit()


def by_the_database(session: Session, number: int) -> None:
    """Nothing is wrong."""
    session.execute(text("UPDATE accounts SET balance = balance - :n WHERE id = 1"), {"n": number})
    session.commit()


Act = Callable[[Session, int], None]


def explored(*acts: Act, db: str, setting: str | None = None, callers: int = 2) -> Report:
    """Each caller does all of that."""

    def run(session: Session, number: int) -> None:
        for act in acts:
            act(session, number)

    operations = [Operation(run, number=number) for number in range(10, 10 + callers)]
    return prove.explore(Scenario(*operations, schema=schema, setup=seed), db=db, isolation_level=setting)


def named(report: Report) -> list[str]:
    return [each.anomaly for each in report.findings if each.severity == "error"]


def spend_by_least(session: Session, number: int) -> None:
    """What another one took may be the least before, too, so that the answer stays the same."""
    asked = "WITH mine AS (SELECT balance FROM accounts WHERE id > 0) SELECT min(balance) FROM mine"
    least = session.execute(text(asked)).scalar_one()
    take = text("UPDATE accounts SET balance = balance - :b WHERE id = :n")
    session.execute(take, {"b": least, "n": 1 + number % 2})
    session.commit()


@pytest.mark.parametrize("db", SERVERS)
@pytest.mark.parametrize(
    ("first", "then", "name"),
    [
        (logged, book, "phantom"),
        (other_room, book, "phantom"),
        (logged, spend, "write skew"),
        (logged, withdraw, "lost update"),
        (nothing, spend, "write skew"),
        (nothing, spend_by_least, "write skew"),
    ],
)
def test_what_was_written_before_hides_no_name(db: str, first: Act, then: Act, name: str) -> None:
    assert named(explored(first, then, db=db)) == [name]


@pytest.mark.slow
@pytest.mark.parametrize("level", ["READ COMMITTED", "REPEATABLE READ"])
@pytest.mark.parametrize("db", SERVERS)
@pytest.mark.parametrize("first", [logged, other_room, nothing])
@pytest.mark.parametrize(("then", "name"), [(book, "phantom"), (spend, "write skew"), (withdraw, "lost update")])
def test_so_at_each_level(db: str, level: str, first: Act, then: Act, name: str) -> None:
    """Where the level or the locks of what was written first prevent it, nothing is found."""
    report = explored(first, then, db=db, setting=level)
    assert named(report) == [name] if report.verdict == "fail" else report.verdict == "pass"
    assert report.verdict == "fail" or level == "REPEATABLE READ"


def test_its_own_row_among_those_that_it_asks_for() -> None:
    def with_one_more(session: Session, number: int) -> None:
        book(session, number, SEATS + 1)

    assert named(explored(same_room, with_one_more, db="postgresql")) == ["phantom"]


@pytest.mark.slow
@pytest.mark.parametrize("db", SERVERS)
@pytest.mark.parametrize(("then", "name"), [(book, "phantom"), (withdraw, "lost update")])
def test_so_with_three_callers(db: str, then: Act, name: str) -> None:
    assert named(explored(logged, then, db=db, callers=3))[:1] == [name]


@pytest.mark.parametrize("db", ENGINES)
@pytest.mark.parametrize("first", [logged, other_room])
def test_the_right_twin_passes(db: str, first: Act) -> None:
    assert explored(first, by_the_database, db=db).verdict == "pass"


@pytest.mark.parametrize("then", [book, spend, withdraw])
def test_whoever_has_written_keeps_all_others_out_of_sqlite(then: Act) -> None:
    assert explored(logged, then, db="sqlite").verdict == "pass"


def counts(session: Session) -> None:
    """What it asks within its write is of another committed state than what it has asked before."""
    balance = session.execute(text("SELECT balance FROM accounts WHERE id = 1")).scalar_one()
    counted = text("UPDATE accounts SET balance = :b + (SELECT count(*) FROM bookings) WHERE id = 2")
    session.execute(counted, {"b": balance})
    session.commit()


def books(session: Session) -> None:
    session.execute(text("UPDATE accounts SET balance = balance + 1 WHERE id = 1"))
    session.execute(BOOK, {"n": 9})
    session.commit()


@pytest.mark.parametrize(
    ("db", "level", "name"),
    [
        ("mariadb", "REPEATABLE READ", "read skew"),  # what a write reads there is no part of the snapshot
        ("mariadb", "READ COMMITTED", "read skew"),
        ("postgresql", "READ COMMITTED", "read skew"),
        ("postgresql", "REPEATABLE READ", None),
    ],
)
def test_what_a_write_asks_for_itself(db: str, level: str, name: str | None) -> None:
    report = prove.explore(
        Scenario(Operation(counts), Operation(books), schema=schema, setup=seed), db=db, isolation_level=level
    )
    assert named(report) == ([name] if name else [])
    assert report.verdict == ("fail" if name else "pass")


@pytest.mark.parametrize(("level", "name"), [("READ COMMITTED", []), ("REPEATABLE READ", ["phantom"])])
def test_what_a_write_of_postgresql_asks_is_part_of_its_snapshot(level: str, name: list[str]) -> None:
    """It is sent when another one has committed: at the one level it sees that, and at the other what was before."""

    def numbered(session: Session, number: int) -> None:
        session.execute(text("SELECT count(*) FROM log"))
        made = text("INSERT INTO bookings (id, room) SELECT :n, count(*) FROM bookings")
        session.execute(made, {"n": number})
        session.commit()

    scenario = Scenario(*(Operation(numbered, number=number) for number in (10, 11)), schema=schema, setup=seed)
    report = prove.replay_together(scenario, "ac1:A.B3.A2", db="postgresql", isolation_level=level)
    assert named(report) == name


# What has no name


@pytest.mark.dear
@pytest.mark.parametrize("db", SERVERS)
def test_a_generated_key_does_not_tell_who_had_come_before(db: str) -> None:
    """B gets its own key, which is the second one since A has inserted, not since it has seen A's row."""

    def newest(session: Session, number: int) -> int:
        session.execute(text("INSERT INTO posts (n) VALUES (:n)"), {"n": number})
        found: int = session.execute(text("SELECT max(id) FROM posts")).scalar_one()
        session.commit()
        return found

    def posts(connection: Connection) -> None:
        key = {"postgresql": "serial", "mariadb": "integer AUTO_INCREMENT"}[db]
        connection.execute(text(f"CREATE TABLE posts (id {key} PRIMARY KEY, n integer NOT NULL)"))

    scenario = Scenario(Operation(newest, number=1), Operation(newest, number=2), schema=posts)
    report = prove.replay_together(scenario, "ac1:A.B3.A2", db=db)
    assert (report.verdict, [(each.code, each.anomaly) for each in report.findings]) == ("fail", [("ACI309", "")])


def reason(report: Report) -> tuple[Finding, str]:
    found = next(each for each in report.findings if each.severity == "error")
    assert found.anomaly == ""
    return found, found.explanation[0]


@pytest.mark.parametrize("db", SERVERS)
def test_a_queue_that_passes_over_what_somebody_gives_back(db: str) -> None:
    """The second one finds nothing to do, though the first one did nothing."""

    def claim(session: Session, *, gives_back: bool) -> Any:
        asked = "SELECT id FROM accounts WHERE id = 1 FOR UPDATE SKIP LOCKED"
        found = session.execute(text(asked)).scalar()
        session.rollback() if gives_back else session.commit()
        return found

    operations = [Operation(claim, gives_back=gives_back) for gives_back in (True, False)]
    found, told = reason(prove.explore(Scenario(*operations, schema=schema, setup=seed), db=db))
    assert told.startswith("B asked SELECT id FROM accounts WHERE id = 1 FOR UPDATE SKIP LOCKED (")
    assert told.endswith("which passes over what another caller has locked")
    assert len(found.sites) == 1


@pytest.mark.parametrize("db", SERVERS)
def test_an_error_that_was_caught(db: str) -> None:
    """Locks in opposite orders; the victim says it has done all."""

    def both(session: Session, first: int) -> None:
        taken = text("UPDATE accounts SET balance = balance - 1 WHERE id = :n")
        session.execute(taken, {"n": first})
        try:
            with session.begin_nested():
                session.execute(taken, {"n": 3 - first})
        except OperationalError:
            pass
        session.commit()

    operations = [Operation(both, first=first) for first in (1, 2)]
    _, told = reason(prove.explore(Scenario(*operations, schema=schema, setup=seed), db=db))
    assert f"was turned away with {VICTIM[db]}" in told
    assert told.endswith("and went on without it")


@pytest.mark.parametrize("db", SERVERS)
def test_what_goes_with_an_error_was_written_over_by_nobody(db: str) -> None:
    """A deadlock takes all back on MariaDB, and the COMMIT behind it does on PostgreSQL."""

    def move(session: Session, first: int) -> None:
        taken = "UPDATE accounts SET balance = balance - 10 WHERE id = :n"
        given = "UPDATE accounts SET balance = balance + 10 WHERE id = :n"
        cursor = session.connection()
        cursor.execute(text(taken), {"n": first})
        try:
            cursor.execute(text(given), {"n": 3 - first})
        except OperationalError:
            if db == "mariadb":
                cursor.execute(text(given), {"n": 3 - first})
        session.commit()

    operations = [Operation(move, first=first) for first in (1, 2)]
    found, told = reason(prove.explore(Scenario(*operations, schema=schema, setup=seed), db=db))
    assert f"was turned away with {VICTIM[db]} at UPDATE accounts SET balance = balance + 10 WHERE id = " in told
    assert ", which took back UPDATE accounts SET balance = balance - 10 WHERE id = " in told
    assert found.broke is not None


@pytest.mark.dear
def test_what_was_taken_back_to_a_savepoint_was_written_over_by_nobody() -> None:
    """PostgreSQL lets the row go; it is another one of which an update is lost."""

    def tries_first(session: Session) -> None:
        with session.begin_nested() as tried:
            session.execute(text("UPDATE accounts SET balance = 0 WHERE id = 1"))
            tried.rollback()
        found = session.execute(text("SELECT balance FROM accounts WHERE id = 2")).scalar_one()
        session.execute(text("UPDATE accounts SET balance = :n WHERE id = 2"), {"n": found - 10})
        session.commit()

    def takes_both(session: Session) -> None:
        session.execute(text("UPDATE accounts SET balance = balance - 10"))
        session.commit()

    scenario = Scenario(Operation(tries_first), Operation(takes_both), schema=schema, setup=seed)
    assert named(prove.explore(scenario, db="postgresql")) == ["lost update"]


@pytest.mark.parametrize("db", ENGINES)
def test_who_came_between_two_transactions(db: str) -> None:
    def two(session: Session) -> int:
        session.execute(text("UPDATE accounts SET balance = 50 WHERE id = 1"))
        session.commit()
        return session.execute(text("SELECT balance FROM accounts WHERE id = 1")).scalar_one()

    operations = [Operation(two), Operation(by_the_database, number=10)]
    found, told = reason(prove.explore(Scenario(*operations, schema=schema, setup=seed), db=db))
    assert told.startswith("A ended a transaction (")
    assert told.endswith(") and went on in another one; between them B committed")
    assert len(found.sites) == 1
