"""What keeps the code readable: no file, function or protocol of the source grows large, and ARCHITECTURE.md is true."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from itertools import chain
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCE = sorted((ROOT / "src").rglob("*.py"))
ARCHITECTURE = ROOT / "ARCHITECTURE.md"
FILE, FUNCTION, PROTOCOL, ARCHITECTURE_LINES = 400, 60, 15, 150
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def lines(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def nodes(kind: type | tuple[type, ...]) -> Iterator[tuple[str, ast.AST]]:
    """All nodes of a kind in the source, each with where it is."""
    for path, found in parsed():
        for node in found:
            if isinstance(node, kind):
                yield f"{path.relative_to(ROOT)}:{node.name}", node


@cache
def parsed() -> list[tuple[Path, list[ast.AST]]]:
    """The nodes of each file."""
    return [(path, list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))) for path in SOURCE]


def too_large(sizes: Iterator[tuple[str, int]], limit: int) -> dict[str, int]:
    found = list(sizes)
    assert found  # else the rule has nothing to hold for
    return {name: size for name, size in found if size > limit}


def length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines from ``def`` to the last one of the body, without those of the docstring."""
    whole = function.end_lineno - function.lineno + 1
    if ast.get_docstring(function, clean=False) is None:
        return whole
    docstring = function.body[0]
    return whole - (docstring.end_lineno - docstring.lineno + 1)


def is_protocol(node: ast.ClassDef) -> bool:
    names = (ast.unparse(base).partition("[")[0].rpartition(".")[2] for base in node.bases)
    return "Protocol" in names


def methods(protocol: ast.ClassDef) -> int:
    """What somebody has to write to implement it; a property may be a plain attribute, and counts as none."""
    written = [node for node in protocol.body if isinstance(node, FUNCTIONS)]
    return sum("property" not in {ast.unparse(each) for each in node.decorator_list} for node in written)


def test_files() -> None:
    assert not too_large(((str(path.relative_to(ROOT)), lines(path)) for path in SOURCE), FILE)


def test_functions() -> None:
    assert not too_large(((name, length(node)) for name, node in nodes(FUNCTIONS)), FUNCTION)


def test_protocols() -> None:
    found = ((name, node) for name, node in nodes(ast.ClassDef) if is_protocol(node))
    assert not too_large(((name, methods(node)) for name, node in found), PROTOCOL)


def test_the_architecture_is_short() -> None:
    assert lines(ARCHITECTURE) <= ARCHITECTURE_LINES


def test_every_path_of_the_architecture_exists() -> None:
    text = ARCHITECTURE.read_text(encoding="utf-8")
    quoted = chain(re.findall(r"`([^`\s]+)`", text), re.findall(r"\]\(([^)#:\s]+)\)", text))
    paths = {name.rstrip("/") for name in quoted if "/" in name and re.fullmatch(r"[\w./-]+", name)}
    assert paths
    assert not [path for path in sorted(paths) if not exists(path)]


def exists(path: str) -> bool:
    """Whether there is such a file or folder, or a module with such a name in it, as ``adapters/seam.request``."""
    for place in (ROOT, ROOT / "src", ROOT / "src" / "acidity"):
        module, _, name = path.rpartition(".")
        source = place / f"{module}.py"
        if (place / path).exists() or (source.is_file() and re.search(rf"\b{name}\b", source.read_text("utf-8"))):
            return True
    return False


def test_planted_a_large_function_is_seen() -> None:
    """A docstring costs nothing, a statement does."""
    source = f'def f():\n    """{"x" * 9}\n    {"y" * 9}\n    """\n' + "    a = 1\n" * FUNCTION
    (function,) = ast.parse(source).body
    assert length(function) == FUNCTION + 1
