"""docs/json.md names every schema, state and type that there is."""

from __future__ import annotations

import re
from pathlib import Path

from acidity.core.life import LifeState
from acidity.report import documents
from acidity.report.plain import _READERS

TEXT = (Path(__file__).parents[2] / "docs" / "json.md").read_text(encoding="utf-8")


def test_every_schema_state_and_type_is_named() -> None:
    schemas = {documents.REPORT, documents.CARD, documents.LETTER, documents.LEVELS, documents.REPLAY, documents.SET}
    first = [cell for row in re.findall(r"^\| (`.+?) \|", TEXT, re.MULTILINE) for cell in re.findall(r"`([^`]+)`", row)]
    assert set(first) - {"schema", "state"} == {*schemas, *map(str, LifeState), *_READERS}
