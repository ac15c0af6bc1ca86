"""Which functions and which refusals of a system a target gets to, found by running it once with marks in the source."""

from __future__ import annotations

import ast
from copy import copy
from functools import cache
from typing import Any

from acidity import prove
from acidity.errors import UsageError
from tests.systems.manifest import Entry, entries
from tests.systems.mutants import Mutant, has_meaning, imported_anew, module_of, places, shipped, tree_of

PASSED: set[str] = set()


def passed(mark: str) -> None:
    """Called where a mark is."""
    PASSED.add(mark)


def of_function(mutant: Mutant) -> str:
    """The mark at the beginning of the function in which a line stands."""
    return f"{mutant.file}:{mutant.function}"


@cache
def reached(system: str) -> dict[str, frozenset[str]]:
    """The marks by target: ``file:function`` for each that was called, and each ``raise`` that was carried out.

    On SQLite, where it costs least; what a target reaches does not depend on the engine.
    """
    sources = {module_of(file): _marked(file) for file in shipped(system) if not file.endswith("__init__.py")}
    found: dict[str, frozenset[str]] = {}
    with imported_anew(system, sources):
        for entry in passing(system):
            PASSED.clear()
            try:
                scenario = copy(entry.scenario)
                object.__setattr__(scenario, "not_applicable", {})  # it gets to the same lines all the same
                prove.drill(scenario, faults=("effect-after",), remedies=False)
            except UsageError:
                found[entry.target] = frozenset()
            else:
                found[entry.target] = frozenset(PASSED)
    return found


def applies(mutant: Mutant, db: str) -> bool:
    """Whether a line has a mutant on an engine: not where every target that gets to its function is not applicable."""
    if not has_meaning(mutant, db):
        return False
    found = reached(mutant.system)
    there = [entry for entry in passing(mutant.system, db) if of_function(mutant) in found[entry.target]]
    return not there or not all(entry.not_applicable for entry in there)


@cache
def passing(system: str, db: str = "sqlite") -> list[Entry]:
    """What the system itself must pass: its targets but the twins; and what is expected to fail with one word only."""
    return [
        entry
        for entry, on in entries()
        if on == db and entry.system == system and not entry.is_broken
        if entry.nothing_else or "fail" not in {entry.A, entry.C, entry.I}
    ]


def _marked(file: str) -> str:
    tree = tree_of(file)
    marks = {id(node): str(mutant) for mutant, node in places(file, tree) if isinstance(node, ast.Raise)}
    changed: Any = _Marks(marks).visit(tree)
    for node in changed.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            node.body.insert(0, _mark(f"{file}:{node.name}"))
    text = ast.unparse(ast.fix_missing_locations(changed))
    future = "from __future__ import annotations"
    return text.replace(future, f"{future}\nfrom {__name__} import passed", 1) if future in text else text


class _Marks(ast.NodeTransformer):
    def __init__(self, marks: dict[int, str]) -> None:
        self._marks = marks

    def visit_Raise(self, node: ast.Raise) -> Any:  # the name that the parent class asks for
        return [_mark(self._marks[id(node)]), node]


def _mark(name: str) -> ast.stmt:
    return ast.Expr(ast.Call(ast.Name("passed", ast.Load()), [ast.Constant(name)], []))
