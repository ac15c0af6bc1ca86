"""``acidity schema`` prints the schema that is published."""

from __future__ import annotations

from pathlib import Path

SCHEMA = Path(__file__).parents[2] / "docs" / "acidity.schema.json"


def test_the_schema(acidity):
    left = acidity("schema")
    assert (left.code, left.err) == (0, "")
    assert left.out == SCHEMA.read_text(encoding="utf-8")
