"""Which sessions a server has, and what one keeps beyond its transactions: advisory locks and temporary tables."""

from __future__ import annotations

from typing import Any

from acidity.core.row import cells_of
from acidity.engines.session import Left, LeftKind

# Most databases hold nothing of the kind, which an administrator's session answers five times as fast as a fresh one.
ANYTHING = """
SELECT EXISTS (SELECT FROM pg_lock_status() AS l WHERE l.locktype = 'advisory')
    OR EXISTS (SELECT FROM pg_class WHERE relpersistence = 't')
"""
# Written back as the program wrote them: one key of 64 bits (objsubid 1), or two of 32.
_ASKED = """
SELECT 'lock ' || CASE objsubid WHEN 1 THEN ((classid::int8 << 32) | objid::int8)::text
                             ELSE '(' || classid::int4 || ', ' || objid::int4 || ')' END
FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()
UNION SELECT 'table ' || relname::text FROM pg_class
WHERE relnamespace = pg_my_temp_schema() AND relkind IN ('r', 'p', 'v')
"""
SESSIONS = """
    SELECT pid, CASE WHEN state = 'active' AND wait_event = 'ClientRead' THEN 'idle in transaction' ELSE state END
    FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid() AND backend_type = 'client backend'
"""
STATES = {
    "idle": "idle",
    "idle in transaction": "in transaction",
    "idle in transaction (aborted)": "in transaction",
}
SESSIONS_OF = """
    SELECT 1 FROM pg_stat_activity
    WHERE backend_type IN ('client backend', 'walsender')  -- the server's own workers end when a database is dropped
    AND (application_name = %s OR usename = %s OR datname = %s OR starts_with(datname, %s)) LIMIT 1
"""
ROOM = """
    SELECT current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
    - coalesce(current_setting('reserved_connections', true)::int, 0) - count(*)
    FROM pg_stat_activity WHERE backend_type = 'client backend'
"""
LOCKED = """
    SELECT nspname, relname FROM pg_locks JOIN pg_class ON pg_class.oid = relation JOIN pg_namespace ON
    pg_namespace.oid = relnamespace WHERE mode = 'AccessExclusiveLock' AND granted AND pid <> pg_backend_pid()
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
TO_END = """
    SELECT pid FROM pg_stat_activity WHERE (usename = %s OR application_name = %s) AND pid <> pg_backend_pid()
"""
_KINDS = {"lock": LeftKind.LOCK, "table": LeftKind.TABLE}


def plain_cursor(dbapi_connection: Any) -> Any:
    """A cursor that gives rows as they are, whatever the program makes of its own."""
    cursor = dbapi_connection.cursor()
    if any(each.__module__.startswith("psycopg.") for each in type(cursor).__mro__):  # psycopg2 has that attribute, too
        from psycopg.rows import tuple_row

        cursor.row_factory = tuple_row
    return cursor


def left_on(dbapi_connection: Any) -> tuple[Left, ...]:
    """Ask the session itself, in a transaction that has taken no advisory lock of its own.

    Args:
        dbapi_connection: the driver's connection, or SQLAlchemy's adapter of an async one.

    Returns:
        What it holds, sorted.
    """
    cursor = plain_cursor(dbapi_connection)
    try:
        cursor.execute(_ASKED)
        rows = [str(*cells_of(row)).partition(" ") for row in cursor.fetchall()]
        return tuple(sorted((Left(_KINDS[kind], name) for kind, _, name in rows), key=str))
    finally:
        cursor.close()
