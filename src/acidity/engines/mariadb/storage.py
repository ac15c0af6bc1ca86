"""Which storage engine a table of MariaDB or MySQL has, where that one has no transactions.

Asked on the driver's own cursor: like what a dialect asks, it is no call of the program, and no check counts it.
"""

from __future__ import annotations

from typing import Any

_ASK = (
    "SELECT t.engine FROM information_schema.tables t JOIN information_schema.engines e ON e.engine = t.engine "
    "WHERE t.table_schema = COALESCE(%s, DATABASE()) AND t.table_name = %s AND e.transactions = 'NO'"
)


def without_transactions(dbapi_connection: Any, schema: str | None, table: str) -> str | None:
    """The name of the storage engine, if what is written to the table stays after ROLLBACK; else None.

    Args:
        dbapi_connection: a connection of any driver.
        schema: of the table; None for the current one.
        table: its name.

    Source: mariadb.com/kb/en/information-schema-engines-table, column TRANSACTIONS.
    """
    cursor = dbapi_connection.cursor()
    try:
        cursor.execute(_ASK, (schema, table))
        row = cursor.fetchone()
    finally:
        cursor.close()
    if row is None:
        return None
    return str(next(iter(row.values())) if isinstance(row, dict) else row[0])
