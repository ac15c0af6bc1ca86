"""Where a unit begins and ends: joins, savepoints, and what would end it from inside."""
# ruff: noqa: PT012 - a unit of work is a block, and what it refuses is in it

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.engine import Engine
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
from sqlalchemy.orm import Session, sessionmaker

from acidity import atomic, lock, on_commit, savepoint, transaction_required
from acidity.errors import UsageError
from acidity.run import (
    BoundaryError,
    DeadlineExceeded,
    InvariantBroken,
    NoTransaction,
    SharedUnit,
    State,
    UnitPoisoned,
    UsedAfterEnd,
    boundary,
)
from tests.run.bank import ALICE, BOB, Account, balances, move, total_is_kept

BROKEN = text("INSERT INTO accounts VALUES (1, 'again', 0)")


def swallow(session: Session) -> None:
    with pytest.raises(IntegrityError):
        session.execute(BROKEN)


class Undo(Exception):
    pass


def test_a_block_and_a_function_commit(database: Engine) -> None:
    with atomic(database) as session:
        move(session, 10)
    atomic(sessionmaker(database))(move)(5)
    assert balances(database) == (85, 15)


@pytest.mark.parametrize("kind", [Undo, KeyboardInterrupt, GeneratorExit, StopIteration, asyncio.CancelledError])
def test_everything_that_is_raised_rolls_back(database: Engine, kind: type[BaseException]) -> None:
    error = kind()
    with pytest.raises(kind) as caught, atomic(database) as session:
        move(session, 10)
        raise error
    assert caught.value is error

    def function(session: Session) -> None:
        move(session, 10)
        raise error

    with pytest.raises(kind):
        atomic(database)(function)()
    assert balances(database) == (100, 0)


def test_async_twins(asynchronous: Any, database: Engine) -> None:
    async def go() -> None:
        engine = create_async_engine(asynchronous.url)
        async with atomic(async_sessionmaker(engine)) as session:
            await session.run_sync(move, 10)
            async with atomic(engine) as same, savepoint() as point:
                assert same is session
                await session.run_sync(move, 50)
                await point.rollback()
                await session.run_sync(move, 1)
                await point.rollback()
        task = asyncio.current_task()
        with pytest.raises(asyncio.CancelledError):
            async with atomic(engine) as session:
                await session.run_sync(move, 10)
                task.cancel()
                await asyncio.sleep(0)
        task.uncancel()
        await engine.dispose()

    asyncio.run(go())
    assert balances(database) == (90, 10)


def test_a_nested_unit_joins(database: Engine) -> None:
    maker = sessionmaker(database)
    with atomic(maker) as outer, atomic(database) as inner:
        assert outer is inner
    with pytest.raises(Undo), atomic(database) as session:
        atomic(database)(move)(10)
        assert session.get_one(Account, BOB).balance == 10
        raise Undo
    assert balances(database) == (100, 0)


def test_an_inner_failure_that_is_caught_poisons(database: Engine) -> None:
    def half(session: Session) -> None:
        session.get_one(Account, ALICE).balance -= 10
        session.flush()
        raise Undo

    with pytest.raises(UnitPoisoned, match="Undo"), atomic(database), pytest.raises(Undo):
        atomic(database)(half)()
    with pytest.raises(UnitPoisoned), atomic(database) as session:
        with pytest.raises(Undo), atomic(database):
            raise Undo
        session.execute(select(Account))
    assert balances(database) == (100, 0)


@pytest.mark.parametrize(
    "asked",
    [
        {"isolation_level": "SERIALIZABLE"},
        {"idempotency_key": "k"},
        {"resolve_commit": True},
        {"timeout": 1},
        {"read_only": True},
        {"invariants": [total_is_kept]},
        {"outermost": True},
    ],
    ids=lambda asked: next(iter(asked)),
)
def test_what_only_the_outermost_can_have(engine: Engine, asked: dict[str, Any]) -> None:
    with atomic(engine), pytest.raises(BoundaryError, match=next(iter(asked))), atomic(engine, **asked):
        pass
    with atomic(engine), pytest.raises(BoundaryError, match="max_attempts"):
        atomic(engine, max_attempts=2)(move)(1)


def test_a_block_cannot_be_run_again(engine: Engine) -> None:
    with pytest.raises(UsageError, match="cannot be run again"), atomic(engine, max_attempts=2):
        pass


