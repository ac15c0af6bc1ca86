"""Retry, the outcome of COMMIT, idempotency, and what `configure_sqlite` promises."""
# ruff: noqa: PT012 - a unit of work is a block, and what it refuses is in it

from __future__ import annotations

import asyncio
import gc
import sqlite3
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import create_engine, event, text
from sqlalchemy.engine import Engine
from sqlalchemy.exc import DatabaseError, OperationalError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.orm import Session

from acidity import atomic, configure_sqlite, on_commit
from acidity.errors import UsageError
from acidity.run import (
    AlreadyDone,
    CommitUnknown,
    KeyInProgress,
    KeyReused,
    RetriesExhausted,
    State,
    prune,
    tables,
)
from tests.run.bank import ALICE, Account, balances, move


def conflict() -> OperationalError:
    error = sqlite3.OperationalError("database is locked")
    error.sqlite_errorname = "SQLITE_BUSY_SNAPSHOT"
    return OperationalError("UPDATE", {}, error)


def test_the_whole_function_is_run_again(database: Engine, waits: list[float]) -> None:
    sessions = []

    @atomic(database, max_attempts=3)
    def unit(session: Session) -> int:
        sessions.append(session)
        move(session, 10)
        if len(sessions) < 3:
            raise conflict()
        return len(sessions)

    assert unit() == 3
    assert len({id(session) for session in sessions}) == 3
    assert len(waits) == 2
    assert balances(database) == (90, 10)


def test_giving_up(database: Engine, waits: list[float]) -> None:
    def always(session: Session) -> None:
        raise conflict()

    with pytest.raises(RetriesExhausted) as caught:
        atomic(database, max_attempts=3)(always)()
    assert len(caught.value.attempts) == 3
    assert len(waits) == 2
    with pytest.raises(OperationalError):
        atomic(database)(always)()


