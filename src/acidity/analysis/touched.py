"""Which rows a statement touches, which columns it gives which values, and what it takes those from.

A row that is written with the values that it had shows in no comparison of rows, and what is joined to an UPDATE,
DELETE or MERGE shows in no answer; questions with the same condition find both. A statement may hold several that
change rows, in its WITH. Of what cannot be asked nothing is said.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Protocol

from acidity.analysis.fetched import Rows
from acidity.analysis.parts import Part, Search, assignments, name_of, parts_of
from acidity.analysis.questions import Query
from acidity.core.call import Call

if TYPE_CHECKING:
    from sqlglot import exp

_ROWS_MAX = 50  # that are asked for as they were


@dataclass(frozen=True, slots=True)
class Assigned:
    """The columns to which a statement gives values.

    Attributes:
        columns: all of them.
        blind: those whose value does not depend on what stands there.
    """

    columns: frozenset[str] = frozenset()
    blind: frozenset[str] = frozenset()


class Act(Enum):
    """What a statement does with the rows that it finds.

    Attributes:
        CHANGES: it changes or deletes them.
        REPLACES: it deletes them, and puts another one in their place.
        LOOKS: it only sees that they are there.
    """

    CHANGES = "changes"
    REPLACES = "replaces"
    LOOKS = "looks"


@dataclass(frozen=True, slots=True)
class Touched:
    """Rows of one table that a statement finds.

    Attributes:
        rows: asks for them.
        act: what it does with them.
        assigned: the columns that they get.
        values: asks for what they get of other rows; None where they get nothing of these.
        joined: which rows they are hangs on rows of other tables, too.
        by_key: they are found by a unique key, which tells what is there now, whatever else its transaction sees.
        single: it takes one of them at most, so that nothing is known where there are several.
        others: the tables of other rows on which that hangs, in lower case and without a schema.
        search: how they were looked for, where that hangs on other rows.
        inner: what the statement asks beside, in queries that stand by themselves.
    """

    rows: Query
    act: Act = Act.CHANGES
    assigned: Assigned = Assigned()
    values: Query | None = None
    joined: bool = False
    by_key: bool = False
    single: bool = False
    others: frozenset[str] = frozenset()
    search: Search | None = None
    inner: tuple[Query, ...] = ()

    def as_it_was(self, columns: Sequence[str], rows: Rows) -> Iterator[tuple[Query, Query]]:
        """Each question, with one that asks the same of rows of its table as they were.

        Args:
            columns: of these rows.
            rows: what stood there.
        """
        if self.search is None or not 0 < len(rows) <= _ROWS_MAX:
            return
        for query, select in ((self.rows, self.search.rows), (self.values, self.search.values)):
            again = None if select is None else self.search.among(select, columns, rows, query.table if query else "")
            if query is not None and again is not None:
                yield query, again


class Tables(Protocol):
    """What is known of the tables of a database."""

    def columns(self, table: str) -> tuple[str, ...] | None:
        """The columns of a table, in their order; None for what is no table."""

    def keys(self, table: str) -> tuple[tuple[str, ...], ...]:
        """The columns of each unique key, those of the primary key first."""

    def constraint(self, table: str, name: str) -> tuple[str, ...]:
        """The columns of the unique key with this name; none where there is no such one."""


def touched_by(call: Call, engine: str, tables: Tables) -> tuple[Touched, ...]:
    """The rows that UPDATEs, DELETEs and MERGEs in a Call touch, for each set of parameters.

    Args:
        call: what was sent.
        engine: to which engine.
        tables: what is known of its tables.
    """
    from sqlglot import exp

    found: list[Touched] = []
    for part in parts_of(call, engine):
        if isinstance(part.node, exp.Merge):
            found += _merged(part, tables)
        elif isinstance(part.node, exp.Update | exp.Delete):
            found += _changed(part, tables)
    return tuple(found)


# UPDATE and DELETE


def _changed(part: Part, tables: Tables) -> Iterator[Touched]:
    from sqlglot import exp

    node = part.node
    sources = list(_sources(part))
    base = [table for source in sources for table in _beside(source)]
    equals = list(assignments(node.expressions)) if isinstance(node, exp.Update) else []
    for target in _targets(part, base, equals, tables):
        known = tables.columns(name_of(target))
        if known is None:
            continue
        mine = _Own(target, known, len(base) == 1)
        given = [(column, value) for column, value in equals if mine.has(column)]
        select = _select(["*"] if mine.alone else [f"{mine.quoted(part)}.*"], sources, part)
        for clause in ("where", "order", "limit"):
            if node.args.get(clause) is not None:
                select.set(clause, node.args[clause].copy())
        yield from _touched(part, select, mine, given)


def assigned_by(given: Iterable[tuple[exp.Expr, exp.Expr]], is_own: Callable[[exp.Expr], bool]) -> Assigned:
    """The columns of these assignments.

    Args:
        given: columns and values.
        is_own: whether a column in a value is one of the row that gets it; what is taken of others, and what a query
            within the value gives, may be as stale as what the program has computed.
    """
    from sqlglot import exp

    pairs = list(given)
    blind = {
        column.name.lower()
        for column, value in pairs
        if not any(
            isinstance(each, exp.Column) and is_own(each)
            for each in value.walk(prune=lambda node: isinstance(node, exp.Query))
        )
    }
    return Assigned(frozenset(column.name.lower() for column, _ in pairs), frozenset(blind))


@dataclass(frozen=True, slots=True)
class _Own:
    """The table that is written, among those that a statement joins."""

    target: exp.Expr
    columns: tuple[str, ...]
    alone: bool

    def has(self, column: exp.Expr) -> bool:
        """Whether a column is one of its own."""
        if column.args.get("table") is not None:
            return bool(column.args["table"].name.lower() == self.target.alias_or_name.lower())
        return self.alone or column.name.lower() in {name.lower() for name in self.columns}

    @property
    def called(self) -> str:
        """What the statement calls it."""
        return str(self.target.alias_or_name)

    def quoted(self, part: Part) -> str:
        """The same as it is written."""
        alias = self.target.args.get("alias")
        return str((alias.this if alias is not None else self.target.this).sql(part.of.dialect))


def _sources(part: Part) -> Iterator[exp.Expr]:
    """What a statement joins; its target at last where that stands by itself."""
    from sqlglot import exp

    node = part.node
    using = node.args.get("using") or []
    if isinstance(node, exp.Delete) and using:
        yield from using
        if part.of.dialect == "mysql":  # there, what stands behind USING holds the target
            return
    elif node.args.get("from_") is not None:
        yield node.args["from_"].this
    yield node.this


def _beside(source: exp.Expr) -> Iterator[exp.Expr]:
    """The tables and named queries of a source, side by side; not what is within a query of its own."""
    yield source
    for join in source.args.get("joins") or []:
        yield from _beside(join.this)


def _targets(
    part: Part, base: Sequence[exp.Expr], equals: Sequence[tuple[exp.Expr, exp.Expr]], tables: Tables
) -> Iterator[exp.Expr]:
    """The tables whose rows are changed, as they are called where they are joined."""
    from sqlglot import exp

    node = part.node
    joined = [each for each in base if isinstance(each, exp.Table)]
    if isinstance(node, exp.Delete) and (
        node.args.get("tables") or (node.args.get("using") and part.of.dialect == "mysql")
    ):
        wanted = node.args.get("tables") or list(_beside(node.this))
        names = {each.name.lower() for each in wanted}
        yield from (each for each in joined if each.alias_or_name.lower() in names)
    elif isinstance(node, exp.Update) and node.this.args.get("joins"):
        for each in joined:
            own = _Own(each, tables.columns(name_of(each)) or (), alone=False)
            if any(own.has(column) for column, _ in equals):
                yield each
    elif isinstance(node.this, exp.Table):
        yield node.this


def _select(asked: Sequence[str | exp.Expr], sources: Sequence[exp.Expr], part: Part) -> exp.Select:
    from sqlglot import exp

    select = exp.select(*asked, dialect=part.of.dialect)
    joins: list[exp.Expr] = []
    for number, source in enumerate(each.copy() for each in sources):
        beside = source.args.get("joins") or []
        source.set("joins", None)
        joins += [*([exp.Join(this=source, kind="CROSS")] if number else []), *beside]
        if number == 0:
            select.set("from_", exp.From(this=source))
    select.set("joins", joins)
    return select


def _taken(select: exp.Expr, mine: _Own, values: Iterable[exp.Expr]) -> exp.Expr | None:
    """Selects what these values take from other rows than the one that gets them; None where that is nothing."""
    taken = [each for value in values for each in _foreign(value, mine)]
    if not taken:
        return None
    asked = select.copy()
    asked.set("expressions", list({each.sql(): each.copy() for each in taken}.values()))
    return asked


def _touched(part: Part, select: exp.Expr, mine: _Own, given: Sequence[tuple[exp.Expr, exp.Expr]]) -> Iterator[Touched]:
    """The rows that are selected, and what they get."""
    from sqlglot import exp

    asked = part.asked(select.copy(), name_of(mine.target))
    if asked is None:
        return
    returned = part.node.args.get("returning")
    told = returned.expressions if returned is not None else []
    values = _taken(select, mine, [*(value for _, value in given), *told])
    nested = any(each is not select for each in select.find_all(exp.Query))
    joined = not mine.alone or nested or part.before != ()
    yield Touched(
        asked,
        assigned=assigned_by(given, mine.has),
        values=None if values is None else part.asked(values.copy()),
        joined=joined,
        others=_named_in([select, *part.before, *([values] if values is not None else [])], mine),
        search=Search(part, mine.called, select, values) if joined or values is not None else None,
        inner=tuple(inner_queries(part, [select.args.get("where"), select.args.get("from_"), *select.args["joins"]])),
    )


def inner_queries(part: Part, within: Iterable[exp.Expr | None]) -> Iterator[Query]:
    """The outermost queries in these, and those named before; of which one hangs on a row, it cannot be asked alone."""
    from sqlglot import exp

    found: list[exp.Expr] = [exp.select("*").from_(exp.table_(each.alias, quoted=True)) for each in part.before]
    for each in within:
        walked = () if each is None else each.walk(prune=lambda node: isinstance(node, exp.Query))
        found += [node.unnest() for node in walked if isinstance(node, exp.Query)]
    yield from (asked for each in found if (asked := part.asked(each.copy())) is not None)


def _foreign(value: exp.Expr, mine: _Own) -> Iterator[exp.Expr]:
    """The outermost queries in a value, and the columns of other tables."""
    from sqlglot import exp

    if isinstance(value, exp.Query | exp.Exists):
        yield value if isinstance(value, exp.Subquery | exp.Exists) else exp.Subquery(this=value.copy())
    elif isinstance(value, exp.Column):
        if not mine.has(value):
            yield value
    else:
        for each in value.iter_expressions():
            yield from _foreign(each, mine)


def _named_in(queries: Iterable[exp.Expr], mine: _Own) -> frozenset[str]:
    """The tables that queries name, but for the one that is written where it stands for its own rows."""
    from sqlglot import exp

    return frozenset(
        table.name.lower()
        for query in queries
        for table in query.find_all(exp.Table)
        if table.alias_or_name.lower() != mine.called.lower() or table.find_ancestor(exp.Query) is not query
    )


# MERGE


def _merged(part: Part, tables: Tables) -> Iterator[Touched]:
    """The rows of each WHEN; where one inserts what has no match, those that have one are looked at."""
    from sqlglot import exp

    node = part.node
    known = tables.columns(name_of(node.this)) if isinstance(node.this, exp.Table) else None
    if known is None:
        return
    mine = _Own(node.this, known, alone=False)
    passed: list[exp.Expr] = []  # the conditions of the WHENs before, which take a row first
    whens = node.args["whens"].expressions
    for when in whens:
        condition, then = when.args.get("condition"), when.args["then"]
        if not when.args.get("matched"):
            continue
        wanted = [*([condition.copy()] if condition is not None else []), *passed]
        passed.append(_not_true(condition) if condition is not None else exp.false())
        if isinstance(then, exp.Update) or then.name.upper() == "DELETE":
            given = list(assignments(then.expressions)) if isinstance(then, exp.Update) else []
            yield from _touched(part, _joining(part, mine, wanted), mine, given)
    made = [when.args["then"] for when in whens if isinstance(when.args["then"], exp.Insert)]
    if made:
        yield from _unmatched(part, mine, [value for each in made for value in each.expression.expressions])


def _not_true(condition: exp.Expr) -> exp.Expr:
    """That a condition is false or unknown."""
    from sqlglot import exp

    return exp.not_(exp.Is(this=exp.paren(condition.copy()), expression=exp.true()))


def _unmatched(part: Part, mine: _Own, values: Sequence[exp.Expr]) -> Iterator[Touched]:
    rows = part.asked(_joining(part, mine, ()), name_of(mine.target))
    if rows is not None:
        taken = _taken(_select([], [part.node.args["using"]], part), mine, values)
        others = _named_in([part.node.args["using"], *part.before], mine)
        asked = None if taken is None else part.asked(taken)
        yield Touched(rows, Act.LOOKS, values=asked, joined=True, others=others)


def _joining(part: Part, mine: _Own, wanted: Sequence[exp.Expr]) -> exp.Select:
    """The rows of the target that a MERGE matches, and for which all of this holds."""
    from sqlglot import exp

    select = _select([f"{mine.quoted(part)}.*"], [part.node.args["using"], part.node.this], part)
    conditions = [exp.paren(part.node.args["on"].copy()), *(exp.paren(each) for each in wanted)]
    select.set("where", exp.Where(this=exp.and_(*conditions, copy=False)))
    return select
