"""What of the tables of a Stage decides which rows a statement touches: their columns, and their unique keys."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

from acidity.core.outcome import Table
from acidity.prove.explore.classes.catalogues import schema_of
from acidity.prove.explore.classes.schema import Described
from acidity.prove.stage.stage import Stage


class StageTables:
    """The `Tables` of one database; its catalogue is asked as soon as a unique key matters.

    Args:
        stage: where they are.
        database: which one.
    """

    def __init__(self, stage: Stage, database: str) -> None:
        self._stage = stage
        self._database = database

    @cached_property
    def _described(self) -> Mapping[str, Described]:
        return schema_of(self._stage.parts[self._database]).tables

    def columns(self, table: str) -> tuple[str, ...] | None:
        """The columns of a table, in their order; None for what is no table."""
        known = self._known(table)
        return None if known is None else known[1].columns

    def keys(self, table: str) -> tuple[tuple[str, ...], ...]:
        """The columns of each unique key, those of the primary key first."""
        known = self._known(table)
        if known is None:
            return ()
        primary = (known[1].key,) if known[1].key else ()
        return (*primary, *self._others(*known).values())

    def constraint(self, table: str, name: str) -> tuple[str, ...]:
        """The columns of the unique key with this name; none where there is no such one."""
        known = self._known(table)
        return () if known is None else self._others(*known).get(name, ())

    def _known(self, name: str) -> tuple[str, Table] | None:
        tables = self._stage.seed.tables
        found = table_called(name, self._database, tables)
        return None if found is None else (found, tables[found])

    def _others(self, name: str, table: Table) -> dict[str, tuple[str, ...]]:
        """Unique keys but the primary one, by name; none where the catalogue may mean another table of that name."""
        last = name.lower().rpartition(".")[2]
        if sum(each.lower().rpartition(".")[2] == last for each in self._stage.seed.tables) > 1:
            return {}
        described = self._described.get(last)
        spelled = {column.lower(): column for column in table.columns}
        return {
            called: tuple(spelled[column] for column in columns)
            for called, columns in (described.by_name if described else {}).items()
            if all(column in spelled for column in columns)
        }


def table_called(name: str, database: str, tables: Mapping[str, Table]) -> str | None:
    """The table that a text means by a name, as the State calls it; None where there is none."""
    wanted = {name.lower(), name.lower().rpartition(".")[2]}
    inside = f"{database}." if database else ""
    return next((table for table in tables if table.lower().removeprefix(inside.lower()) in wanted), None)
