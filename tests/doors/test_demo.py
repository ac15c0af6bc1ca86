"""``acidity demo`` with the real prover: one program breaks, one loses an update, the mended one holds."""

from __future__ import annotations

import json

import pytest

from acidity import prove
from acidity.cli import demo
from acidity.cli.demo import ACTS
from tests.doors.samples import GREEN


@pytest.fixture(scope="module")
def reports():
    """What the cards of the programs say; one check of each for all tests (slow: `.ci/run` begins with this demo)."""
    return {act.name: demo._checked(act) for act in ACTS}


@pytest.fixture
def checked_once(monkeypatch, reports):
    monkeypatch.setattr(demo, "_checked", lambda act: reports[act.name])


@pytest.mark.slow
@pytest.mark.usefixtures("checked_once")
def test_it_shows_what_it_promises(acidity):
    left = acidity("demo", "--output-format", "json")
    items = json.loads(left.out)["items"]
    assert {act.name: item["as_promised"] for act, item in zip(ACTS, items, strict=True)} == dict.fromkeys(
        (act.name for act in ACTS), True
    )
    letters = [{name: row["verdict"] for name, row in item["card"]["letters"].items()} for item in items]
    assert letters == [
        {"A": "fail", "C": "fail", "I": "pass", "D": "pass"},
        {"A": "pass", "C": "pass", "I": "fail", "D": "pass"},
        {"A": "pass", "C": "pass", "I": "pass", "D": "pass"},
    ]
    assert left.code == 0


@pytest.mark.slow
@pytest.mark.usefixtures("checked_once")
def test_its_findings_point_at_its_source_and_can_be_replayed(acidity):
    items = json.loads(acidity("demo", "--output-format", "json").out)["items"]
    finding = items[0]["card"]["letters"]["A"]["findings"][0]
    assert finding["sites"][0].rpartition("/")[2].startswith("demo_bank.py:")
    left = acidity("replay", items[0]["card"]["target"], finding["schedule"])
    assert left.code == 1
    assert f"FAIL: {finding['word']}" in left.out
    lost = items[1]["card"]["letters"]["I"]["findings"][0]
    assert lost["anomaly"] == "lost update"
    assert acidity("replay", items[1]["card"]["target"], lost["schedule"]).code == 1


@pytest.mark.slow
@pytest.mark.usefixtures("checked_once")
def test_the_text_shows_the_programs_and_what_to_look_at(acidity):
    left = acidity("demo")
    assert left.code == 0
    assert "def two_commits(engine: Engine" in left.out
    assert left.out.count("Look at ") == 3
    assert "torn  FAIL  not atomic (torn, ACI201)" in left.out
    assert "lost  FAIL  not isolated (lost update, ACI301)" in left.out
    assert "mended  pass" in left.out
    assert "I  isolated   pass" in left.out
    assert "3 of 3 programs did what this demo promises" in left.out
    assert len(left.out.splitlines()) <= 81


@pytest.mark.parametrize("output_format", ["text", "json"])
def test_a_demo_that_does_not_keep_its_promise_fails(acidity, monkeypatch, output_format):
    monkeypatch.setattr(prove, "check", lambda scenario, **options: GREEN, raising=False)
    left = acidity("demo", "--output-format", output_format)
    assert left.code == 1
