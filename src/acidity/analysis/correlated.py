"""Which rows an EXISTS looks for that speaks of the row outside: it cannot be asked by itself, so it is joined to that.

``FROM seats s WHERE s.id = 1 AND NOT EXISTS (SELECT 1 FROM bookings b WHERE b.seat_id = s.id)`` gives the same for one
booking and for two; the bookings of these seats tell.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from acidity.analysis.questions import Query
from acidity.analysis.statements import parsed
from acidity.core.call import Call

if TYPE_CHECKING:
    from sqlglot import exp

_EXISTS = re.compile(r"\bexists\s*\(", re.IGNORECASE)
_OUTER = ("from_", "joins", "where")  # of the query around it, what tells its rows
_GROUPED = ("group", "having", "limit", "offset", "with_")  # of the one within, what makes other rows of them


def correlated_in(call: Call, engine: str) -> tuple[Query, ...]:
    """Queries for the rows; none of a text without such an EXISTS, or with one that cannot be joined.

    Args:
        call: what was sent.
        engine: to which engine.
    """
    from sqlglot import exp

    statement = parsed(call.sql, engine) if _EXISTS.search(call.sql) and not call.many else None
    if statement is None:
        return ()
    found = (joined(each) for each in statement.tree.find_all(exp.Exists) if speaks_of_outside(each))
    asked = (statement.question(each, call.params) for each in found if each is not None)
    return tuple(each for each in asked if each is not None)


def speaks_of_outside(exists: exp.Expr) -> bool:
    """Whether a column in it is of a table that is not in it."""
    from sqlglot import exp

    inside = {each.alias_or_name.lower() for each in exists.find_all(exp.Table, exp.Subquery)}
    return any(each.table and each.table.lower() not in inside for each in exists.find_all(exp.Column))


def joined(exists: exp.Expr) -> exp.Expr | None:
    """The rows that an EXISTS, or another SELECT within one, looks for, for any row of the query around it."""
    from sqlglot import exp

    inner, around = exists.this, exists.find_ancestor(exp.Select, exp.Update, exp.Delete)
    if not isinstance(inner, exp.Select) or around is None or any(inner.args.get(each) for each in _GROUPED):
        return None
    tables = [*_tables(inner)]
    names = [each.alias_or_name.lower() for each in (*_tables(around), *tables)]
    if not tables or len(names) != len({*names}):
        return None
    outside = _rows_around(around)
    if outside is None:
        return None
    found = outside.select(exp.Column(this=exp.Star(), table=exp.to_identifier(tables[0].alias_or_name, quoted=True)))
    found = found.join(tables[0].copy(), join_type="cross")
    for join in inner.args.get("joins") or []:
        found.append("joins", join.copy())
    where = inner.args.get("where")
    return found if where is None else found.where(where.this.copy())


def _tables(query: exp.Expr) -> Iterator[exp.Expr]:
    """What stands in its FROM, or what it changes."""
    from sqlglot import exp

    source = query.args.get("from_")
    yield from [] if source is None else [source.this]
    yield from [query.this] if isinstance(query, exp.Update | exp.Delete) else []
    yield from (join.this for join in query.args.get("joins") or [])


def _rows_around(around: exp.Expr) -> exp.Select | None:
    """The query for the rows outside, whatever an EXISTS in it says of them."""
    from sqlglot import exp

    found = exp.Select()
    copied: dict[str, Any] = {name: each for name in _OUTER if (each := around.copy().args.get(name)) is not None}
    if isinstance(around, exp.Update | exp.Delete):
        if "from_" in copied or "joins" in copied:
            return None
        found = found.from_(around.this.copy())
        copied.pop("joins", None)
    for name, each in copied.items():
        found.set(name, each)
    for exists in [*found.find_all(exp.Exists)]:
        says = exists.parent if isinstance(exists.parent, exp.Not) else exists
        says.replace(exp.EQ(this=exp.Literal.number(1), expression=exp.Literal.number(1)))
    return found


__all__ = ["correlated_in", "joined", "speaks_of_outside"]
