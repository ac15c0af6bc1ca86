"""Orders that no row tells: in which rows lie in a table, and which of two was written first by the clock."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from acidity.prove.explore.classes.schema import Schema
from acidity.prove.explore.classes.terms import fixed

if TYPE_CHECKING:
    from sqlglot import exp

_WORDS = frozenset({"now", "today", "tomorrow", "yesterday"})  # times, where PostgreSQL looks for one


def unordered(tree: exp.Expr, schema: Schema) -> frozenset[str]:
    """The tables of which a text looks at several rows as they lie there; ``*`` for what stands behind a view.

    A row lies where there was room when it was written. So whoever writes first tells, of other rows, too.

    Args:
        tree: of the text.
        schema: of the database.
    """
    from sqlglot import exp

    found: set[str] = set()
    if isinstance(tree, exp.Update | exp.Delete):
        found.update(_several([tree.this], tree.args.get("where"), schema))
    for select in tree.find_all(exp.Select):
        sources = _sources(select)
        several = [*_several(sources, select.args.get("where"), schema)]
        if several and _tells_order(select, schema):
            ordered = _ordered(select, sources)
            found.update(name for name in several if not ordered or not _is_whole(name, sources, ordered, schema))
    return frozenset(found)


def goes_by_time(tree: exp.Expr, schema: Schema) -> bool:
    """Whether several rows are put in an order by a time that stands in them; against now they are all the same."""
    from sqlglot import exp

    if _writes_time_as_text(tree, schema):
        return True
    names = set(schema.times)
    for _ in range(2):  # a name for it, also of a query in FROM
        aliases = [each for each in tree.find_all(exp.Alias) if _names_in(each.this) & names]
        names |= {each.alias.lower() for each in aliases}
    compared = tree.find_all(exp.GT, exp.GTE, exp.LT, exp.LTE, exp.Between)
    if any(sum(each.name.lower() in names for each in node.find_all(exp.Column)) > 1 for node in compared):
        return True
    if _writes_what_is_later(tree, names | schema.floats):
        return True
    for select in tree.find_all(exp.Select):
        sources = _sources(select)
        several = {*_several(sources, select.args.get("where"), schema)}
        found = {each.alias_or_name.lower() for each in sources if each.name.lower() in several or "*" in several}
        found |= {each.alias_or_name.lower() for each in sources if not isinstance(each, exp.Table)}
        for node in select.find_all(exp.Ordered, exp.Max, exp.Min) if found else ():
            if isinstance(node.this, exp.Literal) and _names_in(select) & names:  # by its place in the list
                return True
            columns = node.find_all(exp.Column)
            if any(each.name.lower() in names and each.table.lower() in found | {""} for each in columns):
                return True
    return False


def _writes_what_is_later(tree: exp.Expr, names: set[str]) -> bool:
    """Whether a time is written where the one that is there is earlier or later: the last writer wins, by a clock."""
    from sqlglot import exp

    writes = tree if isinstance(tree, exp.Update) else tree.args.get("conflict")
    where = writes.args.get("where") if writes is not None else None
    if writes is None or where is None:
        return False
    given = {each.this.name.lower() for each in writes.expressions if isinstance(each, exp.EQ)} & names
    compared = where.find_all(exp.GT, exp.GTE, exp.LT, exp.LTE, exp.Between)
    return any(each.name.lower() in given for node in compared for each in node.find_all(exp.Column))


def takes_time(tree: exp.Expr, schema: Schema) -> bool:
    """Whether it may write what time it is, or tells the program, which may write it."""
    from sqlglot import exp

    if isinstance(tree, exp.Select) and any(map(_is_now, tree.expressions)):
        return True
    if not isinstance(tree, exp.Insert | exp.Update):
        return False
    words = (each.this.strip().lower() for each in tree.find_all(exp.Literal) if each.is_string)
    if _is_now(tree) or not _WORDS.isdisjoint(words):
        return True
    return _target(tree).name.lower() in schema.clocked


def _is_now(node: exp.Expr) -> bool:
    from sqlglot import exp

    return node.find(exp.CurrentTimestamp, exp.CurrentDate, exp.CurrentTime) is not None


def _target(tree: exp.Expr) -> exp.Expr:
    from sqlglot import exp

    return tree.this.this if isinstance(tree.this, exp.Schema) else tree.this  # type: ignore[no-any-return]


def _writes_time_as_text(tree: exp.Expr, schema: Schema) -> bool:
    """Whether a column gets the time that is no time by its type, so that no text tells where rows go by it."""
    from sqlglot import exp

    if not isinstance(tree, exp.Insert | exp.Update) or not _is_now(tree):
        return False
    if isinstance(tree, exp.Update):
        given = [(each.this.name, each.expression) for each in tree.expressions if isinstance(each, exp.EQ)]
    else:
        columns = [each.name for each in tree.this.expressions] if isinstance(tree.this, exp.Schema) else []
        rows = tree.expression.expressions if isinstance(tree.expression, exp.Values) else []
        given = [pair for row in rows for pair in zip(columns, row.expressions, strict=False)]
        if not given:
            return True
    return any(_is_now(value) and name.lower() not in schema.times for name, value in given)


def _names_in(node: exp.Expr) -> set[str]:
    from sqlglot import exp

    return {each.name.lower() for each in node.find_all(exp.Column)}


def _tells_order(select: exp.Select, schema: Schema) -> bool:
    """Whether what comes of it depends on the order in which it finds rows."""
    from sqlglot import exp

    if any(select.args.get(each) is not None for each in ("limit", "offset", "distinct")) or select.find(exp.Window):
        return True
    if _is_one_value(select):
        return False
    return select.args.get("group") is not None or not all(_counts(each, schema) for each in select.expressions)


def _is_one_value(select: exp.Select) -> bool:
    """Whether it is the query of an EXISTS or IN, or gives one value within an expression."""
    from sqlglot import exp

    inside = select.parent
    if isinstance(inside, exp.Exists):
        return True
    if not isinstance(inside, exp.Subquery):
        return False
    around = inside.parent
    in_list = isinstance(around, exp.Select) and inside.arg_key == "expressions"
    return in_list or isinstance(around, exp.Binary | exp.Func | exp.Alias | exp.In | exp.Paren | exp.Cast)


def _counts(column: exp.Expr, schema: Schema) -> bool:
    """Whether it is a count, sum or the like, in which order does not tell; a sum of floating numbers is none."""
    from sqlglot import exp

    if column.find(exp.Subquery, exp.Window, exp.ArrayAgg) is not None:
        return False
    if _names_in(column) & schema.floats and column.find(exp.Sum, exp.Avg) is not None:
        return False
    return column.find(exp.Count, exp.Sum, exp.Avg, exp.Max, exp.Min) is not None


def _sources(select: exp.Select) -> list[exp.Expr]:
    source = select.args.get("from_")
    return [*([] if source is None else [source.this]), *(join.this for join in select.args.get("joins") or [])]


def _ordered(select: exp.Select, sources: list[exp.Expr]) -> set[tuple[str, str]]:
    """By which columns of which sources rows are put in an order; nothing where something else tells, too."""
    from sqlglot import exp

    order = select.args.get("order")
    if order is None or select.find(exp.Window) is not None:
        return set()
    renamed = {each.alias.lower() for each in select.expressions if isinstance(each, exp.Alias)}
    found = set()
    for each in order.expressions:
        column = each.this
        if not isinstance(column, exp.Column):
            continue
        table, name = column.table.lower(), column.name.lower()
        if table or (len(sources) == 1 and name not in renamed):
            found.add((table or sources[0].alias_or_name.lower(), name))
    return found


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


def _is_whole(name: str, sources: list[exp.Expr], ordered: set[tuple[str, str]], schema: Schema) -> bool:
    """Whether an order by these columns leaves no two rows of a table beside each other."""
    known = schema.tables.get(name)
    if known is None or not known.key:
        return False
    aliases = [each.alias_or_name.lower() for each in sources if each.name.lower() == name]
    return all({(alias, column) for column in known.key} <= ordered for alias in aliases)