def test_wrong_arguments(engine: Engine) -> None:
    with pytest.raises(UsageError, match="Engine"):
        atomic("sqlite://")
    with pytest.raises(UsageError, match="is not one of"):
        atomic(engine, isolation_level="AUTOCOMMIT")
    with pytest.raises(UsageError, match="generator"):
        atomic(engine)(lambda session: (yield))
    with pytest.raises(UsageError, match="no such parameter"):
        atomic(engine, idempotency_key="k")(move)
    with pytest.raises(UsageError, match="several databases"), atomic(sessionmaker(binds={Account: engine})):
        pass
    with (
        pytest.raises(BoundaryError, match="AUTOCOMMIT"),
        atomic(engine.execution_options(isolation_level="AUTOCOMMIT")),
    ):
        pass
    used = atomic(engine)
    with used, pytest.raises(UsageError, match="anew"), used:
        pass


def test_transaction_required(engine: Engine) -> None:
    required = transaction_required(lambda: True)
    with pytest.raises(NoTransaction):
        required()
    with pytest.raises(NoTransaction):
        savepoint().__enter__()
    with atomic(engine):
        assert required()
        transaction_required()


@pytest.mark.parametrize(
    "cross",
    [
        lambda s: s.commit(),
        lambda s: s.rollback(),
        lambda s: s.close(),
        lambda s: s.connection().commit(),
        lambda s: s.execute(text("COMMIT")),
        lambda s: s.execute(text("/* a */ rollback")),
    ],
    ids=["commit", "rollback", "close", "connection", "COMMIT", "ROLLBACK"],
)
def test_ending_it_by_hand_is_refused(database: Engine, cross: Any) -> None:
    with pytest.raises(UnitPoisoned, match="inside"), atomic(database) as session:
        move(session, 10)
        with pytest.raises(BoundaryError, match="inside a unit of work"):
            cross(session)
    assert balances(database) == (100, 0)


def test_rolled_back_under_its_feet(database: Engine) -> None:
    with pytest.raises(UnitPoisoned, match="by hand"), atomic(database) as session:
        move(session, 10)
        session.connection().rollback()
    assert balances(database) == (100, 0)


def test_use_after_the_end(database: Engine) -> None:
    with atomic(database) as session:
        alice = session.get_one(Account, ALICE)
    assert alice.balance == 100
    for use in (lambda: session.execute(select(1)), session.commit, lambda: session.add(Account())):
        with pytest.raises(UsedAfterEnd):
            use()


def test_another_thread_or_task(database: Engine, asynchronous: Any) -> None:
    caught: list[BaseException] = []

    def elsewhere() -> None:
        try:
            session.execute(select(1))
        except BaseException as error:
            caught.append(error)

    with atomic(database) as session:
        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join()
    assert isinstance(caught[0], SharedUnit)

    async def go() -> None:
        engine = create_async_engine(asynchronous.url)

        async def child() -> None:
            async with atomic(engine):
                pass

        async with atomic(engine):
            with pytest.raises(SharedUnit):
                await asyncio.create_task(child())
        await engine.dispose()

    asyncio.run(go())


@pytest.mark.parametrize("sandbox", ["mariadb"], indirect=True)
def test_ddl_on_mariadb(database: Engine) -> None:
    with pytest.raises(BoundaryError, match="commits by itself"), atomic(database) as session:
        move(session, 10)
        session.execute(text("CREATE TABLE t (id int)"))
    with pytest.raises(Undo), atomic(database) as session:
        move(session, 10)
        session.execute(text("CREATE TEMPORARY TABLE t (id int)"))
        raise Undo
    assert balances(database) == (100, 0)


def test_a_swallowed_error_poisons(database: Engine) -> None:
    """PostgreSQL would commit nothing and say success; MariaDB would commit the half that worked."""
    with pytest.raises(UnitPoisoned, match=r"IntegrityError|UniqueViolation|Duplicate"), atomic(database) as session:
        move(session, 10)
        swallow(session)
        with pytest.raises(UnitPoisoned, match="nothing more is sent"):
            session.execute(select(1))
    assert balances(database) == (100, 0)


def test_an_error_in_a_savepoint_is_taken_back(database: Engine) -> None:
    with atomic(database) as session:
        move(session, 10)
        with pytest.raises(IntegrityError), savepoint():
            move(session, 50)
            session.execute(BROKEN)
        with pytest.raises(BoundaryError, match="swallowed"), savepoint():
            swallow(session)
        with savepoint() as point:
            move(session, 7)
            swallow(session)
            point.rollback()
            move(session, 3)
            point.rollback()
            move(session, 1)
        with pytest.raises(BoundaryError, match="released"):
            point.rollback()
    assert balances(database) == (89, 11)


