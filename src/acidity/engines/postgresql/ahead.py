"""Ask in one request whether the database is at rest and what is in it then; apart, each would be a request.

The statements are carried out one after another, each with a snapshot of its own: what was committed by a session that
is idle when the first is answered is seen by those after it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from acidity.engines.postgresql.catalogue import LARGE_OBJECTS, STAMP
from acidity.engines.postgresql.session import ANYTHING

Rows = list[tuple[Any, ...]]

# The sessions, or NULL where one of them is not idle; whether anything outlives transactions; whether one is prepared.
_REST = f"""
SELECT CASE WHEN coalesce(bool_and(state = 'idle'), true) THEN coalesce(array_agg(pid), '{{}}') END,
       ({ANYTHING}), EXISTS (SELECT FROM pg_prepared_xacts WHERE database = current_database())
FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
"""
_ASKED = {"acidity_rest": _REST, "acidity_stamp": STAMP, "acidity_large_objects": LARGE_OBJECTS}


@dataclass(frozen=True, slots=True)
class Ahead:
    """What was answered.

    Attributes:
        sessions: the server's numbers of all sessions, if every one was idle; None if not.
        free: nothing outlives a transaction, and none is prepared.
        stamp: of the system catalogue.
        large_objects: a value that changes with any of them.
        tables: the rows of each table that was asked for.
    """

    sessions: frozenset[int] | None
    free: bool
    stamp: Any
    large_objects: Any
    tables: list[Rows]


def ask_ahead(connection: Any, tables: Sequence[str]) -> Ahead:
    """Ask, in statements that are planned once for each connection.

    Args:
        connection: psycopg's, of an administrator, committing by itself.
        tables: statements that give rows.
    """
    import psycopg

    asked = [*(f"EXECUTE {name}" for name in _ASKED), *tables]
    try:
        answers = _all_of(connection, asked)
    except psycopg.errors.InvalidSqlStatementName:  # a new connection, or psycopg has let all of them be forgotten
        connection.execute("; ".join(f"PREPARE {name} AS {question}" for name, question in _ASKED.items()))
        answers = _all_of(connection, asked)
    ((idle, kept, prepared),), stamp, large_objects = answers[:3]
    sessions = None if idle is None else frozenset(idle)
    return Ahead(sessions, not kept and not prepared, stamp, large_objects, answers[3:])


def _all_of(connection: Any, statements: Sequence[str]) -> list[Rows]:
    with connection.cursor() as cursor:
        cursor.execute("; ".join(statements))
        found = [list(cursor.fetchall())]
        while cursor.nextset():
            found.append(list(cursor.fetchall()))
        return found


def is_idle(dbapi_connection: Any) -> bool:
    """Whether the client's side could send a write at once; what has no libpq is not asked."""
    driver = getattr(dbapi_connection, "driver_connection", dbapi_connection)
    if any(getattr(driver, name, None) for name in ("read_only", "readonly")):  # psycopg and psycopg2
        return False
    return getattr(getattr(driver, "info", None), "transaction_status", None) == _IDLE


_IDLE = 0  # PQTRANS_IDLE
