"""Which rows a question goes by in the SELECTs of its list and of its WITH, each asked by itself.

What stands in its own FROM says nothing of them: ``SELECT (SELECT sum(bal) FROM log WHERE acct = a.id) FROM acct a``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from acidity.analysis.correlated import joined, speaks_of_outside
from acidity.analysis.questions import Query
from acidity.analysis.scanned import rows_behind
from acidity.analysis.statements import parsed

if TYPE_CHECKING:
    from sqlglot import exp


@dataclass(frozen=True, slots=True)
class SubSelects:
    """The SELECTs within a question that its own FROM says nothing of.

    Attributes:
        asked: queries for the whole rows that they go by, each of one table.
        loose: the tables, in lower case and without schemas, of which some are not among these rows.
    """

    asked: tuple[Query, ...] = ()
    loose: frozenset[str] = frozenset()


def sub_selects_in(question: Query, engine: str) -> SubSelects:
    """Those of one question; nothing of a text that cannot be read."""
    from sqlglot import exp

    statement = parsed(question.sql, engine)
    if statement is None or not isinstance(statement.tree, exp.Select):
        return SubSelects()
    apart = [*statement.tree.selects, *filter(None, [statement.tree.args.get("with_")])]
    asked: list[Query] = []
    loose: set[str] = set()
    for select in _within(apart):
        query, (first, *others) = _whole(select), _tables(select) or [""]
        part = None if query is None or not first else statement.question(query, question.params)
        asked += [] if part is None else [replace(part, table=first)]
        loose |= {*others, *([first] if part is None else [])}
    if rows_behind(question) is None:
        loose |= {*_tables(statement.tree)}
    return SubSelects(tuple(asked), frozenset(loose - {""}))


def _within(apart: list[exp.Expr]) -> Iterator[exp.Select]:
    from sqlglot import exp

    return (select for each in apart for select in each.find_all(exp.Select))


def _tables(select: exp.Select) -> list[str]:
    """What stands in its own FROM, the first of them first; nothing in the place of what is no table."""
    from sqlglot import exp

    source = select.args.get("from_")
    every = [*([source.this] if source is not None else []), *(join.this for join in select.args.get("joins") or [])]
    return [each.name.lower() if isinstance(each, exp.Table) else "" for each in every]


def _whole(select: exp.Select) -> exp.Expr | None:
    """The rows of the first table in its FROM; None where it makes others of them, or takes what another part names."""
    from sqlglot import exp

    around = select.parent
    if isinstance(around, exp.Subquery | exp.Exists) and speaks_of_outside(around):
        return joined(around)
    source = select.args.get("from_")
    if source is None:
        return None
    found = exp.Select().select(
        exp.Column(this=exp.Star(), table=exp.to_identifier(source.this.alias_or_name, quoted=True))
    )
    for name in ("from_", "joins", "where"):
        if select.args.get(name) is not None:
            found.set(name, select.copy().args[name])
    return found
