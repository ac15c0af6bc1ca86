"""Whether a database is at rest, as the server and each client's side of a connection say."""

from __future__ import annotations

from typing import Any

from acidity.engines.postgresql.session import ANYTHING

# The sessions, or NULL where one of them is not idle; whether anything outlives transactions; whether one is prepared.
REST = f"""
SELECT CASE WHEN coalesce(bool_and(state = 'idle'), true) THEN coalesce(array_agg(pid), '{{}}') END,
       ({ANYTHING}), EXISTS (SELECT FROM pg_prepared_xacts WHERE database = current_database())
FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
"""


def is_idle(dbapi_connection: Any) -> bool:
    """Whether the client's side could send a write at once; what has no libpq is not asked."""
    driver = getattr(dbapi_connection, "driver_connection", dbapi_connection)
    if any(getattr(driver, name, None) for name in ("read_only", "readonly")):  # psycopg and psycopg2
        return False
    return getattr(getattr(driver, "info", None), "transaction_status", None) == _IDLE


_IDLE = 0  # PQTRANS_IDLE
