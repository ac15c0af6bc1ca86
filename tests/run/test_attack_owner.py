"""Whose unit it is: of one process, thread and task, and of the code that its block surrounds (H5, H6, H7)."""
# ruff: noqa: PT012 - a unit of work is a block, and what it refuses is in it

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from sqlalchemy import text

from acidity import atomic, on_commit, savepoint, transaction_required
from acidity.run import BoundaryError
from tests.run.attacked import Undo, add_to, drivers, plain_and_async
from tests.run.bank import ALICE, BOB

PLAIN, ASYNC = plain_and_async(drivers())


def leaves(how: str, session: Any, engine: Any) -> None:
    """What a child does with what it inherited, before it leaves the block."""
    if how == "uses":
        session.execute(text("SELECT 1"))
    elif how == "rolls back":
        session.connection().rollback()
    elif how == "raises":
        raise Undo
    elif how == "joins":
        atomic(engine)(lambda session: None)()
    elif how == "sets a savepoint":
        with savepoint():
            pass


SAID = {
    "uses": "SharedUnit",
    "rolls back": "SharedUnit",
    "raises": "Undo",
    "joins": "SharedUnit",
    "sets a savepoint": "SharedUnit",
    "nothing": "nothing",
}


class Child(BaseException):
    """Unwinds a child out of the block of its parent."""


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.parametrize("parent", ["ends well", "raises"])
@pytest.mark.parametrize("leaving", ["well", "by an error"])
@pytest.mark.parametrize("driver", PLAIN)
@pytest.mark.one_in(2)
def test_h5_a_forked_child_cannot_end_the_unit(bank_of: Any, driver: str, leaving: str, parent: str) -> None:
    bank = bank_of(driver)
    engine = bank.engine()
    reading, writing = os.pipe()
    child, error = -1, None
    try:
        with atomic(engine) as session:
            add_to(session, ALICE)
            child = os.fork()
            if child == 0:
                if leaving == "by an error":
                    raise Child  # noqa: TRY301  # it leaves the block
            else:
                os.waitpid(child, 0)
                add_to(session, BOB)
                if parent == "raises":
                    raise Undo  # noqa: TRY301
    except BaseException as raised:
        error = raised
    finally:
        if child == 0:
            os.write(writing, type(error).__name__.encode())
            del session
            os._exit(0)
    told = os.read(reading, 100).decode()
    os.close(reading)
    os.close(writing)
    assert told == ("SharedUnit" if leaving == "well" else "Child")
    assert type(error) is (Undo if parent == "raises" else type(None))
    assert bank.rows() == ((110, 10) if parent == "ends well" else (100, 0))
    assert engine.pool.checkedout() == 0
    engine.dispose()


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.parametrize("how", SAID)
@pytest.mark.parametrize("driver", PLAIN)
@pytest.mark.one_in(2)
def test_h5_a_forked_child_cannot_use_the_unit(bank_of: Any, driver: str, how: str) -> None:
    bank = bank_of(driver)
    engine = bank.engine()
    with atomic(engine) as session:
        add_to(session, ALICE)
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            said = "nothing"
            try:
                leaves(how, session, engine)
            except BaseException as error:
                said = type(error).__name__
            os.write(writing, said.encode())
            os._exit(0)
        os.waitpid(child, 0)
        told = os.read(reading, 100).decode()
        os.close(reading)
        os.close(writing)
        add_to(session, BOB)
    assert told == SAID[how]
    assert bank.rows() == (110, 10)
    engine.dispose()


PROGRAM = """
import os, sys
from sqlalchemy import create_engine, text
from acidity import atomic
engine = create_engine(sys.argv[1])
with atomic(engine) as session:
    session.execute(text("update accounts set balance = balance + 10 where id = 1"))
    if os.fork() == 0:
        raise SystemExit        # unwinds, and the interpreter goes down with everything that it holds
    os.wait()
    session.execute(text("update accounts set balance = balance + 10 where id = 2"))
print("done")
"""


@pytest.mark.dear
@pytest.mark.one_in(3)
@pytest.mark.parametrize("driver", PLAIN)
def test_h5_the_end_of_a_child_leaves_the_connection_alone(bank_of: Any, driver: str) -> None:
    bank = bank_of(driver)
    url = bank.plain.set(drivername=driver).render_as_string(hide_password=False)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PROGRAM, url], capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("done\n", "")
    assert bank.rows() == (110, 10)


# H6


@pytest.mark.parametrize("driver", PLAIN)
def test_h6_the_consumer_of_a_generator_is_not_in_its_block(bank_of: Any, driver: str) -> None:
    bank = bank_of(driver)
    engine = bank.engine()

    def rows() -> Iterator[int]:
        with atomic(engine) as session:
            yield from session.scalars(text("SELECT id FROM accounts ORDER BY id")).all()

    add = atomic(engine)(lambda session: add_to(session, BOB))
    for _ in rows():
        with pytest.raises(BoundaryError, match=r"rows\(\) in"):
            add()
        break
    kept = rows()
    next(kept)
    for refused in (
        add,
        atomic(engine).__enter__,
        transaction_required,
        lambda: on_commit(print),
        savepoint().__enter__,
    ):
        with pytest.raises(BoundaryError, match="suspended"):
            refused()
    assert list(kept) == [BOB]
    add()
    assert bank.rows() == (100, 10)
    assert engine.pool.checkedout() == 0
    engine.dispose()


