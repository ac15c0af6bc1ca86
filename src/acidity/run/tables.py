"""The table that RUN needs for `resolve_commit=` and `idempotency_key=`; nothing else needs a table.

Create it with ``metadata.create_all(engine)``, or let Alembic see it: ``target_metadata = [Base.metadata,
acidity.run.tables.metadata]``.
"""

from __future__ import annotations

import datetime as dt

from sqlalchemy import Column, DateTime, MetaData, String, Table, Text

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
