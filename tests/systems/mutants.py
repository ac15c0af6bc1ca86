"""Mutants of the shipped code of a system: each lacks one line that keeps it safe.

Safety lines are found by the syntax tree, whatever they are called: boundaries and their isolation levels, reversals,
savepoints, locks, every ``raise``, every look at a count of rows, CHECKs, foreign, unique and primary keys.
"""

from __future__ import annotations

import ast
import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

from tests.systems import keys, stand_ins
from tests.systems.manifest import OF_TWINS, ROOT, entries

STAND_INS = {  # what is called in place of each
    "lock": "unlocked",
    "atomic": "each_by_itself",
    "reversal": "reversed_by_itself",
    "begin": "begun_by_itself",
    "savepoint": "nothing",
}
CONSTRAINTS = ("CheckConstraint", "ForeignKey", "ForeignKeyConstraint", "UniqueConstraint", "PrimaryKeyConstraint")
KEYS = ("primary_key", "unique")
LOCKS = ("lock", "with_for_update")


@dataclass(frozen=True, slots=True)
class Mutant:
    """One line that is missing.

    Attributes:
        file: below `examples/`.
        function: in which it stands; empty for the module, or the name of a class.
        kind: what is missing.
        number: of those of this kind in this function, from 0.
    """

    file: str
    function: str
    kind: str
    number: int

    def __str__(self) -> str:
        return f"{self.file}:{self.function}:{self.kind}:{self.number}"

    @property
    def system(self) -> str:
        """The folder."""
        return self.file.partition("/")[0]

    @property
    def module(self) -> str:
        """Its name."""
        return f"examples.{self.file.removesuffix('.py').replace('/', '.')}"


@cache
def systems() -> list[str]:
    """Those of the manifest."""
    return sorted({entry.system for entry, _ in entries()})


def shipped(system: str) -> list[str]:
    """The files of a system but its twins and what is shown of them, below `examples/`."""
    folder = ROOT / "examples"
    return [
        str(path.relative_to(folder))
        for path in sorted((folder / system).rglob("*.py"))
        if path.stem not in OF_TWINS and path.parent.name != "shown"
    ]


@cache
def mutants(file: str) -> list[Mutant]:
    """All there are of a file."""
    return [mutant for mutant, _ in places(file, tree_of(file))]


def has_meaning(mutant: Mutant, db: str) -> bool:
    """Whether an engine has what the line asks for.

    SQLite has neither row locks nor levels: whoever writes has the whole database. MariaDB defers no constraint, so
    the table that has one is not made there.
    """
    if db == "sqlite":
        return mutant.kind not in (*LOCKS, "isolation_level")
    return db != "mariadb" or mutant.function not in _deferring(mutant.file)


@cache
def _deferring(file: str) -> set[str]:
    """The classes with a deferred constraint."""
    return {
        each.name
        for each in tree_of(file).body
        if isinstance(each, ast.ClassDef)
        for node in ast.walk(each)
        if isinstance(node, ast.keyword) and node.arg == "deferrable"
    }


def source_of(mutant: Mutant) -> str:
    """The file without that line."""
    tree = tree_of(mutant.file)
    [place] = [node for each, node in places(mutant.file, tree) if each == mutant]
    if isinstance(place, ast.ClassDef):
        changed = keys.without_key(tree, place)
    else:
        changed = _Without(place, keys.types_of_columns(tree)).visit(tree)
    at = _after_future(changed)
    changed.body[at:at] = ast.parse(f"from {stand_ins.__name__} import {', '.join(STAND_INS.values())}\n").body
    return ast.unparse(ast.fix_missing_locations(changed))


@contextmanager
def planted(mutant: Mutant) -> Iterator[None]:
    """The system is imported anew with that mutant, and after it as it was."""
    with imported_anew(mutant.system, {mutant.module: source_of(mutant)}):
        yield


@contextmanager
def imported_anew(system: str, sources: dict[str, str]) -> Iterator[None]:
    """The system is imported with these sources, by the names of modules, and after it as it was."""

    def is_of_the_system(name: str) -> bool:
        return f"{name}.".startswith(f"examples.{system}.")

    before = {name: module for name, module in sys.modules.items() if is_of_the_system(name)}
    package = import_module("examples")
    attribute = getattr(package, system, None)
    for name in before:
        del sys.modules[name]
    finder = _Finder(sources)
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        for name in [name for name in sys.modules if is_of_the_system(name)]:
            del sys.modules[name]
        sys.modules.update(before)
        if attribute is not None:
            setattr(package, system, attribute)


