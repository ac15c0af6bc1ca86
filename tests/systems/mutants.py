"""Mutants of the shipped code of a system: each lacks one line that keeps it safe.

Safety lines are found by the syntax tree, whatever they are called: locks, boundaries and savepoints, every ``raise``,
every look at a count of rows, CHECKs and foreign keys.
"""

from __future__ import annotations

import ast
import importlib.util
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import wraps
from importlib import import_module
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

from tests.systems.manifest import ROOT

HERE = __name__
CALLS = {"lock": "unlocked", "atomic": "each_by_itself", "savepoint": "nothing"}  # what stands in for each


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


def mutants(file: str) -> list[Mutant]:
    """All there are of a file."""
    return [mutant for mutant, _ in _places(file, _tree(file))]


def source_of(mutant: Mutant) -> str:
    """The file without that line."""
    tree = _tree(mutant.file)
    [place] = [node for each, node in _places(mutant.file, tree) if each == mutant]
    changed = _Without(place).visit(tree)
    at = _after_future(changed)
    changed.body[at:at] = ast.parse(f"from {HERE} import {', '.join(CALLS.values())}\n").body
    return ast.unparse(ast.fix_missing_locations(changed))


@contextmanager
def planted(mutant: Mutant) -> Iterator[None]:
    """The system is imported anew with that mutant, and after it as it was."""

    def is_of_the_system(name: str) -> bool:
        return f"{name}.".startswith(f"examples.{mutant.system}.")

    before = {name: module for name, module in sys.modules.items() if is_of_the_system(name)}
    package = import_module("examples")
    attribute = getattr(package, mutant.system, None)
    for name in before:
        del sys.modules[name]
    finder = _Finder(mutant)
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        for name in [name for name in sys.modules if is_of_the_system(name)]:
            del sys.modules[name]
        sys.modules.update(before)
        if attribute is not None:
            setattr(package, mutant.system, attribute)


def unlocked(session: Any, model: Any, keys: Sequence[Any]) -> list[Any]:
    """What `acidity.run.lock` gives, without a lock."""
    found = [session.get(model, key) for key in sorted(keys)]
    if None in found:
        raise LookupError
    return found


def each_by_itself(sessions: Any, **_: Any) -> Callable[..., Any]:
    """What `acidity.atomic` decorates, in AUTOCOMMIT."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def call(*arguments: Any, **keywords: Any) -> Any:
            with sessions() as session:
                session.connection(execution_options={"isolation_level": "AUTOCOMMIT"})
                answer = function(session, *arguments, **keywords)
                session.commit()
            return answer

        return call

    return decorate


def nothing(*_: Any) -> Any:
    """In place of a savepoint."""
    return nullcontext()


def _tree(file: str) -> ast.Module:
    return ast.parse((ROOT / "examples" / file).read_text(encoding="utf-8"))


def _places(file: str, tree: ast.Module) -> Iterator[tuple[Mutant, ast.AST]]:
    for name, part in [("", tree), *((node.name, node) for node in tree.body if hasattr(node, "name"))]:
        counted: dict[str, int] = {}
        for node in _inside(part):
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
        case ast.Call(func=ast.Name(id="lock" | "atomic" | "savepoint" as name)):
            return name
        case ast.Call(func=ast.Name(id="CheckConstraint" | "ForeignKey" as name)):
            return name
        case ast.Call(func=ast.Attribute(attr="with_for_update")) | ast.keyword(arg="with_for_update"):
            return "with_for_update"
        case ast.Raise():
            return "raise"
        case ast.Compare(left=ast.Attribute(attr="rowcount")):
            return "rowcount"
    return ""


class _Without(ast.NodeTransformer):
    """Takes one node out, or puts what does nothing in its place."""

    def __init__(self, place: ast.AST) -> None:
        self._place = place

    def visit(self, node: ast.AST) -> Any:
        if node is not self._place:
            return self.generic_visit(node)
        match node:
            case ast.Call(func=ast.Name(id=name)) if name in CALLS:
                node.func = ast.Name(CALLS[name], ast.Load())
                return node
            case ast.Call(func=ast.Attribute(attr="with_for_update", value=value)):
                return value
            case ast.Raise():
                return ast.Pass()
            case ast.Compare():
                return ast.Constant(value=False)
        return None  # an argument or a keyword, which is left out


def _after_future(tree: ast.Module) -> int:
    places = [
        at for at, node in enumerate(tree.body, 1) if isinstance(node, ast.ImportFrom) and node.module == "__future__"
    ]
    return max(places, default=0)


class _Finder:
    """Imports the mutated source in place of the file."""

    def __init__(self, mutant: Mutant) -> None:
        self._mutant = mutant

    def find_spec(self, name: str, _path: Any = None, _target: ModuleType | None = None) -> ModuleSpec | None:
        """The spec of that module alone."""
        if name != self._mutant.module:
            return None
        path = Path(ROOT / "examples" / self._mutant.file)
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None
        spec.loader = _Loader(self._mutant, path)
        return spec


class _Loader:
    def __init__(self, mutant: Mutant, path: Path) -> None:
        self._mutant = mutant
        self._path = path

    def create_module(self, _spec: ModuleSpec) -> None:
        """As usual."""

    def exec_module(self, module: ModuleType) -> None:
        """Carry the mutated source out."""
        exec(compile(source_of(self._mutant), str(self._path), "exec"), module.__dict__)
