"""The tables of RUN: the marker of units that are recognised, and two each for `emit`, `Saga` and `two_phase`.

Create them with ``metadata.create_all(engine)``, or let Alembic see them: ``target_metadata = [Base.metadata,
acidity.run.tables.metadata]``.
"""

from __future__ import annotations

import datetime as dt

from sqlalchemy import BigInteger, Column, DateTime, Index, Integer, MetaData, String, Table, Text
from sqlalchemy.dialects.mysql import DATETIME, LONGTEXT
from sqlalchemy.exc import DBAPIError

from acidity.engines.codes import codes_of

metadata = MetaData()
_TABLE_MISSING = frozenset({"42P01", "1146"})
_LONG = Text().with_variant(LONGTEXT(), "mysql", "mariadb")  # their TEXT ends at 64 KB
_TIME = DateTime().with_variant(DATETIME(fsp=6), "mysql", "mariadb")  # and their DATETIME at the second
_BIG = BigInteger().with_variant(Integer(), "sqlite")  # which numbers only an INTEGER PRIMARY KEY by itself


def now() -> dt.datetime:
    """The time in UTC, without a zone: sessions of a database have zones of their own."""
    return dt.datetime.now(tz=dt.UTC).replace(tzinfo=None)


def is_missing(error: BaseException) -> bool:
    """Whether the database says that there is no such table."""
    return bool(_TABLE_MISSING.intersection(codes_of(error))) or "no such table" in str(error)


def explain_missing(error: DBAPIError) -> None:
    """If a table is missing, say on the error how it is made."""
    if is_missing(error):
        error.add_note("acidity: create the table with acidity.run.tables.metadata.create_all(engine)")


marker = Table(
    "acidity_marker",
    metadata,
    Column("key_hash", String(64), primary_key=True),  # of the key: no collation and no length can make two keys one
    Column("key_text", String(255), nullable=False),
    Column("token", String(32), nullable=False),
    Column("fingerprint", String(64), nullable=False),
    Column("result", _LONG, nullable=True),
    Column("created_at", DateTime, nullable=False, default=now),
)
"""One row for each unit that is to be recognised; written first and in the unit's own transaction."""

outbox = Table(
    "acidity_outbox",
    metadata,
    Column("position", _BIG, primary_key=True, autoincrement=True),  # who is first is fair, not an order
    Column("id", String(32), nullable=False),
    Column("topic", String(255), nullable=False),
    Column("key_hash", String(64), nullable=True),  # as in the marker
    Column("number", _BIG, nullable=True),  # the order within the key
    Column("body", _LONG, nullable=False),  # key and payload as JSON, which is ASCII in every character set
    Column("state", String(9), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("due_at", _TIME, nullable=True),  # not to be tried before; empty: at once
    Column("last_error", Text, nullable=True),
    Column("created_at", _TIME, nullable=False),
    Column("published_at", _TIME, nullable=True),
    # Neither is unique: the counter's lock makes numbers so, and InnoDB locks gaps beside the duplicates it looks for.
    Index("ix_acidity_outbox_heads", "state", "position"),
    Index("ix_acidity_outbox_earlier", "key_hash", "state", "number"),
)
"""Messages, written in the transaction of the unit that emits them."""

outbox_key = Table(
    "acidity_outbox_key",
    metadata,
    Column("key_hash", String(64), primary_key=True),
    Column("last", _BIG, nullable=False),
)
"""For each key the number of its last message; its lock makes the order of numbers the order of COMMITs."""


saga = Table(
    "acidity_saga",
    metadata,
    Column("key_hash", String(64), primary_key=True),  # of the name and the id
    Column("name", String(255), nullable=False),
    Column("saga_id", String(255), nullable=False),
    Column("payload", _LONG, nullable=False),
    Column("state", String(16), nullable=False),
    Column("failed_step", String(255), nullable=True),
    Column("error", Text, nullable=True),  # why it is being, or was, compensated
    Column("stuck", Text, nullable=True),  # why nobody carries it on by himself
    Column("created_at", DateTime, nullable=False, default=now),
    Index("ix_acidity_saga_name_state", "name", "state"),
)
"""One row for each saga; whoever takes a step of it locks this row first, until the step is committed."""

saga_step = Table(
    "acidity_saga_step",
    metadata,
    Column("key_hash", String(64), primary_key=True),  # of the saga, the direction and the step
    Column("key_text", String(255), nullable=False),
    Column("token", String(32), nullable=False),
    Column("fingerprint", String(64), nullable=False),
    Column("result", _LONG, nullable=True),
    Column("created_at", DateTime, nullable=False, default=now),
    Column("saga_hash", String(64), nullable=False, index=True),
    Column("direction", String(4), nullable=False),  # do or undo
    Column("position", Integer, nullable=False),
    Column("step", String(255), nullable=False),
)
"""The log of the sagas: one row for each step done and each step undone, written in the transaction that did it."""


coordinator = Table(
    "acidity_coordinator",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),  # 1: there is one row
    Column("id", String(12), nullable=False),
)
"""Who this database is where it decides; names of branches start with it, so that nobody else decides about them."""

decision = Table(
    "acidity_decision",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("participants", Text, nullable=False),  # JSON: the names of the other databases
    Column("decided_at", DateTime, nullable=False, default=now),
)
"""A row for each two-phase commit that was decided; written in the transaction whose COMMIT is the decision."""