@pytest.mark.parametrize("driver", PLAIN)
def test_h6_code_of_the_generator_is_in_its_block(bank_of: Any, driver: str) -> None:
    bank = bank_of(driver)
    engine = bank.engine()
    add = atomic(engine)(lambda session: add_to(session, BOB))

    def joins() -> Iterator[int]:
        with atomic(engine) as session:
            add()
            with savepoint():
                add_to(session, ALICE)
            yield 1
            add()

    assert list(joins()) == [1]
    assert bank.rows() == (110, 20)
    held = joins()
    next(held)
    held.close()
    assert bank.rows() == (110, 20)
    engine.dispose()


@pytest.mark.parametrize("form", ["itself", "yield from", "ExitStack", "own manager"])
@pytest.mark.parametrize("driver", PLAIN)
def test_h6_a_generator_that_contextlib_drives_surrounds_the_body(bank_of: Any, driver: str, form: str) -> None:
    bank = bank_of(driver)
    engine = bank.engine()
    add = atomic(engine)(lambda session: add_to(session, BOB))

    class Manager:
        def __enter__(self) -> Any:
            self.block = atomic(engine)
            return self.block.__enter__()

        def __exit__(self, *error: object) -> None:
            self.block.__exit__(*error)  # type: ignore[arg-type]

    def inner() -> Iterator[Any]:
        if form == "ExitStack":
            with contextlib.ExitStack() as stack:
                yield stack.enter_context(atomic(engine))
        elif form == "own manager":
            with Manager() as session:
                yield session
        else:
            with atomic(engine) as session:
                yield session

    def outer() -> Iterator[Any]:
        yield from inner()

    unit = contextlib.contextmanager(outer if form == "yield from" else inner)
    with pytest.raises(Undo), unit():
        add()
        raise Undo
    assert bank.rows() == (100, 0)
    with unit():
        add()
    assert bank.rows() == (100, 10)
    engine.dispose()


def test_h6_a_loop_over_such_rows_in_a_context_manager_is_no_delegation(bank_of: Any) -> None:
    bank = bank_of("sqlite+pysqlite")
    engine = bank.engine()

    def rows() -> Iterator[int]:
        with atomic(engine) as session:
            yield from session.scalars(text("SELECT id FROM accounts")).all()

    @contextlib.contextmanager
    def manager() -> Iterator[None]:
        for _ in rows():
            with pytest.raises(BoundaryError, match="suspended"):
                atomic(engine)(lambda session: None)()
            break
        yield

    with manager():
        pass
    engine.dispose()


@pytest.mark.parametrize("driver", ASYNC)
def test_h6_async_generators(bank_of: Any, driver: str) -> None:
    bank = bank_of(driver)

    async def go() -> None:
        engine = bank.engine()

        @atomic(engine)
        async def add(session: Any) -> None:
            await session.run_sync(add_to, BOB)

        async def rows() -> AsyncIterator[int]:
            async with atomic(engine) as session:
                await add()
                async with savepoint():
                    await session.run_sync(lambda plain: transaction_required())
                for row in (await session.scalars(text("SELECT id FROM accounts ORDER BY id"))).all():
                    yield row

        iterating = rows()
        async for _ in iterating:
            with pytest.raises(BoundaryError, match=r"rows\(\) in"):
                await add()
            break
        await iterating.aclose()

        @contextlib.asynccontextmanager
        async def unit() -> AsyncIterator[Any]:
            async with atomic(engine) as session:
                yield session

        with pytest.raises(Undo):
            async with unit():
                await add()
                raise Undo
        async with unit(), contextlib.AsyncExitStack() as stack:
            await stack.enter_async_context(unit())
            await add()
        await engine.dispose()

    asyncio.run(go())
    assert bank.rows() == (100, 10)


@pytest.mark.parametrize("driver", PLAIN)
def test_h6_an_abandoned_generator_is_undone_and_forgotten(bank_of: Any, driver: str) -> None:
    bank = bank_of(driver)
    engine = bank.engine()

    def writes() -> Iterator[int]:
        with atomic(engine) as session:
            add_to(session, ALICE)
            yield 1

    next(writes())  # collected at once: nothing may hold its frame
    assert engine.pool.checkedout() == 0
    atomic(engine)(lambda session: add_to(session, BOB))()
    assert bank.rows() == (100, 10)
    engine.dispose()


# H7

THREADS = """
import sys, threading
sys.setswitchinterval(1e-6)
from sqlalchemy import create_engine, event, text
from sqlalchemy.engine import Engine
from sqlalchemy.pool import StaticPool
barrier, errors = threading.Barrier(8), []
def work():
    try:
        engine = create_engine("sqlite://", poolclass=StaticPool)
        barrier.wait()
        from acidity import atomic
        with atomic(engine) as session:
            session.execute(text("select 1"))
    except BaseException as error:
        errors.append(repr(error))
threads = [threading.Thread(target=work) for _ in range(8)]
[each.start() for each in threads]; [each.join() for each in threads]
from acidity.run import guard
dispatch = create_engine("sqlite://").dialect.dispatch
print(errors, [sum(f is g for f in getattr(dispatch, n)) for n, g in guard.LISTENERS.items()])
"""


@pytest.mark.slow
def test_h7_units_that_begin_in_several_threads_listen_once() -> None:
    done = subprocess.run([sys.executable, "-c", THREADS], capture_output=True, text=True, check=True)
    assert done.stdout.split("] ")[0] == "["
    assert set(done.stdout.strip().split("[")[-1].rstrip("]").split(", ")) == {"1"}, done.stdout
