"""The keys of mapped classes in a syntax tree, and how one is taken away."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any


def has_key_of_its_own(node: ast.ClassDef) -> bool:
    """Whether a class has a primary key that the program fills in; one that the database numbers cannot be left out."""
    key = [call for _, _, call in _columns(node) if _is_key(call)]
    return bool(key) and not (len(key) == 1 and _is_numbered(node))


def without_key(tree: ast.Module, place: ast.ClassDef) -> ast.Module:
    """The module in which that class is mapped as it was, and its table has no key, and no foreign key names it."""
    names = [name for name, _, call in _columns(place) if _is_key(call)]
    for _, _, call in _columns(place):
        call.keywords = [each for each in call.keywords if each.arg not in {"primary_key", "autoincrement"}]
    place.body.extend(ast.parse(f'__mapper_args__ = {{"primary_key": [{", ".join(names)}]}}').body)
    _NotNaming(_table(place), types_of_columns(tree)).visit(tree)
    return tree


def types_of_columns(tree: ast.Module) -> dict[str, ast.expr]:
    """The type of each column ``table.name`` that states one."""
    return {
        f"{_table(node)}.{name}": call.args[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
        for name, _, call in _columns(node)
        if call.args and not _is_foreign(call.args[0]) and not isinstance(call.args[0], ast.Constant)
    }


def is_never_null(node: ast.AnnAssign) -> bool:
    """Whether a column of a mapped class is NOT NULL by its type, or says so; a key is of itself."""
    match node:
        case ast.AnnAssign(annotation=ast.Subscript(value=ast.Name(id="Mapped")) as annotation, value=None):
            return "None" not in ast.unparse(annotation)
        case ast.AnnAssign(annotation=annotation, value=ast.Call() as call) if _is_column(call) and not _is_key(call):
            said = [ast.literal_eval(each.value) for each in call.keywords if each.arg == "nullable"]
            return not said[0] if said else "None" not in ast.unparse(annotation)
    return False


def with_null(node: ast.AnnAssign) -> ast.AnnAssign:
    """The column, in which there may be NULL."""
    call = node.value if isinstance(node.value, ast.Call) else ast.Call(ast.Name("mapped_column", ast.Load()), [], [])
    call.keywords = [each for each in call.keywords if each.arg != "nullable"]
    call.keywords.append(ast.keyword("nullable", ast.Constant(value=True)))
    node.value = call
    return node


class _NotNaming(ast.NodeTransformer):
    """Takes out the foreign keys that name a table."""

    def __init__(self, table: str, types: dict[str, ast.expr]) -> None:
        self._table = table
        self._types = types

    def visit_Call(self, node: ast.Call) -> Any:  # the name that the parent class asks for
        if _is_foreign(node) and isinstance(node.args[0], ast.Constant):
            column = str(node.args[0].value)
            if column.partition(".")[0] == self._table:
                return self._types.get(column)
        return self.generic_visit(node)


def _columns(node: ast.ClassDef) -> Iterator[tuple[str, ast.expr, ast.Call]]:
    """Name, annotation and call of ``mapped_column`` of each column that has one."""
    for each in node.body:
        match each:
            case ast.AnnAssign(target=ast.Name(id=name), annotation=annotation, value=ast.Call() as call):
                pass
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Call() as call):
                annotation = ast.Constant(None)
            case _:
                continue
        if _is_column(call):
            yield name, annotation, call


def _table(node: ast.ClassDef) -> str:
    for each in node.body:
        match each:
            case ast.Assign(targets=[ast.Name(id="__tablename__")], value=ast.Constant(value=str() as name)):
                return name
    return ""


def _is_key(call: ast.Call) -> bool:
    return any(each.arg == "primary_key" for each in call.keywords)


def _is_numbered(node: ast.ClassDef) -> bool:
    [(annotation, call)] = [(annotation, call) for _, annotation, call in _columns(node) if _is_key(call)]
    return (
        ast.unparse(annotation) == "Mapped[int]"
        and not any(each.arg == "autoincrement" for each in call.keywords)
        and not any(_is_foreign(each) for each in call.args)
    )


def _is_foreign(node: ast.expr) -> bool:
    return _calls(node, "ForeignKey")


def _is_column(node: ast.expr) -> bool:
    return _calls(node, "mapped_column") or _calls(node, "Column")


def _calls(node: ast.expr, name: str) -> bool:
    match node:
        case ast.Call(func=ast.Name(id=called) | ast.Attribute(attr=called)):
            return called == name
    return False
