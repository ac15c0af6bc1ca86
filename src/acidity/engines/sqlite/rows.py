"""Read the rows, keys and declared constraints of a SQLite database as core values."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from acidity.core.outcome import Rule, State, Table, Violation

_CHECK = re.compile(r"\bCHECK\s*\(", re.IGNORECASE)
_IN_HEADER = ("user_version", "application_id")
_OBJECTS = (
    "SELECT type, name, tbl_name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name"
)


@dataclass(frozen=True, slots=True)
class Shape:
    """What a table looks like, apart from its rows."""

    columns: tuple[str, ...]
    key: tuple[str, ...]
    references: tuple[tuple[str, tuple[str, str]], ...]
    select: str


def quoted(name: str) -> str:
    """An identifier in double quotes."""
    return '"' + name.replace('"', '""') + '"'


class RowReader:
    """Reads states; remembers the shape of tables as long as the schema's text stays the same.

    Attributes:
        header: the program sets what stands in the header of the file.
        sequences: the program writes ``sqlite_sequence`` itself, so what stands there counts. Otherwise only INSERT
            does, and a number that was handed out in vain is no matter.
    """

    def __init__(self) -> None:
        self.header = self.sequences = False
        self._kept: dict[tuple[str, str], str] = {}
        self._schema: list[Any] = []
        self._shapes: dict[str, Shape] = {}

    def read(self, connection: sqlite3.Connection) -> State:
        """The rows of every table, and the schema itself as one more table."""
        objects = connection.execute(_OBJECTS).fetchall()
        if objects != self._schema:
            self._shapes = {name: _shape(connection, name) for kind, name, _, _ in objects if kind == "table"}
            self._schema = objects
        tables = {
            name: Table(
                shape.columns,
                shape.key,
                dict(shape.references),
                tuple(sorted(connection.execute(shape.select).fetchall(), key=repr)),
            )
            for name, shape in self._shapes.items()
        }
        kept = self._kept_elsewhere(connection)
        schema = tuple(sorted([*((kind, name, sql) for kind, name, _, sql in objects), *kept], key=repr))
        tables["sqlite_schema"] = Table(("type", "name", "sql"), (), {}, schema, describes="name")
        return State(tables)

    def keep(self, connection: sqlite3.Connection) -> None:
        """What the file keeps outside of tables is from now on compared with what it is now."""
        self._kept = _in_header(connection) | _in_sequences(connection)

    def _kept_elsewhere(self, connection: sqlite3.Connection) -> Iterator[tuple[str, str, str]]:
        """What is not as it was, of what the program sets."""
        asked = {"pragma": self.header, "sequence": self.sequences}
        now = (_in_header(connection) if self.header else {}) | (_in_sequences(connection) if self.sequences else {})
        for kind, name in now.keys() | {key for key in self._kept if asked[key[0]]}:
            if self._kept.get((kind, name)) != now.get((kind, name)):
                yield kind, name, now.get((kind, name), "")


def _in_header(connection: sqlite3.Connection) -> dict[tuple[str, str], str]:
    return {("pragma", name): str(connection.execute(f"PRAGMA {name}").fetchone()[0]) for name in _IN_HEADER}


def _in_sequences(connection: sqlite3.Connection) -> dict[tuple[str, str], str]:
    """The table exists as soon as one with AUTOINCREMENT does."""
    if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'sqlite_sequence'").fetchone() is None:
        return {}
    found = connection.execute("SELECT name, seq FROM sqlite_sequence").fetchall()
    return {("sequence", str(name)): str(number) for name, number in found}


def _shape(connection: sqlite3.Connection, table: str) -> Shape:
    info = connection.execute(f"PRAGMA table_xinfo({quoted(table)})").fetchall()
    columns = tuple(str(row[1]) for row in info if row[6] != 1)
    key = tuple(str(row[1]) for row in sorted((row for row in info if row[5]), key=lambda row: int(row[5])))
    references = []
    for row in connection.execute(f"PRAGMA foreign_key_list({quoted(table)})").fetchall():
        target = row[4] or _primary_key(connection, row[2], int(row[1]))
        references.append((str(row[3]), (str(row[2]), str(target))))
    select = f"SELECT {', '.join(map(quoted, columns))} FROM {quoted(table)}"
    return Shape(columns, key, tuple(sorted(references)), select)


def _primary_key(connection: sqlite3.Connection, table: str, position: int) -> str:
    """The column that a foreign key without a column name refers to."""
    info = connection.execute(f"PRAGMA table_xinfo({quoted(table)})").fetchall()
    key = [str(row[1]) for row in sorted((row for row in info if row[5]), key=lambda row: int(row[5]))]
    return key[position] if position < len(key) else "rowid"


def broken_constraints(connection: sqlite3.Connection) -> tuple[Violation, ...]:
    """Rows that break a declared constraint, whether or not this connection enforces it."""
    broken = []
    for table, rowid, parent, index in connection.execute("PRAGMA foreign_key_check").fetchall():
        columns = [row[3] for row in connection.execute(f"PRAGMA foreign_key_list({quoted(table)})") if row[0] == index]
        where = f"rowid {rowid}" if rowid is not None else "a row"
        seen = f"{table} {where}: {', '.join(columns)} points at no row of {parent}"
        broken.append(Violation(Rule.FOREIGN_KEY, seen))
    for (message,) in connection.execute("PRAGMA integrity_check(20)").fetchall():
        if message != "ok":
            broken.append(Violation(Rule.INTEGRITY, message))
    return tuple(sorted(broken, key=str))


def declared_constraints(connection: sqlite3.Connection) -> int:
    """How many constraints the schema declares: keys, unique, not null, check and foreign keys."""
    count = 0
    for name, sql in connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table'").fetchall():
        if name.startswith("sqlite_") or name == "alembic_version":
            continue
        info = connection.execute(f"PRAGMA table_xinfo({quoted(name)})").fetchall()
        count += any(row[5] for row in info)
        count += sum(1 for row in info if row[3] and not row[5])
        count += sum(1 for row in connection.execute(f"PRAGMA index_list({quoted(name)})") if row[2] and row[3] != "pk")
        count += len({row[0] for row in connection.execute(f"PRAGMA foreign_key_list({quoted(name)})")})
        count += len(_CHECK.findall(sql or ""))
    return count


@lru_cache(maxsize=256)
def deferred_foreign_keys(sql: str) -> bool:
    """Whether a CREATE TABLE declares a foreign key that is checked only at COMMIT."""
    return bool(re.search(r"\bINITIALLY\s+DEFERRED\b", sql or "", re.IGNORECASE))
