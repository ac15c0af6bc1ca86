"""`emit`: a message that exists if, and only if, the change it tells of is committed.

An autoincrement column or a time gives messages of one key an order that is not the order of their COMMITs: an earlier
number may be committed later, when the later one is published already. Here the first thing that `emit` does with a key
is to count up its row, and the lock of that row is held until the unit ends. So the next unit that emits for the key
waits, and numbers are in the order of COMMITs.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any
from uuid import uuid4

from sqlalchemy import insert, select
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from acidity.errors import UsageError
from acidity.run import context, tables
from acidity.run.errors import BoundaryError
from acidity.run.outbox.message import Message, hash_of
from acidity.run.tables import outbox, outbox_key
from acidity.run.unit import Unit

READY = "ready"


def emit(topic: str, payload: Any, *, key: str | None = None) -> Any:
    """Write a message in the current unit's own transaction; a `Relay` publishes it after the COMMIT.

    With a key, the next unit that emits for the same key waits until this one ends (on SQLite every unit waits for the
    one before anyway). Two units that emit for the same keys in different orders deadlock; the database ends one of
    them, and ``atomic(…, max_attempts=)`` runs it again. Under REPEATABLE READ and SERIALIZABLE of PostgreSQL the one
    that waited gets a serialization failure, which is run again too. Emit late in the unit: the wait is then short.

    Args:
        topic: where it is to be published; at most 255 characters.
        payload: plain JSON.
        key: messages with the same key, of any topic, are published in the order of their COMMITs.

    Returns:
        The id of the message; in an async unit, await it.

    Raises:
        NoTransaction: there is no unit of work here.
        BoundaryError: the unit is read-only.
        UsageError: topic, key or payload cannot be written.

    Example:
        >>> with atomic(engine) as session:                             # doctest: +SKIP
        ...     order.status = "paid"
        ...     emit("orders.paid", {"order": order.id}, key=f"order-{order.id}")

    Source: C. Richardson, *Microservices Patterns*, §3.3.7 "Transactional outbox".
    """
    unit = context.required()
    if unit.terms.read_only:
        raise BoundaryError("emit() in a unit with read_only=True")
    if not isinstance(topic, str) or not 0 < len(topic) <= 255:
        raise UsageError(f"topic={topic!r}: a text of 1 to 255 characters")
    if key is not None and (not isinstance(key, str) or not key):
        raise UsageError(f"key={key!r}: a text that is not empty, or None for no order")
    message = Message(uuid4().hex, topic, payload, key, tables.now())
    work = partial(_write, unit.plain, message, message.body)
    return _later(unit, work) if unit.target.asynchronous else work()


def _later(unit: Unit, work: Callable[[], str]) -> Awaitable[str]:
    """A coroutine; the unit refuses COMMIT until it has been awaited, or the message would be lost in silence."""
    unit.owed = (*unit.owed, "emit()")

    async def carry_out() -> str:
        unit.owed = unit.owed[:-1]
        written: str = await unit.session.run_sync(lambda _: work())
        return written

    return carry_out()


def _write(session: Session, message: Message, body: str) -> str:
    connection = session.connection()  # by way of the session, which sends a SAVEPOINT only when it is needed
    key_hash = None if message.key is None else hash_of(message.key)
    try:
        number = None if key_hash is None else _count_up(connection, key_hash)
        row = {
            "id": message.id,
            "topic": message.topic,
            "key_hash": key_hash,
            "number": number,
            "body": body,
            "state": READY,
            "attempts": 0,
            "created_at": message.created_at,
        }
        connection.execute(insert(outbox).inline().values(row))
    except DBAPIError as error:
        tables.explain_missing(error)
        raise
    return message.id


def _count_up(connection: Connection, key_hash: str) -> int:
    """The next number of this key; waits for a unit that has one and has not ended, also for the key's very first."""
    counted = _upsert(connection.dialect.name, key_hash)
    if connection.dialect.insert_returning:
        return int(connection.execute(counted.returning(outbox_key.c.last)).scalar_one())
    connection.execute(counted)
    return int(connection.execute(select(outbox_key.c.last).where(outbox_key.c.key_hash == key_hash)).scalar_one())


def _upsert(dialect: str, key_hash: str) -> Any:
    """One statement, so that two first messages of a key cannot both find no row."""
    first = {"key_hash": key_hash, "last": 1}
    if dialect in {"mysql", "mariadb"}:
        from sqlalchemy.dialects.mysql import insert as mysql_insert

        return mysql_insert(outbox_key).values(first).on_duplicate_key_update(last=outbox_key.c.last + 1)
    if dialect == "postgresql":
        from sqlalchemy.dialects.postgresql import insert as postgresql_insert

        made: Any = postgresql_insert(outbox_key)
    elif dialect == "sqlite":
        from sqlalchemy.dialects.sqlite import insert as sqlite_insert

        made = sqlite_insert(outbox_key)
    else:
        raise UsageError(f"emit(key=…) speaks PostgreSQL, MariaDB, MySQL and SQLite, not {dialect}")
    return made.values(first).on_conflict_do_update(
        index_elements=[outbox_key.c.key_hash], set_={"last": outbox_key.c.last + 1}
    )