def test_a_permanent_error_is_reported_at_once(database: Engine, waits: list[float]) -> None:
    with pytest.raises(ZeroDivisionError):
        atomic(database, max_attempts=9)(lambda session: 1 // 0)()
    assert not waits


def test_idempotency(database: Engine) -> None:
    @atomic(database, idempotency_key="request")
    def transfer(session: Session, request: str, amount: int) -> dict[str, Any]:
        move(session, amount)
        return {"amount": amount}

    assert transfer("r1", 10) == transfer("r1", 10) == {"amount": 10}
    with pytest.raises(KeyReused):
        transfer("r1", 11)
    transfer("R1", 1)  # on MariaDB, most collations would say that this is the same key
    transfer("r1 ", 1)
    assert balances(database) == (88, 12)
    with atomic(database, idempotency_key="block"):
        pass
    with pytest.raises(AlreadyDone), atomic(database, idempotency_key="block"):
        pass
    assert prune(database, older_than=timedelta(days=1)) == 0
    assert prune(database, older_than=timedelta(days=-1)) == 4


def test_a_failed_unit_leaves_its_key_free(database: Engine) -> None:
    answers = iter([ZeroDivisionError(), None])

    @atomic(database, idempotency_key=lambda request: request)
    def once(session: Session, request: str) -> str:
        error = next(answers)
        if error:
            raise error
        return "done"

    with pytest.raises(ZeroDivisionError):
        once("k")
    assert once("k") == once("k") == "done"


def test_a_result_that_json_would_change_is_refused(database: Engine) -> None:
    @atomic(database, idempotency_key="request")
    def pair(session: Session, request: str) -> tuple[int, int]:
        move(session, 1)
        return (1, 2)

    with pytest.raises(UsageError, match="JSON"):
        pair("k")
    assert balances(database) == (100, 0)


def test_two_at_once_with_one_key_make_one_change(database: Engine) -> None:
    made: list[Any] = []

    @atomic(database, idempotency_key="request", max_attempts=9)
    def transfer(session: Session, request: str) -> str:
        move(session, 10)
        return "done"

    threads = [threading.Thread(target=lambda: made.append(transfer("same"))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made == ["done"] * 4
    assert balances(database) == (90, 10)


def test_a_missing_table_is_named(engine: Engine) -> None:
    tables.metadata.drop_all(engine)
    with pytest.raises(OperationalError) as caught, atomic(engine, resolve_commit=True):
        pass
    assert "acidity.run.tables" in caught.value.__notes__[0]


def test_on_commit_waits_for_a_confirmed_commit(engine: Engine) -> None:
    """COMMIT fails and leaves the transaction open: nothing is reported, and no stranger commits it later."""
    done: list[int] = []
    reader = sqlite3.connect(engine.url.database, isolation_level=None)
    fast = create_engine(engine.url, connect_args={"timeout": 0})
    with pytest.raises(OperationalError, match="locked"), atomic(fast) as session:
        move(session, 10)
        on_commit(lambda: done.append(1))
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM accounts").fetchone()
    reader.close()
    with atomic(fast):
        pass
    assert not done
    assert balances(fast) == (100, 0)
    fast.dispose()


def test_an_after_commit_listener_that_raises(database: Engine) -> None:
    done: list[int] = []
    with pytest.raises(ZeroDivisionError) as caught, atomic(database) as session:
        event.listen(session, "after_commit", lambda _: 1 // 0)
        on_commit(lambda: done.append(1))
        move(session, 10)
    assert "confirmed" in caught.value.__notes__[0]
    assert done
    assert balances(database) == (90, 10)


def test_a_cancelled_caller_does_not_cut_commit_short(asynchronous: Any, database: Engine) -> None:
    async def go() -> None:
        engine = create_async_engine(asynchronous.url)

        async def caller() -> None:
            async with atomic(engine) as session:
                await session.run_sync(move, 10)
                event.listen(session.sync_session, "before_commit", lambda _: task.cancel())

        task = asyncio.create_task(caller())
        with pytest.raises(asyncio.CancelledError) as caught:
            await task
        assert "was committed" in caught.value.__notes__[-1]
        await engine.dispose()

    asyncio.run(go())
    assert balances(database) == (90, 10)


@pytest.mark.one_engine
@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("since", [State.ACTIVE, State.PARTIALLY_COMMITTED], ids=lambda state: state.value)
@pytest.mark.one_in(2)
def test_a_cancellation_at_every_turn_of_the_loop(
    asynchronous: Any, database: Engine, times: int, since: State
) -> None:
    """Whatever is under way then: the rows are as the caller is told, and the one connection is given back."""
    reached = asyncio.Event()

    def on_transition(_unit: Any, _old: State, new: State) -> None:
        if new is since:
            reached.set()

    async def told_by(unit: Callable[[], Any], turns: int) -> bool:
        task = asyncio.create_task(unit())
        if since is not State.ACTIVE:
            reached.clear()
            await reached.wait()
        for _ in range(times):
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
        try:
            await task
        except asyncio.CancelledError as error:
            return any("was committed" in note for note in getattr(error, "__notes__", ()))
        return True

    async def go() -> list[bool]:
        asyncio.get_running_loop().set_exception_handler(lambda _loop, what: failed.append(what))
        engine = create_async_engine(asynchronous.url, pool_size=1, max_overflow=0, pool_timeout=5)

        @atomic(engine, on_transition=None if since is State.ACTIVE else on_transition)
        async def unit(session: Any) -> None:
            await session.run_sync(move, 1)

        told: list[bool] = []
        for turns in range(30):
            async with engine.connect():  # a driver whose connect is cut off leaves a backend that waits for a minute
                pass
            told.append(await told_by(unit, turns))
            assert balances(database)[1] == sum(told), f"after {turns} turns"
        await engine.dispose()
        while set(threading.enumerate()) - threads:  # noqa: ASYNC110  # those of aiosqlite answer to this loop
            await asyncio.sleep(0)
        return told

    failed: list[Any] = []  # callbacks of the loop
    threads = set(threading.enumerate())
    told = asyncio.run(go())
    assert failed == []
    gc.collect()  # SQLAlchemy 2.0 leaves the cursor of a cancelled statement, and its lock, to the collector
    assert not told[0] if since is State.ACTIVE else all(told)


def test_commit_unknown_says_what_to_do(engine: Engine) -> None:
    def lose(connection: Any) -> None:
        connection.connection.driver_connection.execute("COMMIT")
        connection.connection.driver_connection.close()

    event.listen(engine, "commit", lose)
    with pytest.raises(CommitUnknown, match="resolve_commit"), atomic(engine) as session:
        move(session, 10)
    assert atomic(engine, resolve_commit=True)(lambda session: "done")() == "done"
    assert balances(engine) == (90, 10)


# SQLite


def test_configure_sqlite(tmp_path: Any) -> None:
    engine = create_engine(f"sqlite:///{tmp_path}/a.db")
    configure_sqlite(engine, busy_timeout_s=1)
    with engine.connect() as connection:
        asked = [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in NAMES]
        assert connection.connection.driver_connection.in_transaction
    assert asked == [1, "wal", 2, 1000]
    with pytest.raises(UsageError, match="already"):
        configure_sqlite(engine)
    with atomic(engine) as session:
        assert session.connection().connection.driver_connection.in_transaction
    engine.dispose()


def test_a_connection_that_could_not_be_configured_is_closed(tmp_path: Any) -> None:
    """SQLAlchemy forgets it, and a lock that it holds would stay until it is collected."""
    path, opened = tmp_path / "a.db", list[sqlite3.Connection]()
    path.write_bytes(b"no database" * 100)

    def creator() -> sqlite3.Connection:
        opened.append(sqlite3.connect(path))
        return opened[-1]

    engine = create_engine("sqlite://", creator=creator)
    configure_sqlite(engine)
    with pytest.raises(DatabaseError, match="not a database"):
        engine.connect()
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        opened[0].execute("SELECT 1")


NAMES = ("foreign_keys", "journal_mode", "synchronous", "busy_timeout")


def test_what_would_silently_break_it_is_refused() -> None:
    with pytest.raises(UsageError, match="AUTOCOMMIT"):
        configure_sqlite(create_engine("sqlite://", isolation_level="AUTOCOMMIT"))
    with pytest.raises(UsageError, match="SQLite"):
        configure_sqlite(create_engine("postgresql+psycopg://x/y"))
    with pytest.raises(UsageError, match="skip_autocommit_rollback"):
        configure_sqlite(create_engine("sqlite://", skip_autocommit_rollback=True))


def test_an_unconfigured_engine_gets_a_real_transaction(engine: Engine) -> None:
    """Python's driver would begin nothing before SAVEPOINT, and its RELEASE would commit."""
    with pytest.raises(ZeroDivisionError), atomic(engine) as session:
        with session.begin_nested():
            session.get_one(Account, ALICE).balance = 1
        session.execute(text("CREATE TABLE t (id int)"))
        raise ZeroDivisionError
    assert balances(engine) == (100, 0)
    with engine.connect() as connection:
        assert not connection.exec_driver_sql("SELECT * FROM sqlite_master WHERE name = 't'").all()


@pytest.mark.parametrize("sandbox", ["postgresql", "mariadb"], indirect=True)
def test_a_key_in_progress_is_an_error_by_choice(database: Engine) -> None:
    @atomic(database, idempotency_key="request", when_in_progress="error")
    def unit(session: Session, request: str) -> int:
        return 42

    raised: list[BaseException] = []

    def other() -> None:
        try:
            unit("r1")
        except KeyInProgress as error:
            raised.append(error)

    with atomic(database, idempotency_key="r1"):
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
        raise_if_none(raised)
    assert unit("r2") == unit("r2") == 42


def raise_if_none(raised: list[BaseException]) -> None:
    assert raised, "the second unit did not say that the key is in progress"


def test_when_in_progress_is_checked(engine: Engine) -> None:
    with pytest.raises(UsageError, match="neither"):
        atomic(engine, idempotency_key="k", when_in_progress="never")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="there is none"):
        atomic(engine, when_in_progress="error")


def test_pruning_an_async_engine(asynchronous: Any, database: Engine) -> None:
    with atomic(database, idempotency_key="old"):
        pass

    async def go() -> int:
        engine = create_async_engine(asynchronous.url)
        pruned = await prune(engine, older_than=timedelta(days=-1))
        await engine.dispose()
        return pruned

    assert asyncio.run(go()) == 1
