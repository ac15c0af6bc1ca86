"""L1: no command line, no schedule and no report file ends in a traceback; *slow*, bounded, from a fixed seed."""

from __future__ import annotations

import contextlib
import io
import json
import os
import string
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from acidity.cli.main import main
from acidity.core.schedule import Schedule
from acidity.errors import UsageError
from acidity.report.json import render
from tests.doors.samples import FAILED

pytestmark = pytest.mark.slow

VERBS = ["check", "drill", "replay", "doctor", "demo", "", "help", "lint"]
OPTIONS = [
    "--db", "--seed", "--budget", "--run-timeout", "--runs-max", "--letters", "--setting", "--isolation-level", "--args",
    "--schema", "--metadata", "--setup", "--bind", "--invariant", "--inject", "--output-format", "--operation", "--help",
    "--version", "-h", "--exit-zero", "--bogus", "--",
]  # fmt: skip
VALUES = [
    "sqlite", "sqlite,sqlite", "oracle", "postgresql://u:secretpw@h/x", "host=h password=secretpw", "1", "0", "-1", "1e999",
    "9" * 5000, "inf", "nan", "30s", "A", "ACID", "a=b", "=", "json", "xml", "nowhere:thing", "nowhere", ".", "..", "/", "ac1:",
    "ac1:A" + "9" * 5000, "ac1:A3!x", "card.json", "x" * 300 + ".json", "\x1b[31m", "\u202e", "1, 2", "(" * 500, "[" * 5000,
    "Decimal('1')", "Decimal('x')", "f(**{})", "", " ",
]  # fmt: skip
odd = st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), max_size=20)
words = st.lists(st.one_of(st.sampled_from(OPTIONS), st.sampled_from(VALUES), odd), max_size=6)
bounded = {"deadline": None, "derandomize": True, "database": None, "suppress_health_check": list(HealthCheck)}
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


def left(*arguments: str) -> tuple[int, str]:
    """Exit code and everything that was printed."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out), pytest.raises(SystemExit) as ended:
        main(list(arguments))
    return int(ended.value.code or 0), out.getvalue()


def is_clean(said: str) -> None:
    assert "Traceback" not in said
    assert "this is a bug" not in said
    assert "secretpw" not in said
    assert "\x1b" not in said


@settings(max_examples=2000, **bounded)
@given(st.sampled_from(VERBS), words)
def test_l1_command_lines(verb: str, rest: list[str]) -> None:
    if verb == "demo" and not any(word in {"--bogus", "--db"} for word in rest):
        return  # it would run
    code, said = left(verb, *rest)
    assert code in {0, 1, 2, 3}
    is_clean(said)


@settings(max_examples=2000, **bounded)
@given(
    st.one_of(
        st.text(max_size=40),
        st.text(string.ascii_letters + string.digits + ".!*:-", max_size=60).map("ac1:".__add__),
    )
)
def test_l1_schedules(text: str) -> None:
    try:
        schedule = Schedule.parse(text)
    except UsageError:
        return
    assert Schedule.parse(str(schedule)) == schedule


@settings(max_examples=500, **bounded)
@given(st.data())
def test_l1_report_files(data: Any) -> None:
    whole = json.loads(render([FAILED]))
    for _ in range(data.draw(st.integers(1, 3))):
        holder = data.draw(st.sampled_from([whole, whole["engine"], *_findings(whole)]))
        if isinstance(holder, dict) and holder:
            holder[data.draw(st.sampled_from(sorted(holder)))] = data.draw(json_values)
        if not isinstance(whole.get("engine"), dict):
            break
    text = json.dumps(whole)
    cut = data.draw(st.integers(0, len(text)))
    text = data.draw(st.sampled_from([text, text[:cut], text[:cut] + "\x00" + text[cut:], text * 2]))
    Path("card.json").write_text(text, encoding="utf-8", errors="replace")
    code, said = left("replay", "app.bank:transfer", "card.json")
    assert code == 2  # also where it is whole: there is no such target here
    is_clean(said)
    assert sorted(os.listdir()) == ["card.json"]  # noqa: PTH208 - names


def _findings(whole: dict[str, Any]) -> list[Any]:
    found = whole.get("findings")
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []
