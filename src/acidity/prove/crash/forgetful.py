"""Tables that are made to keep no row over a crash: whatever the settings are, what was committed there is gone."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from acidity.core.outcome import State
from acidity.engines.hosted import HostedSandbox

_UNLOGGED = "SELECT relpersistence = 'u' FROM pg_class WHERE oid = %s::regclass"


def forgetful(part: HostedSandbox) -> dict[str, str]:
    """What each of these tables is, by its name (PostgreSQL manual, CREATE TABLE, UNLOGGED; MariaDB KB, MEMORY)."""
    if part.engine_name == "mariadb":
        engines: Mapping[str, str] = part.traits().get("unprotected", {})
        return {
            table: "of the storage engine MEMORY" for table, engine in engines.items() if engine.upper() == "MEMORY"
        }
    return {name: "UNLOGGED" for name, shape in part.shapes.items() if part.ask(_UNLOGGED, (shape.place,)) == [(True,)]}


def emptied(there: State, recovered: State, known: Collection[str]) -> State:
    """What was there, without the rows of those of these tables that have come back empty."""
    gone = {name for name in known if name in recovered.tables and not recovered.tables[name].rows}
    return replace(
        there, tables={name: replace(it, rows=()) if name in gone else it for name, it in there.tables.items()}
    )


def cause_of(tables: Collection[str], known: Mapping[str, str]) -> str:
    """Why nothing of what is lost was kept, if all of it was in such tables; else nothing.

    Args:
        tables: those in which something is lost.
        known: what `forgetful` has found.

    >>> cause_of({"audit"}, {"audit": "UNLOGGED"})
    'the table audit is UNLOGGED, which keeps no row over a crash'
    >>> cause_of({"audit", "orders"}, {"audit": "UNLOGGED"})
    ''
    """
    if not tables or not known.keys() >= set(tables):
        return ""
    return "; ".join(f"the table {name} is {known[name]}, which keeps no row over a crash" for name in sorted(tables))
