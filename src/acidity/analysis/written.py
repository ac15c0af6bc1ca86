"""Which columns the application itself gave values, read from the INSERT and UPDATE texts of a History."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from acidity.core.call import History
from acidity.core.outcome import Table
from acidity.core.row import cells_of

if TYPE_CHECKING:
    from sqlglot import exp

_FORMAT_PARAMETER = re.compile(r"%s|%\((\w+)\)s")
_OTHER_WORDS = re.compile(r"(?:replace(?=\s+into\b)|(update)\s+or\s+\w+)\b", re.IGNORECASE)
_NAME = r"""(?:"[^"]+"|`[^`]+`|\[[^\]]+\]|[\w$]+)"""
_INSERT = re.compile(
    rf"\b(?:insert|replace)\b[^(]*?\binto\s+((?:{_NAME}\s*\.\s*)*{_NAME})\s*(\([^()]*\))?\s*(default\s+values)?",
    re.IGNORECASE,
)
_UPDATE = re.compile(
    rf"\bupdate\s+(?:or\s+\w+\s+)?((?:{_NAME}\s*\.\s*)*{_NAME})\b.*?\bset\b(.*)", re.IGNORECASE | re.DOTALL
)
_ASSIGNED = re.compile(rf"({_NAME})\s*=")
# Values that the database makes although the text names the column: its clock, a sequence, a UUID, DEFAULT, and NULL
# (the old way of asking SQLite and MariaDB for the next key).
_MADE_BY_DATABASE = re.compile(
    r"^null$|\bdefault\b|\bcurrent_(timestamp|date|time|datetime)\b|\blocaltime(stamp)?\b|'now'"
    r"|\b(now|sysdate|getdate|curdate|curtime|unixepoch|utc_(timestamp|date|time)|(clock|statement|transaction)_timestamp"
    r"|nextval|uuid|uuidv7|gen_random_uuid|uuid_generate_v\w+)\s*\(",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"\b(?:nextval|lastval|currval)\s*\(|\b(?:next|previous)\s+value\s+for\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Write:
    """What one text does to one table: the columns it names (None: all), and which of them it gives a value itself."""

    table: str
    columns: tuple[str, ...] | None
    supplied: tuple[bool, ...] = ()

    def supplies(self, table: Table) -> Iterator[str]:
        for index, name in enumerate(table.columns if self.columns is None else self.columns):
            if index >= len(self.supplied) or self.supplied[index]:
                yield name.lower()


def supplied_columns(history: History, tables: Mapping[str, Table]) -> frozenset[tuple[str, str]]:
    """The columns that some INSERT or UPDATE gave a value made by the application.

    A column that a callable default filled (``Call.defaulted``), that the text leaves out, or that it sets to a
    function of the database such as ``CURRENT_TIMESTAMP`` or ``nextval`` is not one of them.

    Args:
        history: the Calls of a run.
        tables: the tables of the database, by name.

    Returns:
        Pairs of table and column, spelled as in `tables`.
    """
    found: set[tuple[str, str]] = set()
    for call in (event.call for event in history):
        if not call.writes:
            continue
        defaulted = {name.lower() for name in call.defaulted}
        for write in _writes(call.sql):
            for name in _spelled(write.table, tables, call.database):
                given = set(write.supplies(tables[name])) - defaulted
                found.update((name, column) for column in tables[name].columns if column.lower() in given)
    return frozenset(found)


def fetches_a_number(sql: str) -> bool:
    """Whether this text asks a sequence for a number."""
    return _NUMBER.search(sql) is not None


def fetched_numbers(history: History) -> frozenset[int]:
    """The numbers that sequences gave to the application, as far as its rows were kept (``Actor.records``)."""
    rows = (event.reply.rows or () for event in history if fetches_a_number(event.call.sql))
    return frozenset(cell for answer in rows for row in answer for cell in cells_of(row) if type(cell) is int)


def _spelled(name: str, tables: Iterable[str], database: str) -> list[str]:
    """The tables that a text may mean by that name, as `tables` spells them.

    A name with a schema means the table that `tables` knows with it, or else the one of the default schema, which has
    none there. A name without may mean a table of any schema, for a text does not tell the search path; to take a
    column for the application's means only to compare it. Where there are several databases, it is a table in the one
    that the text was sent to.
    """
    inside = f"{database}.".lower() if database else ""
    wanted = name.lower()
    here = {each.lower().removeprefix(inside): each for each in tables if each.lower().startswith(inside)}
    last = wanted.rpartition(".")[2]
    if wanted != last:
        exact = here.get(wanted) or here.get(last)
        if exact is not None:
            return [exact]
    return [each for known, each in here.items() if known.rpartition(".")[2] == last]


def readable(sql: str) -> str:
    """A text of a driver with the parameters that the parser knows."""
    return _FORMAT_PARAMETER.sub(lambda match: f":{match[1]}" if match[1] else "?", sql)


@lru_cache(maxsize=4096)
def _writes(sql: str) -> tuple[_Write, ...]:
    text = readable(sql)
    text = _OTHER_WORDS.sub(lambda match: match[1] or "insert", text)
    tree = parsed(text)
    found = tuple(_read(tree)) if tree is not None else ()
    return found or tuple(_guess(text))


def parsed(text: str) -> exp.Expr | None:
    """The text as a tree, in whichever dialect it can be read."""
    import sqlglot

    for dialect in ("sqlite", "postgres", "mysql"):
        try:
            return sqlglot.parse_one(text, read=dialect, error_level=sqlglot.ErrorLevel.RAISE)
        except sqlglot.errors.SqlglotError:
            continue
    return None


def _read(tree: exp.Expr) -> Iterator[_Write]:
    from sqlglot import exp

    for insert in tree.find_all(exp.Insert):
        merge = insert.find_ancestor(exp.Merge)
        target = merge.this if merge else insert.this
        name = _name(target)
        yield _inserted(insert, name)
        if conflict := insert.args.get("conflict"):
            yield from _assigned(name, conflict.expressions)
    for update in tree.find_all(exp.Update):
        merge = update.find_ancestor(exp.Merge)
        yield from _assigned(_name(merge.this if merge else update.this), update.expressions)


def _name(target: Any) -> str:
    from sqlglot import exp

    table = target.this if isinstance(target, exp.Schema) else target
    return ".".join(part.name for part in table.parts) if isinstance(table, exp.Table) else str(table.name)


def _inserted(insert: exp.Insert, name: str) -> _Write:
    from sqlglot import exp

    if insert.args.get("default"):
        return _Write(name, ())
    named = insert.this.expressions if isinstance(insert.this, exp.Schema | exp.Tuple) else ()
    columns = tuple(column.name for column in named) or None
    source = insert.expression
    if isinstance(source, exp.Values):
        rows = [row.expressions if isinstance(row, exp.Tuple) else [row] for row in source.expressions]
    else:
        rows = [source.expressions] if isinstance(source, exp.Select | exp.Tuple) else []
    if any(isinstance(value, exp.Star) for row in rows for value in row):
        return _Write(name, columns)
    # A column is the application's as soon as one of the rows gives it a value.
    return _Write(name, columns, tuple(not all(map(_made_by_database, cells)) for cells in zip(*rows, strict=False)))


def _assigned(table: str, assignments: list[Any]) -> Iterator[_Write]:
    from sqlglot import exp

    for assignment in assignments:
        if isinstance(assignment, exp.EQ):
            left = assignment.this
            columns = [part.name for part in (left.expressions if isinstance(left, exp.Tuple) else [left])]
            yield _Write(table, tuple(columns), (not _made_by_database(assignment.expression),) * len(columns))


def _made_by_database(value: exp.Expr) -> bool:
    from sqlglot import exp

    if isinstance(value, exp.Column):
        # `excluded.x` is what the INSERT part of the same text gave, and is counted there.
        return value.table.lower() == "excluded" or value.name.lower() == "default"
    if value.find(exp.Placeholder, exp.Column, exp.Subquery, exp.Parameter):
        return False
    return _MADE_BY_DATABASE.search(value.sql()) is not None


def _guess(text: str) -> Iterator[_Write]:
    """The same from the shape of the text alone, where the parser gives up; every value counts as the application's.

    But for those that a block inserts which fetches a number itself, ``DO $$ … nextval(…) … INSERT … $$``.
    """
    for insert in _INSERT.finditer(text):
        names = tuple(map(_bare, insert[2][1:-1].split(","))) if insert[2] else None
        yield _Write(_dotted(insert[1]), () if insert[3] or fetches_a_number(text) else names)
    for update in _UPDATE.finditer(text):
        yield _Write(_dotted(update[1]), tuple(_bare(match[1]) for match in _ASSIGNED.finditer(update[2])))


def _dotted(name: str) -> str:
    return ".".join(_bare(part) for part in name.split("."))


def _bare(name: str) -> str:
    return name.strip().strip('"`[]')
