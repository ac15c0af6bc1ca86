"""Which columns of which table a question names: ``bal`` in ``SELECT (SELECT sum(bal) FROM log) FROM acct`` is of log.

A column without its table is of the innermost SELECT around it whose tables have one of that name, as SQL reads it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING

from acidity.analysis.statements import parsed

if TYPE_CHECKING:
    from sqlglot import exp

ALL = "*"


def columns_in(sql: str, engine: str, tables: Mapping[str, Collection[str]]) -> Mapping[str, frozenset[str]] | None:
    """The columns of each of its tables that a question names, `ALL` for the whole row; None where it cannot be read.

    Args:
        sql: its text.
        engine: that it is sent to.
        tables: the columns of every table, in lower case and without schemas.
    """
    from sqlglot import exp

    statement = parsed(sql, engine)
    if statement is None or not isinstance(statement.tree, exp.Query):
        return None
    found: dict[str, set[str]] = {each.name.lower(): set() for each in statement.tree.find_all(exp.Table)}
    for node in statement.tree.find_all(exp.Column, exp.Star, exp.Join):
        for table, columns in _names(node, tables):
            found.setdefault(table, set()).update(columns)
    return {table: frozenset(columns) for table, columns in found.items() if table}


def _names(node: exp.Expr, tables: Mapping[str, Collection[str]]) -> Iterator[tuple[str, Collection[str]]]:
    """The columns that a part of a question names by itself, each beside its table."""
    from sqlglot import exp

    scopes = [_sources(select) for select in _around(node)]
    innermost = scopes[0].values() if scopes else ()
    if isinstance(node, exp.Join):
        using = [each.name.lower() for each in node.args.get("using") or []]
        yield from ((table, [ALL] if node.method == "NATURAL" else using) for table in innermost)
    elif isinstance(node, exp.Star):
        if isinstance(node.parent, exp.Select):
            yield from ((table, [ALL]) for table in innermost)
    elif node.text("table"):
        source = node.text("table").lower()
        table = next((scope[source] for scope in scopes if source in scope), "")
        yield table, [ALL if isinstance(node.this, exp.Star) else node.name.lower()]
    else:
        name = node.name.lower()
        for scope in scopes:
            if name in scope:  # a whole row
                yield scope[name], [ALL]
            having = [table for table in scope.values() if name in tables.get(table, ())]
            if having:
                yield from ((table, [name]) for table in having)
                return


def _around(node: exp.Expr) -> Iterator[exp.Select]:
    """Every SELECT that a part stands in, the innermost first."""
    from sqlglot import exp

    select = node.find_ancestor(exp.Select)
    while select is not None:
        yield select
        select = select.find_ancestor(exp.Select)


def _sources(select: exp.Select) -> dict[str, str]:
    """The tables of one SELECT by what it calls them; what it has made itself is of no table."""
    from sqlglot import exp

    source = select.args.get("from_")
    every = [*([source.this] if source is not None else []), *(join.this for join in select.args.get("joins") or [])]
    return {each.alias_or_name.lower(): each.name.lower() for each in every if isinstance(each, exp.Table)}
