"""Tables as the analysis of texts knows them."""

from __future__ import annotations

from typing import Any

from acidity.core.call import Call, Kind, Writes


class KnownTables:
    """`t` and `u` with a primary key alone, `codes` with a second unique key, named `k`; `my t`; `odd`, with a capital."""

    _COLUMNS = {
        "t": ("id", "v", "n"),
        "u": ("id", "v", "n"),
        "codes": ("id", "code", "v"),
        "my t": ("x", "y"),
        "odd": ("K", "v"),
    }

    def columns(self, table: str) -> tuple[str, ...] | None:
        return self._COLUMNS.get(table.rpartition(".")[2].lower())

    def keys(self, table: str) -> tuple[tuple[str, ...], ...]:
        return (("id",), ("code",)) if table.endswith("codes") else (("id",),)

    def constraint(self, table: str, name: str) -> tuple[str, ...]:
        return ("code",) if (table, name) == ("codes", "k") else ()


def write(sql: str, params: Any = None, *, many: bool = False) -> Call:
    """A writing Call."""
    return Call("A", 1, Kind.STATEMENT, sql, params, many=many, writes=Writes.YES)
