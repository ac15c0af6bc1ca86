"""One text of a program as a tree, and parts of it as questions that carry the parameters they need.

Texts are read and written in the dialect of their engine. A parameter keeps its place by a name of its own while the
tree is cut up, and gets back what the driver calls it when a part is asked.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from acidity.analysis.questions import Query, may_be_asked

if TYPE_CHECKING:
    from sqlglot import exp

DIALECTS = {"sqlite": "sqlite", "postgresql": "postgres", "mariadb": "mysql"}
_CHANGES = re.compile(r"\b(?:update|delete|merge|insert|replace)\b", re.IGNORECASE)
_KEPT = r"""(?P<kept>'(?:[^']|'')*'|"(?:[^"]|"")*"|`[^`]*`|--[^\n]*(?:\n|$)|/\*.*?\*/|::)"""
# Only SQLite takes `:name`, and `?` is an operator of PostgreSQL.
_MARKS = {
    "sqlite": re.compile(_KEPT + r"|(?P<mark>\?(?!\d)|(?<!\w)[:@$]\w+)", re.DOTALL),
    "postgresql": re.compile(_KEPT + r"|(?P<mark>%s|%\(\w+\)s)|(?P<doubled>%%)", re.DOTALL),
    "mariadb": re.compile(_KEPT + r"|(?P<mark>\?|%s|%\(\w+\)s)|(?P<doubled>%%)", re.DOTALL),
}
_NAMED = "acidity_p"  # what parameters are called in a tree, with their number
_BACK = re.compile(rf"{_KEPT}|%\({_NAMED}(\d+)\)s|:{_NAMED}(\d+)|(?P<doubled>%)", re.DOTALL)
_CALLED = re.compile(r"%\((\w+)\)s|[:@$](\w+)")
_AS_INSERT = re.compile(r"^\s*replace\s+(?:low_priority\s+|delayed\s+)?(?:into\s+)?", re.IGNORECASE)
_HURRY = re.compile(r"^(\s*(?:insert|delete)\s+)(?:low_priority|high_priority|delayed|quick)\s+", re.IGNORECASE)
# What sqlglot knows by name and gives another value each time, or belongs to the session.
_UNSTEADY = frozenset({"RAND", "RANDN", "UUID", "NEXT_VALUE_FOR", "ROW_COUNT", "SESSION_USER", "CONNECTION_ID"})
# Of the functions that sqlglot does not know by name, those that do nothing but answer.
_PLAIN = frozenset({"datetime", "now", "values", "value", "ifnull", "printf", "instr", "hex", "iif", "jsonb_set"})


@dataclass(frozen=True, slots=True)
class Statement:
    """One text.

    Attributes:
        tree: of it; nobody changes it.
        dialect: in which it was read.
        marks: its parameters as the driver calls them, in the order of the text.
        doubled: a percent sign is written twice in it.
    """

    tree: exp.Expr
    dialect: str
    marks: tuple[str, ...]
    doubled: bool = False

    def question(self, part: exp.Expr, params: Any, table: str = "") -> Query | None:
        """A part as a question; None if it may do more than answer, or cannot be written so.

        Args:
            part: a query.
            params: of the whole text, one set of them.
            table: whose rows it asks for.
        """
        import sqlglot

        if not is_steady(part):
            return None
        try:
            text = part.sql(self.dialect, unsupported_level=sqlglot.ErrorLevel.RAISE)
        except sqlglot.errors.SqlglotError:
            return None
        used: list[int] = []

        def back(found: re.Match[str]) -> str:
            number = found[2] or found[3]
            if number:
                used.append(int(number))
                return self.marks[int(number)]
            return "%%" if found["doubled"] and self.doubled else found[0]

        text = _BACK.sub(back, text)
        known, values = self._values(used, params)
        return Query(text, values, table) if known and may_be_asked(text) else None

    def with_more(self, params: Any, values: Sequence[Any]) -> tuple[Statement | None, Any, list[exp.Expr]]:
        """The statement with more parameters, all of them, and what stands for the new ones in a tree.

        Without a Statement where parameters are given by place and by name.
        """
        from sqlglot import exp

        first = len(self.marks)
        places: list[exp.Expr] = [exp.Placeholder(this=f"{_NAMED}{first + number}") for number in range(len(values))]
        if any(map(_name, self.marks)):
            if not isinstance(params, Mapping):
                return None, params, places
            names = [f"{_NAMED}{first + number}" for number in range(len(values))]
            marks = [f":{name}" if self.dialect == "sqlite" else f"%({name})s" for name in names]
            return (
                replace(self, marks=(*self.marks, *marks)),
                {**params, **dict(zip(names, values, strict=True))},
                places,
            )
        known = tuple(params) if self.marks and isinstance(params, Sequence) else ()
        marks = ["?" if self.dialect == "sqlite" else "%s"] * len(values)
        return replace(self, marks=(*self.marks, *marks)), (*known[:first], *values), places

    def _values(self, used: Sequence[int], params: Any) -> tuple[bool, Any]:
        """Whether the parameters of these marks are known, and what they are."""
        if isinstance(params, Mapping):
            names = [_name(self.marks[number]) for number in used]
            return all(name in params for name in names), {name: params[name] for name in names if name in params}
        if not isinstance(params, Sequence):
            return not used, params
        places = [number for number, mark in enumerate(self.marks) if not _name(mark)]
        if len(places) != len(self.marks) or any(number >= len(params) for number in used):
            return False, ()
        return True, tuple(params[number] for number in used)


def statement_of(sql: str, engine: str) -> Statement | None:
    """A text that may change rows, read in the dialect of its engine; None for any other, and where it is not read."""
    return parsed(sql, engine) if _CHANGES.search(sql) else None


@lru_cache(maxsize=1024)
def parsed(sql: str, engine: str) -> Statement | None:
    """Any text, read in the dialect of its engine; None where it is not read."""
    import sqlglot

    marks: list[str] = []
    doubled = False

    def named(found: re.Match[str]) -> str:
        nonlocal doubled
        if found["mark"]:
            marks.append(found["mark"])
            return f":{_NAMED}{len(marks) - 1}"
        if found["kept"] is None:
            doubled = True
            return "%"
        return found[0]

    text = _HURRY.sub(r"\1", _AS_INSERT.sub("INSERT OR REPLACE INTO ", _MARKS[engine].sub(named, sql)))
    dialect = DIALECTS[engine]
    try:
        trees = sqlglot.parse(text, read=dialect, error_level=sqlglot.ErrorLevel.RAISE)
    except sqlglot.errors.SqlglotError:
        return None
    tree = trees[0] if len(trees) == 1 else None
    return None if tree is None else Statement(tree, dialect, tuple(marks), doubled)


def is_steady(part: exp.Expr) -> bool:
    """Whether a part only answers, and by the rows alone: it writes nothing, and calls nothing that is not known."""
    from sqlglot import exp

    if part.find(
        exp.Insert, exp.Update, exp.Delete, exp.Merge, exp.Into, exp.Parameter, exp.SessionParameter, exp.Lock
    ):
        return False
    return all(
        each.name.lower() in _PLAIN if isinstance(each, exp.Anonymous) else each.sql_name().upper() not in _UNSTEADY
        for each in part.find_all(exp.Func)
    )


def _name(mark: str) -> str:
    """The name of a parameter; empty for one by position."""
    found = _CALLED.match(mark)
    return "" if found is None else found[1] or found[2]
