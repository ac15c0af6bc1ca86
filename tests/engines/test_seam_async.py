"""Calls of coroutines pass the same seam: through SQLAlchemy's greenlets, and through asyncio's tasks and threads."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from sqlalchemy import insert, select, text, update
from sqlalchemy.orm import Session

pytest.importorskip("aiosqlite")

from sqlalchemy.ext.asyncio import (
    AsyncConnection,
    AsyncEngine,
    AsyncSession,
    async_scoped_session,
    async_sessionmaker,
    create_async_engine,
)

from acidity.adapters.seam import PassThrough
from acidity.core.call import Kind
from tests.engines.bank import (
    ALICE,
    Account,
    Payment,
    StrikeAt,
    balances,
    calls,
    kinds,
    line_of,
    run_once,
    says,
    staged,
)


async def session_commits(async_session: AsyncSession) -> None:
    async_session.add(Payment(account_id=ALICE, amount=1))
    await async_session.flush()  # statement
    await async_session.commit()  # commit


async def session_rolls_back(session: AsyncSession) -> None:
    await session.execute(update(Account).values(balance=1))  # statement
    await session.rollback()  # rollback


async def factory(async_session_factory: async_sessionmaker[AsyncSession]) -> None:
    async with async_session_factory.begin() as session:  # commit
        await session.execute(update(Account).values(balance=1))  # statement


async def scoped(session_factory: async_sessionmaker[AsyncSession]) -> None:
    shared = async_scoped_session(session_factory, scopefunc=asyncio.current_task)
    await shared.execute(update(Account).values(balance=1))  # statement
    await shared.commit()  # commit
    await shared.remove()


async def connection_commits(connection: AsyncConnection) -> None:
    await connection.execute(update(Account).values(balance=1))  # statement
    await connection.commit()  # commit


async def engine_begin(async_engine: AsyncEngine) -> None:
    async with async_engine.begin() as connection:  # commit
        await connection.execute(update(Account).values(balance=1))  # statement


async def savepoint_released(connection: AsyncConnection) -> None:
    await connection.execute(text("BEGIN"))  # begin
    async with connection.begin_nested() as nested:  # savepoint
        await connection.execute(update(Account).values(balance=1))  # statement
        await nested.commit()  # release
    await connection.commit()  # commit


async def savepoint_rolled_back(connection: AsyncConnection) -> None:
    nested = await connection.begin_nested()  # savepoint
    await connection.execute(update(Account).values(balance=1))  # statement
    await nested.rollback()  # rollback-to
    await connection.commit()  # commit


async def control_as_text(async_engine: AsyncEngine) -> None:
    one = async_engine.execution_options(isolation_level="AUTOCOMMIT")
    async with one.connect() as connection:  # rollback
        await connection.exec_driver_sql("BEGIN")  # begin
        await connection.execute(text("UPDATE accounts SET balance = 1"))  # statement
        await connection.execute(text("COMMIT"))  # commit


async def several_rows(connection: AsyncConnection) -> None:
    rows = [{"account_id": ALICE, "amount": 1}, {"account_id": ALICE, "amount": 2}]
    await connection.execute(insert(Payment), rows)  # statement
    await connection.commit()  # commit


async def streamed(async_session: AsyncSession) -> list[int]:
    return [row.id async for row in await async_session.stream(select(Account.id))]  # statement


async def in_run_sync(async_session: AsyncSession) -> None:
    def plain(session: Session) -> None:
        session.execute(update(Account).values(balance=1))  # statement
        session.commit()  # commit

    await async_session.run_sync(plain)


async def within_a_time_limit(async_session: AsyncSession) -> None:
    await asyncio.wait_for(async_session.execute(update(Account).values(balance=1)), timeout=60)  # statement
    await asyncio.shield(async_session.commit())  # commit


async def in_tasks(async_session: AsyncSession) -> None:
    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        group.create_task(async_session.execute(update(Account).values(balance=1)))  # statement
    await asyncio.gather(async_session.commit())  # commit


SEEN: dict[Callable[..., Awaitable[Any]], str] = {
    session_commits: "statement commit",
    session_rolls_back: "statement rollback",
    factory: "statement commit",
    scoped: "statement commit",
    connection_commits: "statement commit",
    engine_begin: "statement commit",
    savepoint_released: "begin savepoint statement release commit",
    savepoint_rolled_back: "savepoint statement rollback-to commit",
    control_as_text: "begin statement commit rollback",
    several_rows: "statement commit",
    streamed: "statement",
    in_run_sync: "statement commit",
    within_a_time_limit: "statement commit",
    in_tasks: "statement commit",
}


@pytest.mark.parametrize("function", SEEN, ids=lambda function: function.__name__)
@pytest.mark.one_in(2)
def test_calls_and_their_sites(function: Callable[..., Awaitable[Any]]) -> None:
    run = run_once(function)
    seen = [call for call in calls(run) if call.site is not None]
    assert not run.ending.exception, run.ending
    assert [str(call.kind) for call in seen] == SEEN[function].split()
    for number, call in enumerate(seen, 1):
        assert (call.actor, call.index, call.connection) == ("A", number, 1)
        assert says(call, __file__, line_of(function, call.kind)), call
    assert not run.leaks
    assert not run.bypasses


def test_text_parameters_and_defaults_are_seen() -> None:
    statement, _ = calls(run_once(several_rows))
    assert (statement.many, statement.params) == (True, [(ALICE, 1, ""), (ALICE, 2, "")])
    assert statement.sql.startswith("INSERT INTO payments")


async def two_sessions_at_once(async_engine: AsyncEngine) -> None:
    async def read() -> None:
        async with AsyncSession(async_engine) as session:
            await session.execute(select(Account.id))  # statement

    await asyncio.gather(read(), read())


def test_gathered_coroutines_keep_actor_and_site() -> None:
    run = run_once(two_sessions_at_once)
    statements = [call for call in calls(run) if call.kind is Kind.STATEMENT]
    assert kinds(run).count("statement") == 2
    assert {call.connection for call in statements} == {1, 2}
    assert all(says(call, __file__, line_of(two_sessions_at_once, "statement")) for call in statements)


@pytest.fixture
def installed(tmp_path: Path) -> ModuleType:
    """A helper that lies where packages are installed."""
    path = tmp_path / "lib" / "site-packages" / "helper.py"
    path.parent.mkdir(parents=True)
    path.write_text(
        "import asyncio\n"
        "async def run(session, statement):\n"
        "    return await session.execute(statement)\n"
        "async def run_in_a_task(session, statement):\n"
        "    return await asyncio.wait_for(asyncio.create_task(session.execute(statement)), 60)\n"
        "def run_now(session, statement):\n"
        "    return session.execute(statement)\n"
    )
    spec = spec_from_file_location("helper_of_somebody", path)
    assert spec
    assert spec.loader
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["run", "run_in_a_task"])
def test_the_line_that_called_an_installed_helper_is_the_site(installed: ModuleType, name: str) -> None:
    helper = getattr(installed, name)

    async def operation(session: AsyncSession) -> None:
        await helper(session, select(Account.id))  # here

    assert says(calls(run_once(operation))[0], __file__, line_of(operation, "here"))


def test_the_line_that_called_an_installed_plain_helper_is_the_site(installed: ModuleType) -> None:
    def operation(session: Session) -> None:
        installed.run_now(session, select(Account.id))  # here

    assert says(calls(run_once(operation))[0], __file__, line_of(operation, "here"))


async def transfer(async_session: AsyncSession) -> None:
    async with async_session.begin():
        (await async_session.get_one(Account, 1)).balance -= 10
        await async_session.flush()
        (await async_session.get_one(Account, 2)).balance += 10


@pytest.mark.parametrize(
    ("kind", "after", "rows"),
    [
        (Kind.STATEMENT, False, (100, 0)),
        (Kind.STATEMENT, True, (100, 0)),
        (Kind.COMMIT, False, (100, 0)),
        (Kind.COMMIT, True, (90, 10)),
    ],
)
def test_a_strike_stands_before_or_after_the_drivers_own_call(
    kind: Kind, *, after: bool, rows: tuple[int, int]
) -> None:
    strike = StrikeAt(kind, after=after)
    run = run_once(transfer, interceptor=strike)
    assert len(strike.struck) == 1
    assert run.ending.exception == "OperationalError"
    assert balances(run) == rows


def test_cold_and_warm_make_the_same_calls() -> None:
    with staged(transfer) as stage:
        runs = [stage.run(stage.scenario.operations[0], PassThrough()) for _ in range(3)]
    assert [kinds(run) for run in runs] == [["statement"] * 4 + ["commit"]] * 3


async def builds_its_own_engine(url: str) -> None:
    engine = create_async_engine(url)
    async with engine.begin() as connection:
        await connection.execute(update(Account).values(balance=1))
    await engine.dispose()


def test_an_engine_built_inside_the_coroutine_is_seen() -> None:
    run = run_once(builds_its_own_engine)
    assert kinds(run) == ["statement", "commit"]
    assert balances(run) == (1, 1)


async def plain_work_in_a_thread(engine: Any) -> str:
    def work() -> str:
        with Session(engine) as session, session.begin():
            session.execute(update(Account).values(balance=1))
        return threading.current_thread().name

    return await asyncio.to_thread(work)


def test_a_thread_of_asyncio_keeps_the_actor() -> None:
    run = run_once(plain_work_in_a_thread)
    assert run.ending.answer != threading.current_thread().name
    assert kinds(run) == ["statement", "commit"]
    assert balances(run) == (1, 1)


def test_an_operation_inside_a_running_loop_is_a_usage_error() -> None:
    from acidity.errors import UsageError

    async def main() -> None:
        with pytest.raises(UsageError, match="running event loop"):
            run_once(transfer)

    asyncio.run(main())
