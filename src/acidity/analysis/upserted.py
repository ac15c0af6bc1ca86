"""Which rows an upsert finds, by the keys that it may meet on: INSERT … ON CONFLICT, ON DUPLICATE KEY, IGNORE, REPLACE.

One that writes the values that were there shows in no comparison of rows, like an UPDATE that does (`touched`). One
that does nothing where there is a row has seen that there is one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from acidity.analysis.parts import Part, assignments, name_of, parts_of
from acidity.analysis.questions import Query
from acidity.analysis.touched import Act, Assigned, Tables, Touched, assigned_by, inner_queries
from acidity.core.call import Call

if TYPE_CHECKING:
    from sqlglot import exp

_BROUGHT = "acidity_brought"  # what a query of rows is called that are brought
_GIVEN = "excluded"  # what PostgreSQL and SQLite call the row that was to be inserted
_GIVEN_CALLS = frozenset({"values", "value"})  # MariaDB's function for a column of it


@dataclass(frozen=True, slots=True)
class _Upsert:
    """An INSERT that knows what to do where there is a row.

    Attributes:
        table: its table.
        rows: the cells of each row that it brings, by column.
        keys: those that it may meet on.
        act: what it does with a row that is there.
        assigned: the columns which that gets.
        condition: what must hold for it.
        single: it takes one row at most.
        source: the query that brings the rows, each cell named by its column; None where they are brought as values.
        inner: what it asks beside for the row that is there.
    """

    table: exp.Expr
    rows: Sequence[dict[str, exp.Expr]]
    keys: Sequence[Sequence[str]]
    act: Act
    assigned: Assigned
    condition: exp.Expr | None = None
    single: bool = True
    source: exp.Subquery | None = None
    inner: tuple[Query, ...] = ()


def upserted_by(call: Call, engine: str, tables: Tables) -> tuple[Touched, ...]:
    """The rows that were there, for each row that an upsert brings; nothing for any other text.

    Args:
        call: what was sent.
        engine: to which engine.
        tables: what is known of its tables.
    """
    return tuple(touched for part in parts_of(call, engine) for touched in _found(part, tables))


def _found(part: Part, tables: Tables) -> Iterator[Touched]:
    upsert = _read(part, tables)
    for row in upsert.rows if upsert is not None else ():
        assert upsert is not None
        select = _selecting(part, upsert, row)
        rows = None if select is None else part.asked(select, name_of(upsert.table))
        if rows is not None:
            asks = upsert.source is not None
            others = frozenset() if upsert.source is None else _tables_in(upsert.source)
            single = upsert.single and not asks
            found = Touched(
                rows, upsert.act, upsert.assigned, by_key=not asks, single=single, joined=asks, others=others
            )
            yield replace(found, inner=upsert.inner)


def _selecting(part: Part, upsert: _Upsert, row: dict[str, exp.Expr]) -> exp.Select | None:
    """The rows that have one of the keys of a row that is brought; None where it brings no whole key."""
    from sqlglot import exp

    met = [_equal(upsert, key, row) for key in upsert.keys if all(name.lower() in row for name in key)]
    if not met or any(each is None for each in met):
        return None
    condition: exp.Expr = exp.or_(*[each for each in met if each is not None])
    if upsert.condition is not None:
        wanted = _with_given(upsert.condition, row)
        if wanted is None:
            return None
        condition = exp.and_(condition, wanted)
    if upsert.source is None:
        return exp.select("*", dialect=part.of.dialect).from_(upsert.table.copy()).where(condition)
    own = exp.Column(this=exp.Star(), table=exp.to_identifier(upsert.table.alias_or_name, quoted=True))
    asked = exp.select(own, dialect=part.of.dialect).from_(upsert.table.copy())
    return asked.join(upsert.source.copy(), join_type="cross").where(condition)


def _equal(upsert: _Upsert, key: Sequence[str], row: dict[str, exp.Expr]) -> exp.Expr | None:
    """That a row has this key; None where a cell of it is no value of the program's own, nor one that was asked for."""
    from sqlglot import exp

    cells = [row[name.lower()] for name in key]
    if upsert.source is None and any(cell.find(exp.Column, exp.Query, exp.Func) for cell in cells):
        return None
    table = upsert.table.alias_or_name if upsert.source is not None else None
    columns = (exp.column(name, table=table, quoted=True) for name in key)
    return exp.and_(*[exp.EQ(this=column, expression=cell.copy()) for column, cell in zip(columns, cells, strict=True)])


def _with_given(condition: exp.Expr, row: dict[str, exp.Expr]) -> exp.Expr | None:
    """A condition with what the row was to be in the place of its name; None where that is not known."""
    from sqlglot import exp

    known = True

    def given(node: exp.Expr) -> exp.Expr:
        nonlocal known
        if isinstance(node, exp.Column) and node.table.lower() == _GIVEN:
            known = known and node.name.lower() in row
            return row.get(node.name.lower(), node).copy()
        return node

    changed = condition.copy().transform(given)
    return changed if known else None


