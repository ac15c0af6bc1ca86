"""What people do with an outbox: look at parked messages, try them again or give them up, and prune."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import timedelta
from functools import partial
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, exists, not_, or_, select, update
from sqlalchemy.orm import Session

from acidity.run import tables
from acidity.run.boundary import Terms
from acidity.run.course import Course
from acidity.run.decide import Policy
from acidity.run.drivers import run, run_async
from acidity.run.outbox.claim import PARKED, message_of
from acidity.run.outbox.emit import READY
from acidity.run.outbox.message import Message
from acidity.run.outbox.record import PUBLISHED
from acidity.run.tables import outbox, outbox_key
from acidity.run.target import target_of

DISCARDED = "discarded"
_PAGE = 1000


def parked(what: Any) -> Any:
    """The messages that publishing was given up for, the oldest first: the dead letters.

    Args:
        what: an `Engine`, a sessionmaker, or their async twins.

    Returns:
        A list of `Message` with `attempts` and `last_error`; on an async engine, await it.

    Example:
        >>> [message.last_error for message in parked(engine)]          # doctest: +SKIP
        ['ConnectionError: connection refused']
    """

    def work(session: Session) -> list[Message]:
        query = select(outbox).where(outbox.c.state == PARKED).order_by(outbox.c.position)
        return [message_of(row) for row in session.execute(query)]

    return _in_unit(what, work)


def requeue(what: Any, *ids: str) -> Any:
    """Have parked messages published after all, and start to count their attempts anew.

    Args:
        what: as of `parked`.
        ids: of messages; none for all that are parked.

    Returns:
        How many there were; on an async engine, await it.

    Example:
        >>> requeue(engine, message.id)                                 # doctest: +SKIP
        1
    """
    values = {"state": READY, "attempts": 0, "due_at": None, "last_error": None}
    return _in_unit(what, partial(_change, ids, values))


def discard(what: Any, *ids: str) -> Any:
    """Give parked messages up for good: the later ones of their keys go on without them; `prune_outbox` deletes them.

    Args:
        what: as of `parked`.
        ids: of messages.

    Returns:
        How many there were; on an async engine, await it.

    Example:
        >>> discard(engine, message.id)                                 # doctest: +SKIP
        1
    """
    return _in_unit(what, partial(_change, ids or ("",), {"state": DISCARDED, "published_at": tables.now()}))


def prune_outbox(what: Any, *, older_than: timedelta) -> Any:
    """Delete messages that were published or discarded long ago, and counters of keys that have none left.

    Args:
        what: as of `parked`.
        older_than: the time since they were published from which they go.

    Returns:
        How many messages were deleted; on an async engine, await it.

    Example:
        >>> prune_outbox(engine, older_than=timedelta(days=7))          # doctest: +SKIP
        120
    """

    def work(session: Session) -> int:
        ended = and_(outbox.c.state.in_([PUBLISHED, DISCARDED]), outbox.c.published_at < tables.now() - older_than)
        deleted: int = session.execute(delete(outbox).where(ended)).rowcount  # type: ignore[attr-defined]
        _prune_keys(session)
        return deleted

    return _in_unit(what, work)


def _prune_keys(session: Session) -> None:
    """First lock, then look again: a unit that is emitting holds the lock of its key, and its message is not seen."""
    unused = not_(exists().where(outbox.c.key_hash == outbox_key.c.key_hash))
    after = ""
    while True:
        query = select(outbox_key.c.key_hash).where(unused, outbox_key.c.key_hash > after)
        candidates = list(session.scalars(query.order_by(outbox_key.c.key_hash).limit(_PAGE)))
        if not candidates:
            return
        these = outbox_key.c.key_hash.in_(candidates)
        locked = list(session.scalars(select(outbox_key.c.key_hash).where(these).with_for_update(skip_locked=True)))
        session.execute(delete(outbox_key).where(outbox_key.c.key_hash.in_(locked), unused))
        after = candidates[-1]


def _change(ids: Collection[str], values: dict[str, Any], session: Session) -> int:
    chosen: ColumnElement[bool] = outbox.c.state == PARKED
    if ids:
        chosen = and_(chosen, or_(*(outbox.c.id == each for each in ids)))
    changed: int = session.execute(update(outbox).where(chosen).values(values)).rowcount  # type: ignore[attr-defined]
    return changed


def _in_unit(what: Any, work: Callable[[Session], Any]) -> Any:
    """In a unit of its own; without gap locks on MariaDB, where emits would wait for them."""
    target = target_of(what)
    course = Course(target, Terms(isolation_level="READ COMMITTED"), Policy(max_attempts=3))
    if target.asynchronous:
        return run_async(course, lambda session: session.run_sync(work))
    return run(course, work)
