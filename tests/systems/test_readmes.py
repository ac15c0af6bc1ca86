"""What the READMEs of the examples show is what their commands print."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.systems.manifest import ROOT
from tests.systems.readme import LANGUAGE, shown

READMES = sorted((ROOT / "examples").glob("*/README.md"))


@pytest.mark.parametrize("path", READMES, ids=lambda path: path.parent.name)
def test_output(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    if f"```{LANGUAGE}" in text:
        assert "\n".join(shown(text)) + "\n" == text


def test_each_system_has_one() -> None:
    systems = {path.parent.name for path in (ROOT / "examples").glob("*/__main__.py")}
    assert systems <= {path.parent.name for path in READMES}
