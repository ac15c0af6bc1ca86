"""The tables that RUN needs: one for `resolve_commit=`, `idempotency_key=` and `reverse`, two for `Saga`.

Create it with ``metadata.create_all(engine)``, or let Alembic see it: ``target_metadata = [Base.metadata,
acidity.run.tables.metadata]``.
"""

from __future__ import annotations

import datetime as dt

from sqlalchemy import Column, DateTime, Index, Integer, MetaData, String, Table, Text

metadata = MetaData()


def now() -> dt.datetime:
    """The time in UTC, without a zone: sessions of a database have zones of their own."""
    return dt.datetime.now(tz=dt.UTC).replace(tzinfo=None)


marker = Table(
    "acidity_marker",
    metadata,
    Column("key_hash", String(64), primary_key=True),  # of the key: no collation and no length can make two keys one
    Column("key_text", String(255), nullable=False),
    Column("token", String(32), nullable=False),
    Column("fingerprint", String(64), nullable=False),
    Column("result", Text, nullable=True),
    Column("created_at", DateTime, nullable=False, default=now),
)
"""One row for each unit that is to be recognised; written first and in the unit's own transaction."""

saga = Table(
    "acidity_saga",
    metadata,
    Column("key_hash", String(64), primary_key=True),  # of the name and the id
    Column("name", String(255), nullable=False),
    Column("saga_id", String(255), nullable=False),
    Column("payload", Text, nullable=False),
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
    Column("result", Text, nullable=True),
    Column("created_at", DateTime, nullable=False, default=now),
    Column("saga_hash", String(64), nullable=False, index=True),
    Column("direction", String(4), nullable=False),  # do or undo
    Column("position", Integer, nullable=False),
    Column("step", String(255), nullable=False),
)
"""The log of the sagas: one row for each step done and each step undone, written in the transaction that did it."""
