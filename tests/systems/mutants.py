"""Mutants of the shipped code of a system: each lacks one line that keeps it safe.

`tests.systems.lines` finds them; what each has in its place is said here.
"""

from __future__ import annotations

import ast
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any

from tests.systems import keys, stand_ins
from tests.systems.lines import FOREIGN, GOES_BACK, LOCKING, LOCKS, STAND_INS, called, names, safety_lines
from tests.systems.manifest import OF_TWINS, ROOT, entries

SHARED = {"command.py": "constraints", "opening.py": "booking"}  # by all systems; whose commands show what one lacks


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
        """The folder, or the one that a file of all of them is tried with."""
        return SHARED.get(self.file, self.file.partition("/")[0])

    @property
    def module(self) -> str:
        """Its name."""
        return module_of(self.file)


@cache
def systems() -> list[str]:
    """Those of the manifest."""
    return sorted({entry.system for entry, _ in entries()})


def shipped(system: str) -> list[str]:
    """The files of a system but its twins and what is shown of them, below `examples/`."""
    folder = ROOT / "examples"
    return [
        *(file for file, tried_with in SHARED.items() if tried_with == system),
        *(
            str(path.relative_to(folder))
            for path in sorted((folder / system).rglob("*.py"))
            if path.stem not in OF_TWINS and path.parent.name != "shown"
        ),
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
    return source_without(tree, [place])


def without_foreign_keys(system: str) -> dict[str, str]:
    """The sources of a system, by the names of modules, in which no table has any."""
    found = {}
    for file in shipped(system):
        tree = tree_of(file)
        there = [(mutant.module, node) for mutant, node in places(file, tree) if mutant.kind in FOREIGN]
        if there:
            found[there[0][0]] = source_without(tree, [node for _, node in there])
    return found


def source_without(tree: ast.Module, missing: list[ast.AST]) -> str:
    """A module without these of its nodes."""
    types = keys.types_of_columns(tree)
    for place in missing:
        if isinstance(place, ast.ClassDef):
            tree = keys.without_key(tree, place)
        else:
            tree = _Without(place, names(tree), types).visit(tree)
    at = _after_future(tree)
    imported = f"from {stand_ins.__name__} import {', '.join(sorted({*STAND_INS.values()}))}"
    tree.body[at:at] = ast.parse(f"{imported}\nfrom sqlalchemy.orm import mapped_column\n").body
    return ast.unparse(ast.fix_missing_locations(tree))


@contextmanager
def planted(mutant: Mutant) -> Iterator[None]:
    """The system is imported anew with that mutant, and after it as it was."""
    with imported_anew(mutant.system, {mutant.module: source_of(mutant)}):
        yield


@contextmanager
def imported_anew(system: str, sources: dict[str, str]) -> Iterator[None]:
    """The system is imported with these sources, by the names of modules, and after it as it was."""

    shared = {module_of(file) for file in SHARED}

    def is_of_the_system(name: str) -> bool:
        return f"{name}.".startswith(f"examples.{system}.") or name in shared

    before = {name: module for name, module in sys.modules.items() if is_of_the_system(name)}
    package = import_module("examples")
    attributes = {name: value for name, value in vars(package).items() if is_of_the_system(f"examples.{name}")}
    for name in before:
        del sys.modules[name]
    finder = _Finder(sources, is_of_the_system)
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        for name in [name for name in sys.modules if is_of_the_system(name)]:
            del sys.modules[name]
        sys.modules.update(before)
        vars(package).update(attributes)


def tree_of(file: str) -> ast.Module:
    """A file below `examples/`."""
    return ast.parse((ROOT / "examples" / file).read_text(encoding="utf-8"))


def places(file: str, tree: ast.Module) -> Iterator[tuple[Mutant, ast.AST]]:
    """Each mutant, and what it lacks of the tree."""
    counted: Counter[tuple[str, str]] = Counter()
    for name, kind, node in safety_lines(tree):
        yield Mutant(file, name, kind, counted[name, kind]), node
        counted[name, kind] += 1


class _Without(ast.NodeTransformer):
    """Takes one node out, or puts what does nothing in its place."""

    def __init__(self, place: ast.AST, known: dict[str, str], types: dict[str, ast.expr]) -> None:
        self._place = place
        self._known = known
        self._types = types

    def visit(self, node: ast.AST) -> Any:
        if node is not self._place:
            return self.generic_visit(node)
        name = called(node, self._known)
        match node:
            case ast.Call(func=ast.Attribute(value=session)) if name == "begin":
                return _stand_in(name, session)
            case ast.Call() if name in STAND_INS:
                node.func = ast.Name(STAND_INS[name], ast.Load())
                return node
            case ast.Call(func=ast.Attribute(value=value)) if name == "with_for_update":
                return value
            case ast.Call(args=[ast.Constant(value=str() as column), *_]) if name == "ForeignKey":
                return self._types.get(column)  # whose type the column had
            case ast.With(items=[item]) | ast.AsyncWith(items=[item]):
                item.context_expr = _stand_in("commit", item.context_expr)
                return node
            case ast.AnnAssign():
                return keys.with_null(node)
            case ast.Constant(value=str() as text):
                return ast.Constant("SELECT 1" if GOES_BACK.match(text) else LOCKING.sub("", text))
            case ast.Raise() | ast.Expr():
                return ast.Pass()
            case ast.Attribute():  # a row was counted, whatever was: what is counted is carried out all the same
                return ast.Subscript(ast.Tuple([node, ast.Constant(1)], ast.Load()), ast.Constant(1), ast.Load())
        return None  # an argument or a keyword, which is left out


def _stand_in(name: str, *arguments: ast.expr) -> ast.Call:
    return ast.Call(ast.Name(STAND_INS[name], ast.Load()), list(arguments), [])


def module_of(file: str) -> str:
    """The name of a file below `examples/`."""
    return f"examples.{file.removesuffix('.py').replace('/', '.')}"


def _after_future(tree: ast.Module) -> int:
    there = [
        at for at, node in enumerate(tree.body, 1) if isinstance(node, ast.ImportFrom) and node.module == "__future__"
    ]
    return max(there, default=0)


class _Finder:
    """Imports other sources in place of files of a system, and its other files as they are, whatever is planted outside."""

    def __init__(self, sources: dict[str, str], is_of_the_system: Callable[[str], bool]) -> None:
        self._sources = sources
        self._is_of_the_system = is_of_the_system

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The spec of a module of the system alone."""
        if not self._is_of_the_system(name):
            return None
        spec = PathFinder.find_spec(name, path)
        if spec is not None and name in self._sources:
            spec.loader = _Loader(self._sources[name], Path(str(spec.origin)))
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
