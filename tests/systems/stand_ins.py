"""What stands in for a safety line that a mutant lacks: the same work without the lock, the boundary, the savepoint.

Each does what the line does but for what keeps it safe, so that a check that turns red does so for that reason alone, and
not because the program cannot be carried out any more.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import wraps
from typing import Any

from sqlalchemy.engine import Connection, Engine
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from sqlalchemy.orm import Session

from acidity import atomic
from acidity.run import context, reversal
from acidity.run.boundary import NOTHING_ASKED
from acidity.run.failures import NO_FAILURES
from acidity.run.state import ACTIVE
from acidity.run.target import target_of


def unlocked(session: Any, model: type[Any], keys: Iterable[Any]) -> Any:
    """What `acidity.run.lock` gives, without a lock."""

    def read(plain: Session) -> list[Any]:
        found = [plain.get(model, key, populate_existing=True) for key in sorted(set(keys))]
        if None in found:
            raise LookupError
        return found

    return session.run_sync(read) if isinstance(session, AsyncSession) else read(session)


class each_by_itself:  # it stands for `atomic`
    """What `acidity.atomic` is, in AUTOCOMMIT: each statement is committed by itself; as a decorator, and as a block."""

    def __init__(self, what: Any, **terms: Any) -> None:
        self._what = what
        self._terms = terms
        self._block: Any = None

    def __call__(self, function: Callable[..., Any]) -> Any:
        real = atomic(self._what, **self._terms)(function)

        @wraps(function)
        def call(*arguments: Any, **keywords: Any) -> Any:
            with statement_by_statement(self._what) as session:
                return function(session, *arguments, **keywords)

        @wraps(function)
        async def call_async(*arguments: Any, **keywords: Any) -> Any:
            async with statement_by_statement_async(self._what) as session:
                return await function(session, *arguments, **keywords)

        made: Any = call_async if inspect.iscoroutinefunction(function) else call
        made.__acidity__, made.__signature__ = real.__acidity__, real.__signature__
        made.__annotations__ = real.__annotations__
        return made

    def __enter__(self) -> Any:
        self._block = statement_by_statement(self._what)
        return self._block.__enter__()

    def __exit__(self, *error: object) -> Any:
        return self._block.__exit__(*error)

    async def __aenter__(self) -> Any:
        self._block = statement_by_statement_async(self._what)
        return await self._block.__aenter__()

    async def __aexit__(self, *error: object) -> Any:
        return await self._block.__aexit__(*error)


def reversed_by_itself(original: Callable[..., Any]) -> Callable[..., Any]:
    """What `acidity.run.reversal` decorates, in AUTOCOMMIT and without looking for the original."""
    unit = original.__acidity__.unit  # type: ignore[attr-defined]

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        reversal(original)(function)

        def call(*arguments: Any, **keywords: Any) -> Any:
            with statement_by_statement(unit.what) as session:
                return function(session, None, *arguments, **keywords)

        return call

    return decorate


class begun_by_itself:  # it stands for ``session.begin()``
    """What ``session.begin()`` is, in AUTOCOMMIT; of a sessionmaker and of an engine, too."""

    def __init__(self, session: Any) -> None:
        self._made = session.connect() if isinstance(session, Engine) else session() if callable(session) else None
        self._session = session if self._made is None else self._made

    def __enter__(self) -> Any:
        commit_each(self._session)
        return self._session

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            self._session.commit()
        if self._made is not None:
            self._made.close()

    async def __aenter__(self) -> Any:
        await self._session.run_sync(commit_each)
        return self._session

    async def __aexit__(self, kind: object, *_: object) -> None:
        if kind is None:
            await self._session.commit()


class committed_by_itself:  # it stands for a session that the block commits
    """A session in AUTOCOMMIT until then."""

    def __init__(self, session: Any) -> None:
        self._session = session

    def __enter__(self) -> Any:
        session = self._session.__enter__()
        commit_each(session)
        return session

    def __exit__(self, *error: object) -> Any:
        return self._session.__exit__(*error)

    async def __aenter__(self) -> Any:
        session = await self._session.__aenter__()
        await session.run_sync(commit_each)
        return session

    async def __aexit__(self, *error: object) -> Any:
        return await self._session.__aexit__(*error)


class nothing:  # it stands for `savepoint`, and for ``session.begin_nested()``
    """In place of `acidity.run.savepoint`: nothing is undone to it."""

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *_: object) -> None:
        """There is nothing to release."""

    def rollback(self) -> None:
        """Go back to nowhere."""


@contextmanager
def statement_by_statement(what: Any) -> Iterator[Any]:
    """A session in AUTOCOMMIT; inside a unit, that of the unit."""
    joined = context.current(target_of(what).key)
    if joined is not None:
        yield joined.session
        return
    with _made(what) as session:
        commit_each(session)
        with _looks_open(what, session):
            yield session
        session.commit()


@asynccontextmanager
async def statement_by_statement_async(what: Any) -> AsyncIterator[Any]:
    """The same for a coroutine."""
    joined = context.current(target_of(what).key)
    if joined is not None:
        yield joined.session
        return
    async with _made(what) as session:
        await session.run_sync(commit_each)
        with _looks_open(what, session):
            yield session
        await session.commit()


def commit_each(session: Session | Connection) -> None:
    """From here on, every statement of this session is committed by itself."""
    if isinstance(session, Connection):
        connection = session.execution_options(isolation_level="AUTOCOMMIT")
        connection.begin()
    else:
        connection = session.connection(execution_options={"isolation_level": "AUTOCOMMIT"})
    if connection.dialect.name == "sqlite":  # `configure_sqlite` has sent a BEGIN all the same
        driver: Any = connection.connection.dbapi_connection
        if getattr(driver, "driver_connection", driver).in_transaction:
            connection.exec_driver_sql("COMMIT")


def _made(what: Any) -> Any:
    if isinstance(what, AsyncEngine):
        return AsyncSession(what)
    return what() if callable(what) else Session(what)


@contextmanager
def _looks_open(what: Any, session: Any) -> Iterator[None]:
    """To `lock`, `emit` and whoever joins there is a unit here."""
    unit: Any = _Open(what, session)
    context.enter(unit)
    try:
        yield
    finally:
        context.leave(unit)


class _Open:
    state, failures, terms = ACTIVE, NO_FAILURES, NOTHING_ASKED
    is_suspended = one_of_several = False
    residence = None
    owed: tuple[str, ...] = ()

    def __init__(self, what: Any, session: Any) -> None:
        self.target = target_of(what)
        self.session = session
        self.plain = getattr(session, "sync_session", session)
        self.owner = context.caller()
        self.after: list[Any] = []

    def poison(self, error: BaseException) -> None:
        """Nothing is undone."""

    def refuse(self, why: str) -> None:
        """Nothing is forbidden."""
