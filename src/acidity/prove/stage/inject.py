"""What an operation's first parameter receives, and who cleans it up: injection by name or annotation."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager, suppress
from inspect import isawaitable
from typing import Any, get_origin

from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session, sessionmaker

from acidity.adapters.drivers import DRIVERS
from acidity.core.scenario import INJECTIONS, Operation
from acidity.engines.base import Sandbox
from acidity.engines.own_calls import own_calls
from acidity.errors import UsageError
from acidity.prove.stage.host import is_async

_BY_ANNOTATION = {
    "Session": "session",
    "SQLModelSession": "session",
    "sessionmaker": "session_factory",
    "Engine": "engine",
    "Connection": "connection",
    "AsyncSession": "async_session",
    "async_sessionmaker": "async_session_factory",
    "AsyncEngine": "async_engine",
}
_SHORT = {"s": "session", "db_session": "session", "db": None}


def injection_of(operation: Operation) -> str | None:
    """The name of what the first parameter asks for, or None when the arguments fill it.

    Raises:
        UsageError: the arguments do not fit the function, or it cannot use what it asks for.
    """
    if operation.request is not None:
        return None
    wanted = operation.inject or _asked_for(operation)
    if wanted is not None and wanted.startswith("async_") and not is_async(operation):
        raise UsageError(f"{operation.name}() is a plain function; inject={wanted!r} is for async ones")
    return wanted


def is_given(operation: Operation) -> bool:
    """Whether it is given an open session or connection, which then belongs to its caller, here acidity."""
    return injection_of(operation) in {"session", "async_session", "connection", "dbapi_connection"}


def _asked_for(operation: Operation) -> str | None:
    try:
        signature = inspect.signature(operation.function)
    except (TypeError, ValueError):
        return None
    first = next(iter(signature.parameters.values()), None)
    try:
        signature.bind(*operation.arguments, **operation.keywords)
        filled = True
    except TypeError:
        filled = False
    if first is None or filled:
        if not filled:
            raise UsageError(f"{operation.name}() takes no parameters, but the Operation gives it some")
        return None
    wanted = "dbapi_connection" if _is_of_a_driver(operation.function, first) else _wanted(first)
    try:
        signature.bind(None, *operation.arguments, **operation.keywords)
    except TypeError as error:
        raise UsageError(
            f"the arguments of Operation({operation.name}, …) do not fit {operation.name}{signature}: {error}"
        ) from None
    if wanted is None:
        raise UsageError(
            f"{operation.name}{signature}: the arguments leave {first.name!r} open and its name says nothing; "
            f"give it a value, or say inject= (one of: {', '.join(INJECTIONS)})"
        )
    return wanted


def _is_of_a_driver(function: Any, parameter: inspect.Parameter) -> bool:
    """Whether the annotation is a connection of a driver, such as ``psycopg.Connection``."""
    annotation = parameter.annotation
    if isinstance(annotation, str):
        with suppress(Exception):  # a name that only type checkers know
            annotation = inspect.get_annotations(function, eval_str=True)[parameter.name]
    if isinstance(annotation, str):
        name = annotation.split("[", maxsplit=1)[0]
    else:
        found = get_origin(annotation) or annotation
        name = f"{getattr(found, '__module__', '')}.{getattr(found, '__name__', '')}"
    return name.partition(".")[0] in set(DRIVERS) and name.lower().endswith("connection")


def _wanted(parameter: inspect.Parameter) -> str | None:
    annotation = parameter.annotation
    text = annotation if isinstance(annotation, str) else getattr(annotation, "__name__", "")
    base = text.split("[", maxsplit=1)[0].rsplit(".", maxsplit=1)[-1]
    if base in _BY_ANNOTATION:
        return _BY_ANNOTATION[base]
    if inspect.isclass(annotation) and issubclass(annotation, Session):
        return "session"
    name = _SHORT.get(parameter.name, parameter.name)
    return name if name in INJECTIONS else None


def session_class(operation: Operation) -> type[Session]:
    """The Session subclass that the first parameter is annotated with (SQLModel has one), else `Session`."""
    try:
        hints = inspect.get_annotations(operation.function, eval_str=True)
    except (NameError, TypeError, AttributeError):
        return Session
    first = next(iter(hints.values()), None)
    return first if inspect.isclass(first) and issubclass(first, Session) else Session


@contextmanager
def injected(what: str, engine: Engine, operation: Operation, sandbox: Sandbox) -> Iterator[Any]:
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
        with session_class(operation)(engine) as session:
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
