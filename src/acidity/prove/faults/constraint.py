"""A statement breaks a constraint and is not applied; the transaction goes on."""

from __future__ import annotations

import re
import sqlite3

from acidity.adapters.seam import PendingCall
from acidity.core.call import Call, Kind
from acidity.engines.sqlite.rows import quoted
from acidity.prove.faults import bait
from acidity.prove.faults.base import FaultContext, SimpleFault, driver_error, hosted

_IGNORE = re.compile(r"\s*(?:insert|update|delete)\s+(?:\w+_priority\s+|delayed\s+|quick\s+)*ignore\b", re.IGNORECASE)


def _strike_sqlite(pending: PendingCall, context: FaultContext) -> None:
    wire = context.wire(pending)
    tables = context.sandbox.traits()["tables"]
    wire.on_driver(lambda connection: _insert_a_row_again(connection, tables))
    context.mode = "simulated"
    raise driver_error(wire, "IntegrityError", "UNIQUE constraint failed", 2067, "SQLITE_CONSTRAINT_UNIQUE")


def _insert_a_row_again(connection: sqlite3.Connection, tables: tuple[str, ...]) -> None:
    """Make the engine itself refuse: insert a row that is there already, key and all.

    The driver opens the transaction that the user's own statement would have opened.
    """
    for table in tables:
        info = connection.execute(f"PRAGMA table_xinfo({quoted(table)})").fetchall()
        columns = ", ".join(quoted(str(row[1])) for row in info if row[6] == 0)
        has_key = any(row[5] and row[6] == 0 for row in info)
        if has_key and connection.execute(f"SELECT 1 FROM {quoted(table)} LIMIT 1").fetchone():
            connection.execute(
                f"INSERT OR ABORT INTO {quoted(table)} ({columns}) SELECT {columns} FROM {quoted(table)} LIMIT 1"
            )


def _strike_postgresql(pending: PendingCall, context: FaultContext) -> None:
    """A key that is there already (23505): the transaction is aborted."""
    context.wire(pending).send(f"INSERT INTO {bait.table(hosted(context), 'bait')} VALUES (1, 0)")
    context.mode = "simulated"
    raise driver_error(context.wire(pending), "IntegrityError", "duplicate key value violates unique constraint")


def _strike_mariadb(pending: PendingCall, context: FaultContext) -> None:
    """A key that is there already (1062): only the statement is undone."""
    context.wire(pending).send(f"INSERT INTO {bait.table(hosted(context), 'bait')} VALUES (1, 0)")
    context.mode = "simulated"
    raise context.wire(pending).errors.IntegrityError(1062, "Duplicate entry")


def _ignored(call: Call, context: FaultContext) -> str:
    """MariaDB raises nothing where the text says IGNORE: the row is left out, with a warning."""
    ignores = context.sandbox.engine_name == "mariadb" and _IGNORE.match(call.sql)
    return "IGNORE makes a warning of it" if ignores else ""


FAULT = SimpleFault(
    name="constraint",
    sentence="{call} breaks a constraint",
    kinds=frozenset({Kind.STATEMENT}),
    ways={"sqlite": _strike_sqlite, "postgresql": _strike_postgresql, "mariadb": _strike_mariadb},
    writes_only=True,
    reason="only a statement can break a constraint",
    spares=_ignored,
)
