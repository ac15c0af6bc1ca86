"""A text as a tree in which each parameter has the name by which its Call gives it, as the driver finds parameters.

Drivers that put ``%s`` into a text do so within literals and comments as well; SQLite and asyncpg do not. Where that,
or what is a comment, may be understood in two ways, a text is not read.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from acidity.analysis.statements import DIALECTS
from acidity.prove.explore.classes.terms import NAMED

if TYPE_CHECKING:
    from sqlglot import exp

_LITERALS = r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|`[^`]*`|--[^\n]*(?:\n|$)|/\*.*?\*/"""
_FILLED_IN = r"(?P<mark>%[sbt]|%\((?P<name>[^)]*)\)[sbt])|(?P<doubled>%%)"
_TOKENS = {
    "sqlite": re.compile(rf"(?P<kept>{_LITERALS}|\[[^\]]*\])|\?(?P<number>\d*)|[:@$](?P<name>\w+)", re.DOTALL),
    "postgresql": re.compile(rf"(?P<kept>{_LITERALS})|{_FILLED_IN}|\$(?P<number>\d+)", re.DOTALL),
    "mariadb": re.compile(rf"(?P<kept>{_LITERALS}|\#[^\n]*(?:\n|$))|{_FILLED_IN}", re.DOTALL),
}
# Escapes within literals, literals between dollars, and comments that MariaDB carries out.
_TWO_WAYS = {
    "sqlite": re.compile(r"(?!)"),
    "postgresql": re.compile(r"\\|\$(?:[A-Za-z_]\w*)?\$"),
    "mariadb": re.compile(r"\\|/\*M?!"),
}
_PUT_IN = re.compile(r"%[sbt(]")


def tree_of(sql: str, engine: str) -> exp.Expr | None:
    """The tree of one statement; None where it is not read for certain."""
    import sqlglot

    text = None if _TWO_WAYS[engine].search(sql) else _with_names(sql, engine)
    if text is None:
        return None
    try:
        trees = sqlglot.parse(text, read=DIALECTS[engine], error_level=sqlglot.ErrorLevel.RAISE)
    except sqlglot.errors.SqlglotError:
        return None
    return trees[0] if len(trees) == 1 else None


def _with_names(sql: str, engine: str) -> str | None:
    """The text with ``:p_name`` for a parameter by name, and ``:_0`` for the first one by position."""
    highest, styles = 0, set[str]()

    def named(found: re.Match[str]) -> str:
        nonlocal highest
        kept, parts = found["kept"], found.groupdict()
        if kept is not None:
            styles.update({"within"} if _PUT_IN.search(kept) and engine != "sqlite" else ())
            return kept
        if parts.get("doubled"):
            return "%"
        if parts.get("name") is not None:
            styles.add("filled in")
            return f":{NAMED}{parts['name']}"
        number = parts.get("number")
        styles.add("filled in" if number is None else "sent")
        place = int(number) if number else highest + 1
        highest = max(highest, place)
        return f":_{place - 1}"

    text = _TOKENS[engine].sub(named, sql)
    return None if (engine != "sqlite" and {"filled in", "within"} <= styles) or _are_mixed(engine, styles) else text


def _are_mixed(engine: str, styles: set[str]) -> bool:
    """Whether the text looks like that of two drivers."""
    return engine in {"postgresql", "sqlite"} and {"filled in", "sent"} <= styles
