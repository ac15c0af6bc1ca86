"""The decisions, without a database."""

from __future__ import annotations

import sqlite3
from typing import Any

import pytest

from acidity.engines.codes import code_of, codes_of, commit_is_refused
from acidity.run.decide import Ended, Policy, gave_up, is_retryable, state_after_commit_error, what_next
from acidity.run.failures import Failures
from acidity.run.guard import meaning, savepoint_in
from acidity.run.state import ENDED, FOLLOWS, State


class Postgres(Exception):
    def __init__(self, sqlstate: str) -> None:
        super().__init__("server said no")
        self.sqlstate = sqlstate


class MariaDB(Exception):
    pass


def masked() -> MariaDB:
    try:
        try:
            raise MariaDB(1213, "Deadlock")  # noqa: TRY301 - as SQLAlchemy does
        except MariaDB:
            raise MariaDB(1305, "SAVEPOINT does not exist")  # noqa: B904 - the context is what counts
    except MariaDB as error:
        return error


def test_codes() -> None:
    busy = sqlite3.OperationalError("busy")
    busy.sqlite_errorname = "SQLITE_BUSY_SNAPSHOT"
    assert code_of(busy) == "SQLITE_BUSY_SNAPSHOT"
    assert code_of(Postgres("40001")) == "40001"
    assert code_of(MariaDB(1213, "x")) == "1213"
    assert code_of(OSError(1213, "x")) == ""
    assert codes_of(masked()) == ("1305", "1213")


@pytest.mark.parametrize("code", ["40001", "40P01"])
def test_retryable(code: str) -> None:
    assert is_retryable(Postgres(code), (), Policy())
    assert is_retryable(ValueError(), (Postgres(code),), Policy())


def test_not_retryable() -> None:
    assert is_retryable(masked(), (), Policy())
    for error in (Postgres("23505"), Postgres("23514"), MariaDB(4025, "x"), MariaDB(2013, "lost"), ValueError()):
        assert not is_retryable(error, (), Policy())
    for error in (Postgres("55P03"), MariaDB(1205, "x")):
        assert not is_retryable(error, (), Policy())
        assert is_retryable(error, (), Policy(retry_lock_timeouts=True))


def test_what_next() -> None:
    conflict = Postgres("40001")
    assert what_next(Ended(State.COMMITTED, 1), 1, Policy()) == "return"
    assert what_next(Ended(State.ABORTED, error=conflict), 1, Policy(2)) == "retry"
    assert what_next(Ended(State.ABORTED, error=conflict), 2, Policy(2)) == "raise"
    assert what_next(Ended(State.ABORTED, error=conflict), 1, Policy(2), interrupted=True) == "raise"
    for state in (State.UNKNOWN, State.COMMITTED):
        assert what_next(Ended(state, error=conflict, commit_lost=True), 1, Policy(9)) == "raise"
    assert what_next(Ended(State.ABORTED, error=KeyboardInterrupt(), commit_lost=True), 1, Policy(9)) == "raise"
    assert what_next(Ended(State.ABORTED, error=MariaDB(2013, "x"), commit_lost=True), 1, Policy(9)) == "retry"


@pytest.mark.parametrize(
    ("dialect", "code", "still_open", "refused"),
    [
        ("sqlite", "SQLITE_BUSY", True, True),
        ("sqlite", "SQLITE_IOERR", False, False),
        ("sqlite", "", None, False),
        ("postgresql", "23503", None, True),
        ("postgresql", "40001", None, True),
        ("postgresql", "40003", None, False),
        ("postgresql", "57P01", None, False),
        ("postgresql", "58030", None, False),
        ("postgresql", "08006", None, False),
        ("postgresql", "", None, False),
        ("mysql", "1213", None, True),
        ("mysql", "1180", None, False),
        ("mariadb", "2013", None, False),
    ],
)
def test_what_an_answer_to_commit_proves(dialect: str, code: str, still_open: Any, refused: Any) -> None:
    assert commit_is_refused(dialect, code, still_open=still_open) is refused
    error = Postgres(code)
    known = {"acknowledged": False, "still_open": still_open}
    expected = State.FAILED if refused else State.UNKNOWN
    assert state_after_commit_error(dialect, error, code, answered=True, **known) is expected
    assert state_after_commit_error(dialect, error, code, answered=False, **known) is State.UNKNOWN
    known["acknowledged"] = True
    assert state_after_commit_error(dialect, error, code, answered=False, **known) is State.COMMITTED


def test_giving_up_lists_every_attempt() -> None:
    error = gave_up([Postgres("40001"), MariaDB(1213, "Deadlock found")])
    assert str(error).count("\n") == 2
    assert "Deadlock found" in str(error)
    assert len(error.attempts) == 2


def test_nothing_leaves_an_end_but_the_marker() -> None:
    assert {state: FOLLOWS[state.value] for state in ENDED} == {
        State.COMMITTED: (),
        State.ABORTED: (),
        State.UNKNOWN: (State.COMMITTED, State.ABORTED),
    }


def test_a_savepoint_takes_errors_back() -> None:
    failures = Failures()
    failures.savepoint("a")
    failures.add(Postgres("23505"))
    assert not failures.final
    failures.rolled_back_to("a")
    assert failures.first is None
    failures.savepoint("a")
    failures.add(Postgres("23505"))
    failures.released("a")
    assert failures.final


def test_no_savepoint_survives_a_deadlock_on_mariadb() -> None:
    failures = Failures()
    failures.savepoint("a")
    failures.add(MariaDB(1213, "Deadlock"))
    failures.rolled_back_to("a")
    assert failures.final


def test_statements() -> None:
    assert savepoint_in("RELEASE SAVEPOINT s1;", "postgresql")[1] == "s1"
    assert savepoint_in("SELECT 1", "postgresql") is None
    for sql in ("ALTER TABLE t ADD c int", "TRUNCATE t", "/* x */ create index i on t (c)"):
        assert meaning(sql, "mysql").commits_unasked
    assert not meaning("DROP TEMPORARY TABLE t", "mysql").commits_unasked
