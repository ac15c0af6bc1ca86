"""No password of a URL reaches an output."""

from __future__ import annotations

import pytest

from acidity.report.secret import masked, printable


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("postgresql://ann:pw@db/x", "postgresql://ann:***@db/x"),
        ("postgresql+psycopg://ann:p:w/!$@db:5432/x", "postgresql+psycopg://ann:***@db:5432/x"),
        ("a://u:p@h b://v:q@i", "a://u:***@h b://v:***@i"),
        ("a://u:p@h,b://v:q@i", "a://u:***@h,b://v:***@i"),
        ("mysql://u:@h/x", "mysql://u:***@h/x"),
        ("sqlite:///x.db", "sqlite:///x.db"),
        ("postgresql://db/x?user=u&password=pw&sslmode=on", "postgresql://db/x?user=u&password=***&sslmode=on"),
        ("postgresql://ann@db/x", "postgresql://ann@db/x"),
        ("nothing: here@all", "nothing: here@all"),
    ],
)
def test_masked(text, expected):
    assert masked(text) == expected


def test_printable_keeps_what_people_write():
    text = "naïve ₹5 → 漢字 é 👩‍👧 नमस्ते"
    assert printable(text) == text
