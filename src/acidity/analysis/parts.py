"""The parts of a statement that change rows: at its top, or within its WITH; and how a part is asked about.

A part is asked with the named queries before it. What changes rows itself is never asked, nor what names it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from acidity.analysis.fetched import Rows
from acidity.analysis.questions import Query
from acidity.analysis.statements import Statement, statement_of
from acidity.core.call import Call

if TYPE_CHECKING:
    from sqlglot import exp


def parts_of(call: Call, engine: str) -> Iterator[Part]:
    """The changes of rows in what was sent, for each set of parameters."""
    from sqlglot import exp

    statement = statement_of(call.sql, engine)
    if statement is None:
        return
    found = [
        node
        for node in statement.tree.find_all(exp.Update, exp.Delete, exp.Merge, exp.Insert)
        if not isinstance(node.parent, exp.When)
    ]
    for params in call.params if call.many and isinstance(call.params, Sequence) else [call.params]:
        for node in found:
            before, hidden, recursive = _named_before(node)
            yield Part(statement, node, params, before, hidden, recursive)


def asked_beside(call: Call, engine: str) -> Query | None:
    """What a SELECT asks of the committed rows that changes other rows in its WITH; None for any other text."""
    from sqlglot import exp

    statement = None if call.many else statement_of(call.sql, engine)
    if statement is None or not isinstance(statement.tree, exp.Select) or statement.tree.args.get("with_") is None:
        return None
    before, hidden, recursive = _named_before(statement.tree)
    select = statement.tree.copy()
    select.set("with_", None)
    asks = select.find(exp.Table) is not None
    return Part(statement, statement.tree, call.params, before, hidden, recursive).asked(select) if asks else None


@dataclass(frozen=True, slots=True)
class Part:
    """One change of rows in a statement.

    Attributes:
        of: the statement.
        node: what changes rows.
        params: of the statement.
        before: the named queries that it may use.
        hidden: the names of those that change rows themselves, which cannot be asked.
    """

    of: Statement
    node: exp.Expr
    params: Any
    before: tuple[exp.Expr, ...] = ()
    hidden: frozenset[str] = frozenset()
    recursive: bool = False

    def asked(self, select: exp.Expr, table: str = "") -> Query | None:
        """A query as a question behind what its statement names in its WITH, where that can be asked."""
        from sqlglot import exp

        if any(not each.text("db") and each.name.lower() in self.hidden for each in select.find_all(exp.Table)):
            return None
        if self.before:
            select.set("with_", exp.With(expressions=[each.copy() for each in self.before], recursive=self.recursive))
        return self.of.question(select, self.params, table)

    def with_more(self, values: Sequence[Any]) -> tuple[Part | None, list[exp.Expr]]:
        """The part with more parameters, and what stands for these; None where its own are not known."""
        statement, params, places = self.of.with_more(self.params, values)
        return (None if statement is None else replace(self, of=statement, params=params)), places


@dataclass(frozen=True, slots=True)
class Search:
    """How rows were looked for.

    Attributes:
        part: of which statement.
        called: what that calls their table.
        rows: the query for them.
        values: the query for what they get.
    """

    part: Part
    called: str
    rows: exp.Expr
    values: exp.Expr | None

    def among(self, select: exp.Expr, columns: Sequence[str], rows: Rows, table: str) -> Query | None:
        """One of the queries with these rows in the place of its table."""
        from sqlglot import exp

        asked = select.copy()
        found = [
            each
            for each in (asked.args["from_"].this, *(join.this for join in asked.args.get("joins") or []))
            if isinstance(each, exp.Table) and each.alias_or_name.lower() == self.called.lower()
        ]
        part, held = self.part.with_more([cell for row in rows for cell in row])
        if len(found) != 1 or part is None:
            return None
        lines = [
            exp.select(*(exp.alias_(cell, name, quoted=True) for name, cell in zip(columns, cells, strict=True)))
            for cells in zip(*[iter(held)] * len(columns), strict=True)
        ]
        whole = lines[0] if len(lines) == 1 else exp.union(*lines, distinct=False)
        alias = found[0].args.get("alias")
        name = alias.this if alias is not None else found[0].this
        found[0].replace(exp.Subquery(this=whole, alias=exp.TableAlias(this=name.copy())))
        return part.asked(asked, table)


def assignments(equals: Iterable[exp.Expr]) -> Iterator[tuple[exp.Expr, exp.Expr]]:
    """The column and its value of each assignment; several of one value have it in common."""
    from sqlglot import exp

    for each in equals:
        if isinstance(each, exp.EQ) and isinstance(each.this, exp.Column):
            yield each.this, each.expression
        elif isinstance(each, exp.EQ) and isinstance(each.this, exp.Tuple):
            columns, given = each.this.expressions, each.expression
            several = given.expressions if isinstance(given, exp.Tuple) else []
            values = several if len(several) == len(columns) else [given] * len(columns)
            yield from ((column, value) for column, value in zip(columns, values, strict=True))


def name_of(table: exp.Expr) -> str:
    """A table as it is called, without quotes."""
    schema = table.text("db")
    return f"{schema}.{table.name}" if schema else str(table.name)


def _named_before(node: exp.Expr) -> tuple[tuple[exp.Expr, ...], frozenset[str], bool]:
    """The named queries that a part may use: its own, and those before it where it is in a WITH itself."""
    from sqlglot import exp

    own = node.args.get("with_")
    named = list(own.expressions) if own is not None else []
    recursive = bool(own is not None and own.args.get("recursive"))
    around = node.parent
    if isinstance(around, exp.CTE) and isinstance(around.parent, exp.With):
        every = around.parent.expressions
        named = [*every[: next(n for n, each in enumerate(every) if each is around)], *named]
        recursive = recursive or bool(around.parent.args.get("recursive"))
    changing = [each for each in named if each.find(exp.Insert, exp.Update, exp.Delete, exp.Merge)]
    hidden = {each.alias.lower() for each in changing}
    kept: list[exp.Expr] = []
    for each in named:
        if each not in changing and not any(table.name.lower() in hidden for table in each.find_all(exp.Table)):
            kept.append(each)
        else:
            hidden.add(each.alias.lower())
    return tuple(kept), frozenset(hidden), recursive
