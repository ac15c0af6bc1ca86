"""The lines of a program that keep its rows right, found in its syntax tree, whatever they are called and imported as.

Boundaries and their isolation levels, reversals, savepoints, what goes back, locks, every ``raise``, every look at a count of
rows, CHECKs, NOT NULL, foreign, unique and primary keys. What looks like one and could not be taken out is named by `unseen`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from tests.systems import keys

STAND_INS = {  # what is called in place of each
    "lock": "unlocked",
    "atomic": "each_by_itself",
    "reversal": "reversed_by_itself",
    "begin": "begun_by_itself",
    "savepoint": "nothing",
    "begin_nested": "nothing",
    "commit": "committed_by_itself",
}
FOREIGN = ("ForeignKey", "ForeignKeyConstraint")
CONSTRAINTS = (*FOREIGN, "CheckConstraint", "ExcludeConstraint", "PrimaryKeyConstraint", "UniqueConstraint")
KEYS = ("primary_key", "unique", "not_null")
LOCKS = ("lock", "with_for_update")
LOCKING = re.compile(r"\s*\bFOR\s+((NO\s+)?KEY\s+)?(UPDATE|SHARE)\b[^;]*", re.IGNORECASE)
GOES_BACK = re.compile(r"\s*ROLLBACK\b", re.IGNORECASE)
FOR_PEOPLE = "…"  # in a string that is a part of a sentence, and no statement
AS_TEXT = re.compile(  # what has a mutant as a call, and none as text
    r"\b(ISOLATION\s+LEVEL|LOCK\s+TABLES?|BEGIN\s+(IMMEDIATE|EXCLUSIVE)|CREATE\s+(TABLE|UNIQUE)|ADD\s+CONSTRAINT)\b"
    r"|advisory_(xact_)?lock|\bGET_LOCK\(|^isolation_level$|^with_for_update$",
    re.IGNORECASE,
)


def safety_lines(tree: ast.Module) -> Iterator[tuple[str, str, ast.AST]]:
    """The function or class (empty for the module), the kind and the node of each, in the order of the source."""
    known, said = names(tree), {id(node) for node in statements(tree)}
    for name, part in [("", tree), *((node.name, node) for node in tree.body if hasattr(node, "name"))]:
        for node in sorted(_inside(part), key=_position):
            kind = _kind_of_text(node) if id(node) in said else _kind(node, known)
            if kind and not (isinstance(part, ast.ClassDef) and _is_of_key(node)):  # the class has it
                yield name, kind, node


def unseen(tree: ast.Module) -> list[str]:
    """What looks like a safety line, and has no mutant."""
    return [f"{node.lineno}: {node.value}" for node in statements(tree) if AS_TEXT.search(node.value)]


def names(tree: ast.Module) -> dict[str, str]:
    """What each name was called where it was imported from."""
    return {
        name.asname: name.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for name in node.names
        if name.asname
    }


def called(node: ast.AST, known: dict[str, str]) -> str:
    """The name of what is called, however it was imported."""
    match node:
        case ast.Call(func=ast.Name(id=name)):
            return known.get(name, name)
        case ast.Call(func=ast.Attribute(attr=name)):
            return name
    return ""


def statements(tree: ast.Module) -> list[ast.Constant]:
    """The strings that a database may be sent: neither a docstring nor a part of a sentence."""
    told = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        if node.body and isinstance(node.body[0], ast.Expr)
    }
    return [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        if id(node) not in told and FOR_PEOPLE not in node.value
    ]


def _inside(part: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a function or class; of the module those that are in neither."""
    if not isinstance(part, ast.Module):
        yield from ast.walk(part)
        return
    for node in part.body:
        if not hasattr(node, "name"):
            yield from ast.walk(node)


def _position(node: ast.AST) -> tuple[int, int]:
    return getattr(node, "lineno", 0), getattr(node, "col_offset", 0)


def _kind(node: ast.AST, known: dict[str, str]) -> str:
    """What a node keeps safe; empty for other nodes."""
    name = called(node, known)
    if name in CONSTRAINTS or name == "with_for_update" or (name in STAND_INS and name != "commit"):
        return name
    match node:
        case ast.keyword(arg="with_for_update" | "unique" | "isolation_level" | "primary_key" as name):
            return name
        case ast.ClassDef() if keys.has_key_of_its_own(node):
            return "primary_key"
        case ast.AnnAssign() if keys.is_never_null(node):
            return "not_null"
        case ast.Raise():
            return "raise"
        case ast.Attribute(attr="rowcount", ctx=ast.Load()):
            return "rowcount"
        case ast.Expr(value=ast.Call() | ast.Await(value=ast.Call()) as value):
            return "rollback" if called(getattr(value, "value", value), known) == "rollback" else ""
        case ast.With(items=[item]) | ast.AsyncWith(items=[item]) if _commits(node, item):
            return "commit"
    return ""


def _kind_of_text(node: ast.AST) -> str:
    """The same of a statement."""
    assert isinstance(node, ast.Constant)
    if LOCKING.search(node.value):
        return "with_for_update"
    return "rollback" if GOES_BACK.match(node.value) else ""


def _is_of_key(node: ast.AST) -> bool:
    return isinstance(node, ast.keyword) and node.arg == "primary_key"


def _commits(block: ast.With | ast.AsyncWith, item: ast.withitem) -> bool:
    """Whether a block commits what it has opened."""
    return isinstance(item.optional_vars, ast.Name) and any(
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "commit"
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == item.optional_vars.id
        for node in ast.walk(block)
    )
