"""COMMIT is refused and the transaction stays open: the next COMMIT on that connection would commit it.

SQLite does this for real in two ways. With a rollback journal, a reader keeps COMMIT from getting the exclusive lock
(SQLITE_BUSY; sqlite.org/lang_transaction.html). In any mode, a violated deferred foreign key makes COMMIT fail
(sqlite.org/foreignkeys.html §4.2); that needs a deferred key in the user's own schema and enforcement switched on.
"""

from __future__ import annotations

import sqlite3
from typing import Any

from acidity.adapters.seam import PendingCall
from acidity.adapters.wire import LiveConnection
from acidity.core.call import Kind
from acidity.engines.sqlite.rows import quoted
from acidity.prove.faults.base import FaultContext, NotApplicable, SimpleFault

_NOTHING = "there was nothing to commit"


def _strike(pending: PendingCall, context: FaultContext) -> None:
    wire = context.wire(pending)
    if not wire.on_driver(lambda connection: connection.in_transaction):
        raise NotApplicable(_NOTHING)
    if context.sandbox.traits()["journal_mode"] == "wal":
        _with_a_broken_reference(pending, context, wire)
    else:
        _with_a_reader(pending, context)


def _with_a_reader(pending: PendingCall, context: FaultContext) -> None:
    reader = context.kept.get("reader")
    if reader is None:
        reader = context.sandbox.connect_beside()
        try:
            reader.execute("BEGIN")
            reader.execute("SELECT count(*) FROM sqlite_master").fetchone()
        except sqlite3.OperationalError as error:
            raise NotApplicable(f"no reader could get in: {error}") from None
        context.kept["reader"] = reader
    with context.wire(pending).impatient():
        pending.perform()
    context.missed = _NOTHING


def _with_a_broken_reference(pending: PendingCall, context: FaultContext, wire: LiveConnection) -> None:
    planted = wire.on_driver(lambda connection: _plant(connection, context.sandbox.traits()["deferred"]))
    if not planted:
        raise NotApplicable("WAL: no deferred foreign key is enforced that could make COMMIT fail")
    try:
        pending.perform()
    finally:
        wire.on_driver(lambda connection: connection.execute(*planted))
    context.missed = _NOTHING


def _plant(connection: sqlite3.Connection, tables: tuple[str, ...]) -> tuple[str, tuple[Any, ...]] | None:
    """Copy a row with a reference to nowhere; give the statement that removes it again."""
    for table in tables:
        for row in connection.execute(f"PRAGMA foreign_key_list({quoted(table)})").fetchall():
            column = str(row[3])
            info = connection.execute(f"PRAGMA table_xinfo({quoted(table)})").fetchall()
            names = [str(item[1]) for item in info if item[6] == 0]
            single_key = [str(item[1]) for item in info if item[5]]
            kept = [name for name in names if name != column and (len(single_key) != 1 or name not in single_key)]
            listed = ", ".join(map(quoted, [column, *kept]))
            source = ", ".join(["?", *map(quoted, kept)])
            for nowhere in (-987654321, "acidity-nowhere"):
                try:
                    cursor = connection.execute(
                        f"INSERT INTO {quoted(table)} ({listed}) SELECT {source} FROM {quoted(table)} LIMIT 1",
                        (nowhere,),
                    )
                except sqlite3.Error:
                    continue
                if cursor.rowcount == 1:
                    return f"DELETE FROM {quoted(table)} WHERE rowid = ?", (cursor.lastrowid,)
    return None


def _needs(context: FaultContext) -> str:
    traits = context.sandbox.traits()
    if traits.get("journal_mode") == "wal" and not traits["deferred"]:
        return "WAL: a reader does not refuse COMMIT, and the schema has no deferred foreign key"
    return ""


FAULT = SimpleFault(
    name="commit-left-open",
    sentence="{call} is refused and its transaction stays open",
    kinds=frozenset({Kind.COMMIT}),
    ways={
        "sqlite": _strike,
        "postgresql": "PostgreSQL ends the transaction whatever it answers to COMMIT",
        "mariadb": "MariaDB ends the transaction whatever it answers to COMMIT",
    },
    persistent=True,
    leaves_open=True,
    reason="only a COMMIT can be refused",
    needs=_needs,
)
