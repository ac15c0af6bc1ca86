"""What an operation's first parameter receives, and who cleans it up."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager, suppress
from inspect import isawaitable
from typing import Any

from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session, sessionmaker

from acidity.adapters.drivers import DRIVERS
from acidity.core.scenario import Operation
from acidity.engines.base import Sandbox
from acidity.engines.own_calls import own_calls


@contextmanager
def injected(
    what: str, engine: Engine, operation: Operation, sandbox: Sandbox, session_class: type[Session]
) -> Iterator[Any]:
    """The thing a plain function asked for, opened the stock way and closed afterwards."""
    if what == "dsn":
        yield sandbox.dsn()
    elif what == "dbapi_connection":
        raw = DRIVERS[sandbox.driver()].connect(sandbox.dsn(), asynchronous=False)
        with closing(raw):
            with _rolled_back_by_its_owner(raw):
                yield raw
            if operation.commit:
                with _rolled_back_on_failure(raw):
                    raw.commit()
    elif what == "session":
        with session_class(engine) as session:
            with _rolled_back_by_its_owner(session):
                yield session
            if operation.commit:
                with _rolled_back_on_failure(session):
                    session.commit()
    elif what == "connection":
        with engine.connect() as connection:
            with _rolled_back_by_its_owner(connection):
                yield connection
            if operation.commit:
                with _rolled_back_on_failure(connection):
                    connection.commit()
    elif what == "session_factory":
        yield sessionmaker(engine)
    elif what == "engine":
        yield engine
    else:
        yield engine.url.render_as_string(hide_password=False)


@contextmanager
def _rolled_back_by_its_owner(target: Any) -> Iterator[None]:
    """Who opened it, and lent it to an operation that raised, rolls it back; that is no Call of the operation."""
    try:
        yield
    except BaseException:
        with suppress(Exception), own_calls():
            target.rollback()
        raise


@asynccontextmanager
async def _rolled_back_by_its_owner_async(target: Any) -> AsyncIterator[None]:
    """The same for what awaits."""
    try:
        yield
    except BaseException:
        with suppress(Exception), own_calls():
            done = target.rollback()
            if isawaitable(done):
                await done
        raise


@contextmanager
def _rolled_back_on_failure(target: Any) -> Iterator[None]:
    """A framework that commits for its functions is taken to do it right."""
    try:
        yield
    except BaseException:
        target.rollback()
        raise


@asynccontextmanager
async def injected_async(what: str, engine: Any, operation: Operation, sandbox: Sandbox) -> AsyncIterator[Any]:
    """The thing a coroutine function asked for, opened the stock way and closed afterwards."""
    from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

    if what == "dsn":
        yield sandbox.dsn(asynchronous=True)
    elif what == "dbapi_connection":
        async with _driver_connection(operation, sandbox) as raw:
            yield raw
    elif what in {"session", "async_session"}:
        async with AsyncSession(engine) as session:
            async with _rolled_back_by_its_owner_async(session):
                yield session
            if operation.commit:
                try:
                    await session.commit()
                except BaseException:
                    await session.rollback()
                    raise
    elif what == "connection":
        async with engine.connect() as connection:
            async with _rolled_back_by_its_owner_async(connection):
                yield connection
            if operation.commit:
                try:
                    await connection.commit()
                except BaseException:
                    await connection.rollback()
                    raise
    elif what in {"session_factory", "async_session_factory"}:
        yield async_sessionmaker(engine)
    elif what in {"engine", "async_engine"}:
        yield engine
    else:
        yield engine.url.render_as_string(hide_password=False)


@asynccontextmanager
async def _driver_connection(operation: Operation, sandbox: Sandbox) -> AsyncIterator[Any]:
    raw = await DRIVERS[sandbox.driver(asynchronous=True)].connect(sandbox.dsn(asynchronous=True), asynchronous=True)
    try:
        yield raw
        if operation.commit:
            try:
                await raw.commit()
            except BaseException:
                await raw.rollback()
                raise
    finally:
        closed = raw.close()
        if isawaitable(closed):
            await closed
