"""Orders that no row tells: in which rows lie in a table, and which of two was written first by the clock."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from acidity.prove.explore.classes.schema import Schema
from acidity.prove.explore.classes.terms import fixed

if TYPE_CHECKING:
    from sqlglot import exp


def unordered(tree: exp.Expr, schema: Schema) -> frozenset[str]:
    """The tables of which a text looks at several rows as they lie there; ``*`` for what stands behind a view.

    A row lies where there was room when it was written. So whoever writes first tells, of other rows, too.

    Args:
        tree: of the text.
        schema: of the database.
    """
    from sqlglot import exp

    if isinstance(tree, exp.Update | exp.Delete):
        return frozenset(_several([tree.this], tree.args.get("where"), schema))
    found: set[str] = set()
    for select in tree.find_all(exp.Select):
        if _tells_order(select):
            sources = _sources(select)
            ordered = {each.this.name.lower() for each in _ordered(select) if isinstance(each.this, exp.Column)}
            several = _several(sources, select.args.get("where"), schema)
            found.update(name for name in several if not _is_whole(name, ordered, schema))
    return frozenset(found)


def goes_by_time(tree: exp.Expr, schema: Schema) -> bool:
    """Whether several rows are put in an order by a time that stands in them; against now they are all the same."""
    from sqlglot import exp

    for select in tree.find_all(exp.Select):
        sources = _sources(select)
        several = {*_several(sources, select.args.get("where"), schema)}
        found = {each.alias_or_name.lower() for each in sources if each.name.lower() in several or "*" in several}
        for node in select.find_all(exp.Ordered, exp.Max, exp.Min):
            for column in node.find_all(exp.Column):
                if found and column.name.lower() in schema.times and column.table.lower() in found | {""}:
                    return True
    return False


def takes_time(tree: exp.Expr, schema: Schema) -> bool:
    """Whether it may write what time it is."""
    from sqlglot import exp

    if not isinstance(tree, exp.Insert | exp.Update):
        return False
    if tree.find(exp.CurrentTimestamp, exp.CurrentDate, exp.CurrentTime) is not None:
        return True
    target = tree.this.this if isinstance(tree.this, exp.Schema) else tree.this
    return target.name.lower() in schema.clocked


def _tells_order(select: exp.Select) -> bool:
    """Whether what comes of it depends on the order in which it finds rows."""
    from sqlglot import exp

    if any(select.args.get(each) is not None for each in ("limit", "offset", "distinct")):
        return True
    inside = select.parent
    is_value = isinstance(inside, exp.Subquery) and not isinstance(inside.parent, exp.From | exp.Join)
    if is_value or select.find_ancestor(exp.Exists, exp.In) is not None:
        return False
    return select.args.get("group") is not None or not all(map(_is_aggregate, select.expressions))


def _is_aggregate(column: exp.Expr) -> bool:
    """A count, sum or the like, in which order does not tell."""
    from sqlglot import exp

    return column.find(exp.Count, exp.Sum, exp.Avg, exp.Max, exp.Min) is not None and not column.find(exp.ArrayAgg)


def _sources(select: exp.Select) -> list[exp.Expr]:
    source = select.args.get("from_")
    return [*([] if source is None else [source.this]), *(join.this for join in select.args.get("joins") or [])]


def _ordered(select: exp.Select) -> list[exp.Expr]:
    order = select.args.get("order")
    return [] if order is None else list(order.expressions)


def _several(sources: list[exp.Expr], where: exp.Expr | None, schema: Schema) -> Iterator[str]:
    """Those of the sources of which there may be more than one row."""
    from sqlglot import exp

    for each in sources:
        if not isinstance(each, exp.Table):
            continue
        known = schema.tables.get(each.name.lower())
        if known is None:
            yield "*"
            continue
        values = dict(fixed(where, {each.alias_or_name.lower()}, only=len(sources) == 1))
        keys = [key for key in (known.key, *known.uniques) if key]
        if not any(set(key) <= values.keys() for key in keys):
            yield each.name.lower()


def _is_whole(name: str, ordered: set[str], schema: Schema) -> bool:
    """Whether an order by these columns leaves no two rows of a table beside each other."""
    known = schema.tables.get(name)
    return known is not None and bool(known.key) and set(known.key) <= ordered
