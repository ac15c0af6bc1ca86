"""What is a refusal and what an outage, by the code on the error of the driver; and what follows."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, InterfaceError, OperationalError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from acidity.run import CommitUnknown, RetriesExhausted, SagaChanged, UnitPoisoned
from acidity.run.saga.decide import after_failure, is_interruption
from acidity.run.saga.plan import Definition, Plan, key_of
from acidity.run.saga.status import SagaState, SagaStatus

OUTAGES = [
    (OperationalError, "40001"),
    (OperationalError, "40P01"),
    (DBAPIError, "40001"),  # as asyncpg raises it
    (OperationalError, "55P03"),
    (OperationalError, "57014"),
    (OperationalError, "08006"),
    (OperationalError, "53100"),
    (InterfaceError, ""),
    (ProgrammingError, ""),  # a closed connection of sqlite3
    (OperationalError, 1205),
    (OperationalError, 1213),
    (OperationalError, 1020),
    (OperationalError, 2013),
    (OperationalError, 1114),
    (OperationalError, "SQLITE_BUSY"),
    (OperationalError, "SQLITE_FULL"),
    (OperationalError, "SQLITE_IOERR_WRITE"),
]
REFUSALS = [
    (IntegrityError, "23514"),
    (DataError, "22003"),
    (ProgrammingError, "42P01"),
    (DBAPIError, "P0001"),
    (IntegrityError, 1062),
    (OperationalError, 4025),
    (OperationalError, 1644),
    (DataError, 1406),
    (IntegrityError, "SQLITE_CONSTRAINT_CHECK"),
    (OperationalError, "SQLITE_ERROR"),
]


def error_of(kind: type[DBAPIError], code: Any) -> DBAPIError:
    original = Exception(code) if isinstance(code, int) else Exception("said the database")
    if isinstance(code, str) and code:
        setattr(original, "sqlite_errorname" if code.startswith("SQLITE") else "sqlstate", code)
    return kind("UPDATE", {}, original)


def raised_from(error: BaseException, cause: BaseException) -> BaseException:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(("kind", "code"), OUTAGES)
def test_an_outage_interrupts(kind: type[DBAPIError], code: Any) -> None:
    error = error_of(kind, code)
    for seen in (error, *(raised_from(made("x"), error) for made in (RetriesExhausted, UnitPoisoned, ValueError))):
        assert is_interruption(seen)


@pytest.mark.parametrize(("kind", "code"), REFUSALS)
def test_a_refusal_of_the_database_refuses(kind: type[DBAPIError], code: Any) -> None:
    error = error_of(kind, code)
    assert not is_interruption(error)
    assert not is_interruption(raised_from(UnitPoisoned("x"), error))
    assert is_interruption(error, reached=False)
    assert is_interruption(kind("UPDATE", {}, error.orig or error, connection_invalidated=True))


def test_other_errors() -> None:
    cancelled = raised_from(UnitPoisoned("x"), asyncio.CancelledError())
    for error in (CommitUnknown("x"), MemoryError(), PoolTimeout("x"), cancelled):
        assert is_interruption(error)
    for error in (ValueError("x"), OSError("the gateway"), TypeError("a bug")):
        assert not is_interruption(error)


@pytest.mark.parametrize(
    ("may_compensate", "interruption", "failures", "then"),
    [
        (True, False, 1, "compensate"),
        (True, True, 1, "again"),
        (True, True, 3, "interrupted"),
        (False, False, 1, "again"),
        (False, False, 3, "stuck"),
        (False, True, 3, "interrupted"),
    ],
)
def test_what_follows(may_compensate: bool, interruption: bool, failures: int, then: str) -> None:  # noqa: FBT001
    seen = after_failure(may_compensate=may_compensate, interruption=interruption, failures=failures, max_attempts=3)
    assert seen == then


def nothing(*_: Any) -> None: ...


def plan_of(*names: str) -> Plan:
    """A name with ``*`` is external, one with ``|`` has no compensation."""
    made = Plan("trip")
    for name in names:
        made.add(Definition(name.rstrip("*|"), nothing, None if "|" in name else nothing, "*" in name))
    return made


def status_of(state: SagaState, *done: str, undone: tuple[str, ...] = (), failed: str | None = None) -> SagaStatus:
    return SagaStatus("1", state, None, dict.fromkeys(done), undone, failed)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (status_of(SagaState.RUNNING), ("do", "a", False)),
        (status_of(SagaState.RUNNING, "a", "b"), ("do", "c", True)),
        (status_of(SagaState.DONE, "a", "b", "c"), None),
        (status_of(SagaState.COMPENSATING, "a", failed="b"), ("undo", "b", False)),  # external
        (status_of(SagaState.COMPENSATING, "a", undone=("b",), failed="b"), ("undo", "a", True)),
        (status_of(SagaState.COMPENSATING, "a", "b", failed="c"), ("undo", "b", False)),
        (status_of(SagaState.COMPENSATED, "a", undone=("a",)), None),
    ],
)
def test_what_is_next(status: SagaStatus, expected: Any) -> None:
    act = plan_of("a", "b*", "c|").next(status)
    assert (act and (act.direction, act.definition.name, act.last)) == expected


@pytest.mark.parametrize(
    "status",
    [
        status_of(SagaState.RUNNING, "b"),
        status_of(SagaState.RUNNING, "a", "b", "c"),
        status_of(SagaState.COMPENSATING, "a", undone=("a",), failed="c"),
        status_of(SagaState.COMPENSATING, "a", "b", "c", failed="d"),
    ],
)
def test_what_does_not_fit(status: SagaStatus) -> None:
    with pytest.raises(SagaChanged, match="'trip' with the id '1'"):
        plan_of("a", "b", "c|").next(status)


def test_keys_are_stable_and_tell_everything_apart() -> None:
    parts = [("s", "1", "do", "a"), ("s", "1", "undo", "a"), ("s", "2", "do", "a"), ("t", "1", "do", "a")]
    keys = [key_of(*each) for each in parts]  # type: ignore[arg-type]
    assert len(set(keys)) == 4
    assert keys[0] == "427914c7a0c6b53b64f1812a33d091721a632cace763146b55a1a32cbb86f4b8"