def test_on_commit(database: Engine) -> None:
    done: list[str] = []
    with atomic(database):
        on_commit(lambda: done.append("outer"))
        with atomic(database):
            on_commit(lambda: done.append("inner"))
        with savepoint() as point:
            on_commit(lambda: done.append("undone"))
            point.rollback()
        with savepoint():
            on_commit(lambda: done.append("released"))
        assert not done
    assert done == ["outer", "inner", "released"]
    with pytest.raises(Undo), atomic(database):
        on_commit(lambda: done.append("never"))
        raise Undo
    assert "never" not in done


def test_on_commit_that_fails_says_that_the_change_is_committed(database: Engine) -> None:
    with pytest.raises(ZeroDivisionError) as caught, atomic(database) as session:
        move(session, 10)
        on_commit(lambda: 1 // 0)
    assert "committed" in caught.value.__notes__[0]
    assert balances(database) == (90, 10)


def test_invariants(database: Engine) -> None:
    def nobody_is_poor(session: Session) -> bool:
        return session.get_one(Account, ALICE).balance > 95

    with (
        pytest.raises(InvariantBroken, match="nobody_is_poor"),
        atomic(database, invariants=[nobody_is_poor]) as session,
    ):
        session.get_one(Account, ALICE).balance -= 10
    assert balances(database) == (100, 0)


def test_an_invariant_that_is_asked_of_the_database(database: Engine) -> None:
    """Two of the engines answer 0."""

    def nobody_is_poor(session: Session) -> Any:
        return session.scalar(text("SELECT MIN(balance) > 5 FROM accounts"))

    with pytest.raises(InvariantBroken), atomic(database, invariants=[nobody_is_poor]) as session:
        session.get_one(Account, ALICE).balance -= 10
    assert balances(database) == (100, 0)


def test_an_invariant_that_says_neither(database: Engine) -> None:
    with pytest.raises(BoundaryError, match=r"returned \[\]"), atomic(database, invariants=[lambda _: []]) as session:
        session.get_one(Account, ALICE).balance -= 10
    assert balances(database) == (100, 0)


def test_life_cycle(database: Engine) -> None:
    seen: list[State] = []
    with atomic(database, on_transition=lambda _unit, _old, new: seen.append(new)) as session:
        move(session, 10)
    assert seen == [State.PARTIALLY_COMMITTED, State.COMMITTED]
    seen.clear()
    with pytest.raises(Undo), atomic(database, on_transition=lambda _unit, _old, new: seen.append(new)):
        raise Undo
    assert seen == [State.FAILED, State.ABORTED]


@pytest.mark.parametrize("level", ["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"])
def test_level_is_what_the_server_says(database: Engine, level: str) -> None:
    with atomic(database, isolation_level=level) as session:
        if database.dialect.name != "sqlite":
            assert session.connection().get_isolation_level() == level


def test_read_only_and_timeout_leave_nothing_behind(database: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DBAPIError), atomic(database, read_only=True) as session:
        move(session, 10)
    with atomic(database, read_only=True) as session:
        session.execute(select(Account))
    with atomic(database, timeout=60) as session:
        move(session, 10)
    with pytest.raises(DeadlineExceeded), atomic(database, timeout=60) as session:
        move(session, 10)
        monkeypatch.setattr(boundary, "monotonic", lambda: float("inf"))
        session.execute(select(1))
    monkeypatch.undo()
    with atomic(database) as session:
        move(session, 1)
    assert balances(database) == (89, 11)


def test_lock(database: Engine) -> None:
    with atomic(database) as session:
        alice = session.get_one(Account, ALICE)
        assert [row.id for row in lock(session, Account, [BOB, ALICE])] == [ALICE, BOB]
        assert alice is lock(session, Account, [ALICE])[0]
        with pytest.raises(LookupError, match="99"):
            lock(session, Account, [ALICE, 99])
    with atomic(database, read_only=True) as session, pytest.raises(BoundaryError):
        lock(session, Account, [ALICE])


def test_import_is_cheap() -> None:
    import subprocess
    import sys

    code = "import sys, acidity; sys.exit('sqlalchemy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
