"""Names that SQLAlchemy does not publish, each in one place; all were seen in 2.0.30 and in 2.1.9.

Were one gone, the tests of the seam (``tests/engines/test_seam*.py``) would fail.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from operator import attrgetter
from types import FrameType
from typing import Any
from weakref import ref

from sqlalchemy.engine import Connection, Dialect, Engine
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.pool import Pool, QueuePool
from sqlalchemy.util.queue import Empty

serves_programs: Callable[[Connection], bool] = attrgetter("_allow_autobegin")
"""Whether a Connection is not the one with which a dialect gets to know its server; asked for every Call."""


FOR_UPDATE = "_for_update_arg"
"""What ``with_for_update()`` sets on a Select; looked at for every Call."""


def creator_of(pool: Pool) -> Callable[..., Any]:
    """What makes the driver connections of a pool (``Pool._creator``)."""
    return pool._creator


def create_with(pool: Pool, creator: Callable[..., Any]) -> None:
    """Let the pool make its driver connections so."""
    pool._creator = creator


def is_made_by_the_user(creator: Any) -> bool:
    """Whether an engine was given ``creator=`` or ``async_creator=``, which no event tells of.

    The creators of SQLAlchemy itself are functions inside of ``sqlalchemy.engine.create``.
    """
    return getattr(creator, "__module__", "") != "sqlalchemy.engine.create"


def dialect_of(pool: Pool) -> Dialect:
    """The dialect that a pool opens connections with (``Pool._dialect``)."""
    return pool._dialect  # type: ignore[return-value]  # typed as the small part of it that a pool needs


def pool_like(pool_class: type[Pool], old: Pool) -> Pool:
    """A pool of this class with the creator, the dialect and the listeners of another (``_dispatch=``)."""
    return pool_class(old._creator, dialect=old._dialect, _dispatch=old.dispatch)


def pool_of(fairy: Any) -> Pool:
    """The pool that a connection was taken from (``_ConnectionFairy._pool``)."""
    pool: Pool = fairy._pool
    return pool


def idle_unheard(engine: Engine, known: Mapping[str, int]) -> int | None:
    """How many connections lie idle in the pool of an engine of SQLAlchemy's making that only known listeners hear.

    Listeners of ``connect`` count only where a connection would have to be opened: the pool is empty, or what was in
    its place has been invalidated.

    Args:
        engine: whose.
        known: event → how many of its listeners are no concern of the caller's.

    Returns:
        Their number. None: a connection is taken; pool, dialect or creator are the program's own; or a listener hears
        what becomes of a connection, its statements or its transactions.
    """
    pool: Any = engine.pool
    if type(pool) is not QueuePool or pool.checkedout():
        return None
    if is_made_by_the_user(creator_of(pool)) or not type(engine.dialect).__module__.startswith("sqlalchemy."):
        return None
    for kind, heard in ((Engine, engine), (Pool, pool), (DefaultDialect, engine.dialect)):
        for name in kind.dispatch._event_names:
            if name not in {"connect", "first_connect"} and len(getattr(heard.dispatch, name)) > known.get(name, 0):
                return None
    queue: Any = pool._pool
    places = list(queue.queue)
    idle = sum(place.dbapi_connection is not None for place in places)
    return None if idle < max(1, len(places)) and _hears_of_new_ones(pool) else idle


def _hears_of_new_ones(pool: Any) -> bool:
    """Whether somebody else than ``create_engine`` listens to ``connect``; it does so itself, to know a server.

    What SQLAlchemy wraps (``once=``, ``named=``, an older signature) looks like its own, so only one of that is taken
    for it.
    """
    if len(pool.dispatch.first_connect):
        return True
    modules = [str(getattr(listener, "__module__", "")) for listener in pool.dispatch.connect]
    others = [name for name in modules if not name.startswith(("sqlalchemy.engine.", "sqlalchemy.dialects."))]
    return others not in ([], ["sqlalchemy.util.langhelpers"])


def empty(engine: Engine) -> None:
    """Let the pool of an engine forget its connections, without closing them.

    That is ``engine.dispose(close=False)``, which makes a new pool; one with no connection taken is as good as new.
    """
    pool: Any = engine.pool
    if type(pool) is not QueuePool or pool.checkedout():
        engine.dispose(close=False)
        return
    with suppress(Empty):
        while True:
            pool._pool.get(block=False)
    pool._overflow = -pool.size()


def is_for_a_connection() -> bool:
    """Whether a `Connection` asks the pool, of which ``engine_connect`` will tell; else it is ``raw_connection()``.

    Read off the stack: ``Connection.__init__`` is on it, below frames of SQLAlchemy alone.
    """
    return _is_below(Connection.__init__)


def is_for_a_lost_one() -> bool:
    """Whether a `Connection` that has lost its own asks the pool, of which no event tells.

    It does so for the next statement, and for what only reads ``connection`` or ``info`` of it. Read off the stack, as
    ``Connection._revalidate_connection``.
    """
    return _is_below(Connection._revalidate_connection)


def _is_below(function: Callable[..., Any]) -> bool:
    """Whether the listener that asks was called by this one, by way of frames of SQLAlchemy alone."""
    frame: FrameType | None = sys._getframe(3)
    while frame is not None and frame.f_globals.get("__name__", "").startswith("sqlalchemy."):
        if frame.f_code is function.__code__:
            return True
        frame = frame.f_back
    return False


def is_asked_to_roll_back() -> bool:
    """Whether a ROLLBACK comes of a method ``rollback``, and not of the end of a Session, Connection or transaction.

    Read off the stack: both reach the dialect below frames of SQLAlchemy alone.
    """
    frame: FrameType | None = sys._getframe(2)
    while frame is not None and frame.f_globals.get("__name__", "").startswith("sqlalchemy."):
        if frame.f_code.co_name == "rollback":
            return True
        frame = frame.f_back
    return False


def record_returned(context: Any, rows: list[Any]) -> None:
    """Keep the rows that an INSERT of many rows gives back, which its context fetches past its own cursor.

    Uses ``DefaultExecutionContext.fetchall_for_returning``, which SQLAlchemy lets dialects override. A result that
    nobody reads goes with its last name, and with it what its cursor locks; so nothing here may hold on to it.
    """
    kind, itself = type(context), ref(context)

    def fetchall_for_returning(cursor: Any) -> Any:
        found = kind.fetchall_for_returning(itself(), cursor)
        rows.extend(found)
        return found

    context.fetchall_for_returning = fetchall_for_returning
