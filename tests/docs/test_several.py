"""The page on several commits: its program runs, and its words are those of the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from acidity.core.codes import OF_WORD

PAGE = Path(__file__).parents[2] / "docs" / "several.md"


@pytest.mark.slow
def test_its_program_runs() -> None:
    (block,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    exec(compile(block, str(PAGE), "exec", dont_inherit=True), {"__name__": __name__})


def test_its_codes_are_those_of_findings() -> None:
    said = re.findall(r"\*(not\s+\w+)\*\s(ACI\d+)", PAGE.read_text(encoding="utf-8"))
    assert {" ".join(word.split()): code for word, code in said} == {
        word: OF_WORD[word].name for word in ("not recovered", "not settled", "not idempotent")
    }
