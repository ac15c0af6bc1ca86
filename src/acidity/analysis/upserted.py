"""Which rows an upsert finds and writes, by the key that it names: INSERT … ON CONFLICT, ON DUPLICATE KEY, REPLACE.

One that writes the values that were there shows in no comparison of rows, like an UPDATE that does (`touched`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from acidity.analysis.touched import Assigned, Query
from acidity.analysis.written import parsed, readable
from acidity.core.call import Call

if TYPE_CHECKING:
    from sqlglot import exp

_REPLACE = re.compile(r"^\s*replace\s+into\b", re.IGNORECASE)
_MAY_BE_ONE = re.compile(r"\breplace\b|\bconflict\b|\bduplicate\b", re.IGNORECASE)
_GIVEN = "excluded"  # what PostgreSQL and SQLite call the row that was to be inserted


@dataclass(frozen=True, slots=True)
class Upsert:
    """One text.

    Attributes:
        table: its table, as it names it.
        columns: those of each row that it brings; empty for all of the table, in their order.
        rows: the cells of each row: a literal as SQL, the name of a parameter, or the place of one by position; None
            for anything else.
        key: the columns that it names as those that tell rows apart; empty for the primary key.
        assigned: the columns that a row gets which was there; None for all that it brings.
        blind: those of them whose new value does not depend on what stands there.
    """

    table: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str | int | None, ...], ...]
    key: tuple[str, ...]
    assigned: frozenset[str] | None
    blind: frozenset[str]

    @property
    def called(self) -> str:
        """The table without quotes."""
        return self.table.replace('"', "").replace("`", "")


def upserted_by(call: Call, columns: Sequence[str], key: Sequence[str]) -> tuple[Query, ...]:
    """Queries for the rows that were there, one for each row that an upsert brings; nothing for any other text.

    Args:
        call: what was asked.
        columns: of its table, in their order.
        key: the primary key of that.
    """
    upsert = upsert_in(call.sql)
    if upsert is None:
        return ()
    brought, wanted = upsert.columns or tuple(name.lower() for name in columns), upsert.key or tuple(key)
    if not wanted or not all(name.lower() in brought for name in wanted):
        return ()
    places = [brought.index(name.lower()) for name in wanted]
    every = call.params if call.many and isinstance(call.params, Sequence) else [call.params]
    return tuple(
        query
        for params in every
        for row in upsert.rows
        if (query := _query(call.sql, upsert, wanted, [_cell(row, place) for place in places], params))
    )


def assigned_by_upsert(sql: str, columns: Sequence[str]) -> Assigned | None:
    """The columns that a row gets which was there; None for any other text."""
    upsert = upsert_in(sql)
    if upsert is None:
        return None
    if upsert.assigned is None:
        every = frozenset(upsert.columns or (name.lower() for name in columns))
        return Assigned(every, every)
    return Assigned(upsert.assigned, upsert.blind)


def _cell(row: tuple[str | int | None, ...], place: int) -> str | int | None:
    return row[place] if place < len(row) else None


def _query(
    sql: str, upsert: Upsert, names: Sequence[str], cells: Sequence[str | int | None], params: Any
) -> Query | None:
    """The rows with this key, in the style of parameters that the text has."""
    found: list[str] = []
    values: list[Any] = []
    own: dict[str, Any] = {}
    for name, cell in zip(names, cells, strict=True):
        if isinstance(cell, int):
            if isinstance(params, Mapping) or not isinstance(params, Sequence) or cell >= len(params):
                return None
            values.append(params[cell])
            found.append(f"{name} = {'%s' if '%s' in sql else '?'}")
        elif cell is not None and cell.startswith(":"):
            called = cell[1:]
            if not isinstance(params, Mapping) or called not in params:
                return None
            own[called] = params[called]
            found.append(f"{name} = {f'%({called})s' if f'%({called})s' in sql else cell}")
        elif cell is not None:
            found.append(f"{name} = {cell}")
        else:
            return None
    text = f"SELECT * FROM {upsert.table} WHERE {' AND '.join(found)}"  # noqa: S608 - parts of the program's own text
    return Query(text, own or tuple(values), upsert.called)


@lru_cache(maxsize=1024)
def upsert_in(sql: str) -> Upsert | None:
    """The upsert that a text is; None if it is none, or brings its rows in another way than as values."""
    from sqlglot import exp

    if not _MAY_BE_ONE.search(sql):
        return None
    tree = parsed(_REPLACE.sub("INSERT OR REPLACE INTO", readable(sql)))
    if not isinstance(tree, exp.Insert) or not isinstance(tree.expression, exp.Values) or tree.args.get("with_"):
        return None
    conflict = tree.args.get("conflict")
    replaces = str(tree.args.get("alternative") or "").upper() == "REPLACE"
    if not (conflict.expressions if conflict is not None else replaces):
        return None
    named = tree.this.expressions if isinstance(tree.this, exp.Schema) else ()
    target = tree.this.this if isinstance(tree.this, exp.Schema) else tree.this
    if not isinstance(target, exp.Table) or (conflict is not None and conflict.args.get("constraint")):
        return None
    table = exp.Table(this=target.this, db=target.args.get("db"))
    assigned, blind = (None, frozenset[str]()) if conflict is None else _assigned(conflict)
    return Upsert(
        table.sql("mysql" if "`" in sql else "postgres"),
        tuple(column.name.lower() for column in named),
        tuple(_rows(tree.expression)),
        () if conflict is None else tuple(map(_column, conflict.args.get("conflict_keys") or ())),
        assigned,
        blind,
    )


def _rows(values: exp.Values) -> Iterator[tuple[str | int | None, ...]]:
    from sqlglot import exp

    place = 0
    for row in values.expressions:
        cells: list[str | int | None] = []
        for cell in row.expressions if isinstance(row, exp.Tuple) else [row]:
            holders = [each for each in cell.walk(bfs=False) if isinstance(each, exp.Placeholder)]
            if cell in holders:
                cells.append(place if cell.this is None else f":{cell.this}")
            else:
                literal = isinstance(cell.this if isinstance(cell, exp.Neg) else cell, exp.Literal)
                cells.append(cell.sql() if literal else None)
            place += sum(each.this is None for each in holders)
        yield tuple(cells)


def _column(key: exp.Expr) -> str:
    """The column of a key; what is no plain column is none of its table's."""
    from sqlglot import exp

    column = key.this if isinstance(key, exp.Ordered) else key
    return column.name.lower() if isinstance(column, exp.Column | exp.Identifier) else ""


def _assigned(conflict: exp.Expr) -> tuple[frozenset[str], frozenset[str]]:
    """What the row that was there gets; a value of the row that was to be inserted is the program's own."""
    from sqlglot import exp

    columns: set[str] = set()
    blind: set[str] = set()
    for assignment in conflict.expressions:
        if isinstance(assignment, exp.EQ):
            name, value = assignment.this.name.lower(), assignment.expression
            columns.add(name)
            own = all(column.table.lower() == _GIVEN for column in value.find_all(exp.Column))
            if own and value.find(exp.Subquery) is None:
                blind.add(name)
    return frozenset(columns), frozenset(blind)