def tree_of(file: str) -> ast.Module:
    """A file below `examples/`."""
    return ast.parse((ROOT / "examples" / file).read_text(encoding="utf-8"))


def places(file: str, tree: ast.Module) -> Iterator[tuple[Mutant, ast.AST]]:
    """Each mutant, and what it lacks of the tree."""
    for name, part in [("", tree), *((node.name, node) for node in tree.body if hasattr(node, "name"))]:
        counted: dict[str, int] = {}
        for node in sorted(
            _inside(part), key=lambda each: (getattr(each, "lineno", 0), getattr(each, "col_offset", 0))
        ):
            kind = _kind(node)
            if kind:
                number = counted[kind] = counted.get(kind, -1) + 1
                yield Mutant(file, name, kind, number), node


def _inside(part: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a function or class; of the module those that are in neither."""
    if not isinstance(part, ast.Module):
        yield from ast.walk(part)
        return
    for node in part.body:
        if not hasattr(node, "name"):
            yield from ast.walk(node)


def _kind(node: ast.AST) -> str:
    """What a node keeps safe; empty for other nodes."""
    match node:
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)) if name in STAND_INS:
            return name
        case ast.Call(func=ast.Name(id=name)) if name in CONSTRAINTS:
            return name
        case ast.Call(func=ast.Attribute(attr="with_for_update")) | ast.keyword(arg="with_for_update"):
            return "with_for_update"
        case ast.keyword(arg="unique" | "isolation_level" as name):
            return name
        case ast.ClassDef() if keys.has_key_of_its_own(node):
            return "primary_key"
        case ast.Raise():
            return "raise"
        case ast.Compare(left=ast.Attribute(attr="rowcount")):
            return "rowcount"
    return ""


class _Without(ast.NodeTransformer):
    """Takes one node out, or puts what does nothing in its place."""

    def __init__(self, place: ast.AST, types: dict[str, ast.expr]) -> None:
        self._place = place
        self._types = types

    def visit(self, node: ast.AST) -> Any:
        if node is not self._place:
            return self.generic_visit(node)
        match node:
            case ast.Call(func=ast.Attribute(attr="begin", value=session)):
                return ast.Call(ast.Name(STAND_INS["begin"], ast.Load()), [session], [])
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)) if name in STAND_INS:
                node.func = ast.Name(STAND_INS[name], ast.Load())
                return node
            case ast.Call(func=ast.Attribute(attr="with_for_update", value=value)):
                return value
            case ast.Call(func=ast.Name(id="ForeignKey"), args=[ast.Constant(value=str() as column), *_]):
                return self._types.get(column)  # whose type the column had
            case ast.Raise():
                return ast.Pass()
            case ast.Compare(left=left):  # what is counted is carried out all the same
                return ast.Subscript(
                    ast.Tuple([left, ast.Constant(value=False)], ast.Load()), ast.Constant(1), ast.Load()
                )
        return None  # an argument or a keyword, which is left out


def _after_future(tree: ast.Module) -> int:
    there = [
        at for at, node in enumerate(tree.body, 1) if isinstance(node, ast.ImportFrom) and node.module == "__future__"
    ]
    return max(there, default=0)


class _Finder:
    """Imports other sources in place of the files."""

    def __init__(self, sources: dict[str, str]) -> None:
        self._sources = sources

    def find_spec(self, name: str, _path: Any = None, _target: ModuleType | None = None) -> ModuleSpec | None:
        """The spec of those modules alone."""
        if name not in self._sources:
            return None
        path = ROOT / f"{name.replace('.', '/')}.py"
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None
        spec.loader = _Loader(self._sources[name], path)
        return spec


class _Loader:
    def __init__(self, source: str, path: Path) -> None:
        self._source = source
        self._path = path

    def create_module(self, _spec: ModuleSpec) -> None:
        """As usual."""

    def exec_module(self, module: ModuleType) -> None:
        """Carry the other source out."""
        exec(compile(self._source, str(self._path), "exec"), module.__dict__)