def _read(part: Part, tables: Tables) -> _Upsert | None:
    """The upsert that a part is; None if it is none, or brings its rows neither as values nor by one SELECT."""
    from sqlglot import exp

    node = part.node
    if not isinstance(node, exp.Insert) or not isinstance(node.expression, exp.Values | exp.Select):
        return None
    target = node.this.this if isinstance(node.this, exp.Schema) else node.this
    columns = tables.columns(name_of(target)) if isinstance(target, exp.Table) else None
    if columns is None:
        return None
    named = node.this.expressions if isinstance(node.this, exp.Schema) else ()
    brought = [each.name.lower() for each in named] or [name.lower() for name in columns]
    source = _source(node.expression, brought) if isinstance(node.expression, exp.Select) else None
    rows: list[dict[str, exp.Expr]]
    if source is not None:
        rows = [{name: exp.column(name, table=_BROUGHT, quoted=True) for name in brought}]
    elif isinstance(node.expression, exp.Values):
        rows = [dict(_cells(brought, row)) for row in node.expression.expressions]
    else:
        return None
    conflict = node.args.get("conflict")
    way = str(node.args.get("alternative") or "").upper()
    looks = _Upsert(target, rows, tables.keys(name_of(target)), Act.LOOKS, Assigned(), single=False, source=source)
    if conflict is not None:
        inner = tuple(inner_queries(part, [*conflict.expressions, conflict.args.get("where")]))
        return _on_conflict(conflict, replace(looks, single=True, inner=inner), tables)
    if way == "REPLACE":
        every = frozenset(name.lower() for name in columns)  # those that it does not bring are as in a new row
        return replace(looks, act=Act.REPLACES, assigned=Assigned(every, every))
    return looks if way == "IGNORE" or node.args.get("ignore") else None


def _source(select: exp.Select, brought: Sequence[str]) -> exp.Subquery | None:
    """A SELECT whose cells are called like the columns for which they are; None where it does not name each."""
    from sqlglot import exp

    cells = select.expressions
    if len(cells) != len(brought) or any(each.is_star for each in cells):
        return None
    asked = select.copy()
    named = (exp.alias_(each.unalias().copy(), name, quoted=True) for each, name in zip(cells, brought, strict=True))
    asked.set("expressions", list(named))
    return exp.Subquery(this=asked, alias=exp.TableAlias(this=exp.to_identifier(_BROUGHT, quoted=True)))


def _tables_in(query: exp.Expr) -> frozenset[str]:
    from sqlglot import exp

    return frozenset(table.name.lower() for table in query.find_all(exp.Table))


def _cells(brought: Sequence[str], row: exp.Expr) -> Iterator[tuple[str, exp.Expr]]:
    """The cells of a row that is brought, but those that the database makes."""
    from sqlglot import exp

    for name, cell in zip(brought, row.expressions if isinstance(row, exp.Tuple) else [row], strict=False):
        if not (isinstance(cell, exp.Column | exp.Var) and cell.name.lower() == "default"):
            yield name, cell


def _on_conflict(conflict: exp.Expr, upsert: _Upsert, tables: Tables) -> _Upsert | None:
    """What is done on a conflict, and on which: with the keys that it names, or else with any."""
    from sqlglot import exp

    keys: Sequence[Sequence[str]]
    if conflict.args.get("index_predicate") is not None:
        return None
    if conflict.args.get("constraint") is not None:
        found = tables.constraint(name_of(upsert.table), conflict.args["constraint"].name)
        keys = [found] if found else []
    elif conflict.args.get("conflict_keys"):
        called = {name.lower(): name for name in tables.columns(name_of(upsert.table)) or ()}
        keys = [[called.get(name, name) for name in map(_column, conflict.args["conflict_keys"])]]
    else:
        keys = tables.keys(name_of(upsert.table))
    if not conflict.expressions:
        return replace(upsert, keys=keys, single=False)
    given = list(assignments(conflict.expressions))
    where = conflict.args.get("where")
    return replace(
        upsert,
        keys=keys,
        act=Act.CHANGES,
        assigned=assigned_by(given, lambda column: not _is_given(column)),
        condition=where.this if isinstance(where, exp.Where) else where,
    )


def _is_given(column: exp.Expr) -> bool:
    """Whether a column is one of the row that was to be inserted, and none of the row that was there."""
    from sqlglot import exp

    call = column.find_ancestor(exp.Anonymous)
    return column.text("table").lower() == _GIVEN or (call is not None and call.name.lower() in _GIVEN_CALLS)


def _column(key: exp.Expr) -> str:
    """The column of a key; what is no plain column is none of its table's."""
    from sqlglot import exp

    column = key.this if isinstance(key, exp.Ordered) else key
    return column.name.lower() if isinstance(column, exp.Column | exp.Identifier) else ""


def brought_by(call: Call, engine: str) -> tuple[Query, ...]:
    """The queries within that by which an INSERT brings its rows, which decide whether and with what it does.

    Args:
        call: what was sent.
        engine: to which engine.
    """
    from sqlglot import exp

    return tuple(
        query
        for part in parts_of(call, engine)
        if isinstance(part.node, exp.Insert) and isinstance(part.node.expression, exp.Select | exp.Values)
        for query in inner_queries(part, part.node.expression.iter_expressions())
    )
