"""The tables that RUN needs: for `resolve_commit=` and `idempotency_key=`, and for `two_phase`.

Create them with ``metadata.create_all(engine)``, or let Alembic see it: ``target_metadata = [Base.metadata,
acidity.run.tables.metadata]``.
"""

from __future__ import annotations

import datetime as dt

from sqlalchemy import Column, DateTime, Integer, MetaData, String, Table, Text

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
