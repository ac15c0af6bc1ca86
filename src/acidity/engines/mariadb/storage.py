"""Which storage engine a table of MariaDB or MySQL has, where that one has no transactions.

Asked on the driver's own cursor: like what a dialect asks, it is no call of the program, and no check counts it.
"""

from __future__ import annotations

import re
from typing import Any

from acidity.core.row import cells_of

_ASK = (
    "SELECT t.engine FROM information_schema.tables t JOIN information_schema.engines e ON e.engine = t.engine "
    "WHERE t.table_schema = COALESCE(%s, DATABASE()) AND t.table_name = %s AND e.transactions = 'NO'"
)
_DEFINITION = (
    "SELECT view_definition FROM information_schema.views "
    "WHERE table_schema = COALESCE(%s, DATABASE()) AND table_name = %s"
)
_TRIGGERS = (
    "SELECT GROUP_CONCAT(action_statement SEPARATOR ';\n') FROM information_schema.triggers "
    "WHERE event_object_schema = COALESCE(%s, DATABASE()) AND event_object_table = %s"
)
_ROUTINE = (
    "SELECT routine_definition FROM information_schema.routines "
    "WHERE routine_schema = COALESCE(%s, DATABASE()) AND routine_name = %s AND routine_type = 'PROCEDURE'"
)
_BEHIND = re.compile(r"`([^`]+)`\.`([^`]+)`")  # the server writes tables so, and columns too, which no schema has

FLUSHING = (
    "SET @acidity_level = @@GLOBAL.innodb_flush_log_at_trx_commit",
    "SET GLOBAL innodb_flush_log_at_trx_commit = 1",
    "FLUSH ENGINE LOGS",
    "SET GLOBAL innodb_flush_log_at_trx_commit = @acidity_level",
)
"""Puts the log on the disk; where the level is 0, the server leaves that to chance, also when it is asked."""


def without_transactions(dbapi_connection: Any, schema: str | None, table: str) -> str | None:
    """The name of the storage engine, if what is written to the table stays after ROLLBACK; else None.

    Of a view, that of any table behind it.

    Args:
        dbapi_connection: a connection of any driver.
        schema: of the table; None for the current one.
        table: its name.

    Source: mariadb.com/kb/en/information-schema-engines-table, column TRANSACTIONS.
    """
    waiting, seen = [(schema, table)], set[tuple[str | None, str]]()
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        engine = _asked(dbapi_connection, _ASK, name)
        if engine is not None:
            return engine
        waiting += _BEHIND.findall(_asked(dbapi_connection, _DEFINITION, name) or "")
    return None


def trigger_bodies(dbapi_connection: Any, schema: str | None, table: str) -> str:
    """What the triggers of a table do, whichever statement calls them; empty where there are none, or none is shown.

    The server shows them to who has the privilege TRIGGER on the table.
    """
    return _asked(dbapi_connection, _TRIGGERS, (schema, table)) or ""


def procedure_body(dbapi_connection: Any, schema: str | None, name: str) -> str:
    """What a procedure does; empty where it is not shown."""
    return _asked(dbapi_connection, _ROUTINE, (schema, name)) or ""


def _asked(dbapi_connection: Any, query: str, name: tuple[str | None, str]) -> str | None:
    cursor = dbapi_connection.cursor()
    try:
        cursor.execute(query, name)
        row = cursor.fetchone()
    finally:
        cursor.close()
    if row is None:
        return None
    value = cells_of(row)[0]
    return None if value is None else str(value)
