"""The values in a text that may tell one row from another one: literals, and parameters, which each Call gives."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sqlglot import exp

Term = tuple[str, Any]  # ("value", a value) or ("parameter", its name)
NAMED = "p_"  # before the name of a parameter, which may be a word of SQL
_KEEPING = frozenset({"SMALLINT", "INT", "BIGINT", "TEXT", "VARCHAR", "UUID"})


def fixed(where: exp.Expr | None, names: set[str], *, only: bool) -> Iterator[tuple[str, Term]]:
    """Columns that the condition holds equal to a value."""
    from sqlglot import exp

    left = [where.this] if where is not None else []
    while left:
        node = left.pop()
        if isinstance(node, exp.And):
            left += [node.left, node.right]
        elif isinstance(node, exp.Paren):
            left.append(node.this)
        elif isinstance(node, exp.EQ) and isinstance(node.left, exp.Column):
            table = node.left.table.lower()
            term = term_of(node.right)
            if term is not None and (table in names or (only and not table)):
                yield node.left.name.lower(), term


def term_of(node: Any) -> Term | None:
    """A value, or the name of the parameter that holds it."""
    from sqlglot import exp

    while isinstance(node, exp.Paren) or (isinstance(node, exp.Cast) and _keeps(node)):
        node = node.this
    if isinstance(node, exp.Placeholder) and node.name:
        return "parameter", node.name.removeprefix(NAMED)
    if isinstance(node, exp.Literal):
        return "value", str(node.this) if node.is_string else _number(node.this)
    return None


def _keeps(cast: exp.Cast) -> bool:
    """Whether a parameter that is cast keeps its value: to no type that would cut it, as CHAR, or VARCHAR(2)."""
    from sqlglot import exp

    kind = cast.to
    return isinstance(cast.this, exp.Placeholder) and not kind.expressions and kind.this.name in _KEEPING


def _number(text: str) -> object:
    return int(text) if text.isdigit() else None


def words(terms: Iterable[Term], params: Any) -> Iterator[Any]:
    """The values of terms, from the parameters of a Call; None for one that is not there."""
    for kind, what in terms:
        if kind == "value":
            yield what
        elif isinstance(params, Mapping):
            yield params.get(what)
        elif what.startswith("_") and isinstance(params, list | tuple) and int(what[1:]) < len(params):
            yield params[int(what[1:])]
        else:
            yield None
