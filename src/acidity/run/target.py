"""What `atomic` was given: an engine or a sessionmaker, plain or async, and how a session is made of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from sqlalchemy.engine import Dialect, Engine
from sqlalchemy.orm import Session, scoped_session, sessionmaker

from acidity.errors import UsageError
from acidity.run import guard  # noqa: F401  # it listens
from acidity.run.covered import Classes, classes_of

_KEY = "_acidity_target"
_NOTHING: Mapping[str, Any] = {}


@dataclass(eq=False, slots=True)
class Target:
    """A database, and a way to make sessions on it.

    Attributes:
        engine: the plain engine, also under an async one.
        key: what tells two databases apart: the engine at the root of ``execution_options()``.
        asynchronous: sessions are `AsyncSession`.
        make: a new session as the user's code receives it.
        dialect: of the engine when this was looked at; an engine may be redirected to another database.
        options: of the sessionmaker then; an engine has none.
        classes: of its sessions, where `make` gives them that of a unit.
        ordinary: texts of statements that any unit may send.
    """

    engine: Engine
    key: Any
    asynchronous: bool
    make: Callable[[], Any]
    options: Mapping[str, Any] | None = None
    classes: Classes | None = None
    ordinary: set[str] = field(default_factory=set)
    dialect: Dialect = field(init=False)

    def __post_init__(self) -> None:
        self.dialect = self.engine.dialect
        if self.dialect.name == "sqlite":
            refuse_skipped_rollback(self.dialect)  # once, and before anything is begun on it


def refuse_skipped_rollback(dialect: Dialect) -> None:
    """Refuse an engine of SQLite that may send no ROLLBACK.

    Raises:
        UsageError: ``skip_autocommit_rollback=True``.
    """
    if getattr(dialect, "skip_autocommit_rollback", False):
        raise UsageError("skip_autocommit_rollback=True leaves the transaction open: SQLAlchemy skips its ROLLBACK")


def is_asynchronous(what: Any) -> bool:
    """Whether this is an async engine or sessionmaker.

    Raises:
        UsageError: it is nothing that `atomic` takes.
    """
    if isinstance(what, (Engine, sessionmaker)):  # a union would be built anew for each look
        return False
    name = type(what).__module__
    if name.startswith("sqlalchemy.ext.asyncio") and type(what).__name__ in {"AsyncEngine", "async_sessionmaker"}:
        return True
    hint = "; give it scoped.session_factory" if isinstance(what, scoped_session) else ""
    raise UsageError(
        f"atomic() takes an Engine, a sessionmaker, or their async twins, not {what!r}{hint}{_in_a_test(what)}"
    )


def target_of(what: Any) -> Target:
    """Looked at anew where a sessionmaker was configured, or an engine redirected, since the last unit.

    Raises:
        UsageError: the sessionmaker is not bound to one engine.
    """
    known: Target | None = getattr(what, "__dict__", _NOTHING).get(_KEY)
    if (
        known is not None
        and known.dialect is known.engine.dialect
        and (known.options is None or known.options == what.kw)
    ):
        return known
    target = _async_target(what) if is_asynchronous(what) else _plain_target(what)
    if hasattr(what, "__dict__"):
        setattr(what, _KEY, target)  # goes with it, which a dictionary of ours would keep from going
    return target


def _plain_target(what: Any) -> Target:
    if isinstance(what, Engine):
        classes = classes_of(Session)
        return Target(what, root(what), False, partial(classes.during, what, expire_on_commit=False), None, classes)
    engine = _bound(what)
    if not isinstance(engine, Engine):
        raise UsageError(f"atomic() needs a sessionmaker bound to an Engine, not to {engine!r}{_in_a_test(engine)}")
    if type(what).__call__ is not sessionmaker.__call__:
        return Target(engine, root(engine), False, what, dict(what.kw))
    classes = classes_of(what.class_)
    return Target(engine, root(engine), False, partial(classes.during, **what.kw), dict(what.kw), classes)


def _async_target(what: Any) -> Target:
    from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

    if isinstance(what, AsyncEngine):
        make: Callable[[], Any] = lambda: AsyncSession(what, expire_on_commit=False)  # noqa: E731
        return Target(what.sync_engine, root(what.sync_engine), True, make)
    engine = _bound(what)
    if not isinstance(engine, AsyncEngine):
        raise UsageError(
            f"atomic() needs an async_sessionmaker bound to an AsyncEngine, not to {engine!r}{_in_a_test(engine)}"
        )
    return Target(engine.sync_engine, root(engine.sync_engine), True, what, dict(what.kw))


def _bound(maker: Any) -> Any:
    options = maker.kw
    if options.get("binds"):
        raise UsageError("binds= lets one session write to several databases; one COMMIT cannot end them all")
    if options.get("twophase"):
        raise UsageError("twophase=True: atomic() ends a transaction with one COMMIT")
    if options.get("autobegin", True) is False:
        raise UsageError("autobegin=False: atomic() begins the transaction itself")
    return options.get("bind")


def _in_a_test(what: Any) -> str:
    """The remedy for a connection whose transaction a test keeps open around the code, to roll it back at the end."""
    if type(what).__name__ not in {"Connection", "AsyncConnection"}:
        return ""
    return (
        "; in a transaction that somebody else ends, nothing is committed. Give it the Engine. In tests, take the "
        "fixture acidity_database, whose rows are restored after real commits, instead of an outer transaction"
    )


def root(engine: Any) -> Any:
    """The engine that ``execution_options()`` was called on first."""
    while hasattr(engine, "_proxied"):
        engine = engine._proxied
    return engine
