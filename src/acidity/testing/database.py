"""The throw-away database of a test run: made and seeded once, used by one test after another, restored in between.

Nothing is nested: every COMMIT of a test is a COMMIT. So deferred constraints, ``on_commit``, isolation levels, locks,
several sessions, threads and tasks do in a test what they do in production, which a transaction around the test that
is rolled back at the end keeps them from.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

from sqlalchemy import create_engine, event
from sqlalchemy.engine import Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from acidity.core.scenario import Scenario
from acidity.engines import new_sandbox
from acidity.engines.base import Sandbox
from acidity.engines.hosted import HostedSandbox
from acidity.errors import UsageError
from acidity.prove.stage.bind import Setting, bindings
from acidity.prove.stage.schema import schema_maker
from acidity.testing.redirect import redirected
from acidity.testing.waits import no_waits


class ThrowAwayDatabase:
    """A database that acidity created for tests, and drops.

    Attributes:
        name: of the database engine: ``"sqlite"``, ``"postgresql"`` or ``"mariadb"``.
        url: SQLAlchemy's URL of it.
        async_url: the same with an async driver.
    """

    def __init__(self, sandbox: Sandbox, bound: Iterable[Engine | Setting] = ()) -> None:
        self.name: str = sandbox.engine_name
        self.url: str = sandbox.url()
        self.async_url: str = sandbox.url(asynchronous=True)
        self._sandbox, self._bound = sandbox, tuple(bound)
        self._engine: Engine | None = None
        self._async_engine: Any = None
        self._records: weakref.WeakSet[Any] = weakref.WeakSet()

    @property
    def engine(self) -> Engine:
        """An engine on it; a new one for each test."""
        if self._engine is None:
            self._engine = create_engine(self.url)
        return self._engine

    @property
    def async_engine(self) -> Any:
        """An `AsyncEngine` on it; without a pool, so that nothing outlives the event loop of the test."""
        if self._async_engine is None:
            from sqlalchemy.ext.asyncio import create_async_engine

            self._async_engine = create_async_engine(self.async_url, poolclass=NullPool)
        return self._async_engine

    @contextmanager
    def fresh(self) -> Iterator[ThrowAwayDatabase]:
        """One test: bound engines lead here, nothing of RUN waits, and afterwards the rows before are back."""
        with ExitStack() as stack:
            stack.callback(self.restore)
            stack.enter_context(self.redirecting())
            stack.enter_context(no_waits())
            yield self

    def restore(self) -> None:
        """Bring the rows before back, and the schema if it was changed; connections that are left are closed."""
        self.disconnect()
        if isinstance(self._sandbox, HostedSandbox):
            self._sandbox.end_sessions()  # of transactions that a test left open
        self._sandbox.look()  # finds what was changed
        self._sandbox.reset()

    def disconnect(self) -> None:
        """Close every connection that is in no use, also of engines that a test made with the URL."""
        for record in list(self._records):
            with suppress(Exception):  # an async one is closed in its own loop, when it is asked for again
                record.invalidate(soft=record._ConnectionRecord__pool._dialect.is_async)
        if self._engine is not None:
            self._engine.dispose()
        self._engine = self._async_engine = None

    @contextmanager
    def redirecting(self) -> Iterator[None]:
        """Bound engines and settings lead here while the context lasts."""
        with ExitStack() as stack:
            for found in self._bound:
                part = self._sandbox
                stack.enter_context(found.leading_to(part) if isinstance(found, Setting) else redirected(found, part))
            yield

    @contextmanager
    def noting(self) -> Iterator[None]:
        """Know the pooled connections of engines that tests make with the URL: restoring must reach them too."""

        def note(dialect: Any, record: Any, cargs: Any, cparams: Any) -> None:
            if record is not None and self._sandbox.is_target(dialect.name, cargs, cparams):
                self._records.add(record)

        event.listen(Engine, "do_connect", note)
        try:
            yield
        finally:
            event.remove(Engine, "do_connect", note)


@contextmanager
def throw_away(
    db: str = "sqlite",
    *,
    metadata: Any = None,
    schema: Any = None,
    setup: Callable[[Any], Any] | None = None,
    bind: str | Iterable[str] = (),
) -> Iterator[ThrowAwayDatabase]:
    """Make a database for tests, and drop it at the end; see `acidity.prove.Scenario` for the meaning of the arguments.

    Args:
        db: ``"sqlite"``, ``"postgresql"``, ``"mariadb"``, or the URL of a server that lets acidity create databases.
        metadata: a SQLAlchemy ``MetaData`` that creates the tables.
        schema: instead of `metadata`, a path to a ``.sql`` file, an Alembic config, or ``callable(connection)``.
        setup: ``callable(session)`` that writes the rows that every test begins with.
        bind: ``"module:engine"`` or several, engines and settings of the program that lead here during each test.

    Yields:
        The database; use it in ``with database.fresh():`` for each test.

    Raises:
        UsageError: the schema or the set-up is wrong.
        EngineUnavailable: the engine cannot be started here.

    Example:
        >>> with throw_away("postgresql", metadata=Base.metadata) as database:     # doctest: +SKIP
        ...     with database.fresh(): ...
    """
    described = Scenario(_no_operation, metadata=metadata, schema=schema, setup=setup, bind=bind)
    with ExitStack() as stack:
        sandbox = new_sandbox(db, {})
        stack.callback(sandbox.close)
        database = ThrowAwayDatabase(sandbox, bindings(described.bind))
        stack.enter_context(database.noting())
        stack.callback(database.disconnect)
        try:
            with database.redirecting():
                sandbox.create(schema_maker(described, sandbox), setup)
        except SQLAlchemyError as error:
            raise UsageError(f"setup= cannot write the rows before: {getattr(error, 'orig', None) or error}") from error
        yield database


def _no_operation() -> None:
    """A Scenario has one; a test has none."""
