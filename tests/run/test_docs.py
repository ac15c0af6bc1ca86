"""Every block of the pages on RUN runs, and so does every example in its docstrings."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
import re
from pathlib import Path

import pytest
from sqlalchemy.engine import Engine

from acidity import run
from acidity.engines import codes

ELSEWHERE = {"two-phase"}  # needs two databases: tests/run/twophase/test_docs_two_phase.py
FOLDER = Path(__file__).parents[2] / "docs" / "run"
PAGES = sorted(page for page in FOLDER.glob("*.md") if page.stem not in ELSEWHERE)
MODULES = [codes.__name__, *(module.name for module in pkgutil.walk_packages(run.__path__, f"{run.__name__}."))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_page(page: Path, engine: Engine) -> None:
    blocks = re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    assert blocks
    names = {"engine": engine}
    for block in blocks:
        exec(compile(block, page.name, "exec", dont_inherit=True), names)  # not this file's __future__


@pytest.mark.parametrize("name", MODULES)
def test_docstrings(name: str) -> None:
    assert not doctest.testmod(importlib.import_module(name)).failed
