"""What acidity advises to install exists: every extra it names, in any text, is one of pyproject's, and brings it."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import pytest

from acidity.adapters.drivers import DRIVERS
from acidity.core.packages import PACKAGES, missing
from acidity.engines.mariadb.sandbox import DRIVERS as OF_MARIADB
from acidity.engines.postgresql.sandbox import DRIVERS as OF_POSTGRESQL
from acidity.engines.sqlite.engine import DRIVERS as OF_SQLITE

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS: dict[str, list[str]] = PROJECT["optional-dependencies"]
TEXTS = sorted(
    path
    for pattern in ("*.md", "docs/**/*.md", "examples/**/*.md", "examples/**/*.py", "src/**/*.py", ".ci/*")
    for path in ROOT.glob(pattern)
    if path.is_file()
)
OURS = re.compile(r"(?:acidity|\.)\[([\w., -]+)\]")
INSTALLS = re.compile(r"pip install ((?:\[[^]]*\]|[^`\n;&),])*)")


def name_of(requirement: str) -> str:
    return re.split(r"[\[<>=!~; ]", requirement, maxsplit=1)[0].lower()


def texts(path: Path) -> Iterator[str]:
    """The text of a file; of Python code its string constants, those of an f-string put together."""
    whole = path.read_text(encoding="utf-8")
    if path.suffix != ".py":
        yield whole
        return
    for node in ast.walk(ast.parse(whole)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
        elif isinstance(node, ast.JoinedStr):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)


ALL = [(path, text) for path in TEXTS for text in texts(path)]


def test_there_are_texts_to_look_at() -> None:
    assert sum("acidity[" in text for _, text in ALL) > 5
    assert sum("pip install" in text for _, text in ALL) > 5


def test_every_extra_that_is_named_exists() -> None:
    for path, text in ALL:
        if path.suffix == ".py" and "install" not in text and "needs" not in text:
            continue
        for found in OURS.findall(text):
            for extra in found.split(","):
                assert extra.strip() in EXTRAS, (extra, text[:200])


def test_everything_that_is_to_be_installed_has_a_name_that_exists() -> None:
    known = {name_of(each) for each in (*PROJECT["dependencies"], *chain.from_iterable(EXTRAS.values()))}
    for path, text in ALL:
        for command in INSTALLS.findall(text):
            for word in command.replace("'", " ").replace('"', " ").split():
                if word.startswith(("-", ".", "acidity[")) or word in {"acidity", "$@"}:
                    continue
                if "{}" in word:  # core/packages.py puts the extra in, from the table that is tested below
                    assert path.name == "packages.py", text
                    continue
                assert name_of(word) in known, (word, command)


def test_every_driver_that_a_scenario_can_use_has_an_extra() -> None:
    spoken = {module for pair in (*OF_POSTGRESQL.values(), *OF_MARIADB.values()) for module in pair}
    modules = {module.lower() for module in (*spoken, *filter(None, OF_SQLITE), *DRIVERS)} - {"sqlite3", "pysqlite"}
    assert {module.lower() for module, package in PACKAGES.items() if package.db} == modules


@pytest.mark.parametrize("module", PACKAGES)
def test_the_extra_brings_the_package(module: str) -> None:
    package = PACKAGES[module]
    brought = EXTRAS[package.extra] if package.extra else PROJECT["dependencies"]
    names = {name_of(each) for each in brought}
    if package.module == "greenlet":
        assert any(each.startswith("sqlalchemy[asyncio]") for each in brought)
    else:
        assert package.distribution.lower() in names
    assert package.advice in missing(module)


def test_the_test_extra_brings_what_does_not_need_a_compiler() -> None:
    (own,) = [each for each in EXTRAS["test"] if each.startswith("acidity[")]
    brought = set(own.removeprefix("acidity[").removesuffix("]").split(","))
    assert {package.extra for package in PACKAGES.values()} - {"", "mysqlclient"} <= brought
