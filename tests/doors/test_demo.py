"""``acidity demo`` with the real prover: one program breaks, its mended twin holds."""

from __future__ import annotations

import json

import pytest

from acidity import prove
from acidity.cli import demo
from acidity.cli.demo import ACTS
from tests.doors.samples import PASSED


@pytest.fixture(scope="module")
def reports():
    """What the two programs' drills say; one drill of each for all tests."""
    return {act.name: demo._drilled(act) for act in ACTS}


@pytest.fixture
def drilled_once(monkeypatch, reports):
    monkeypatch.setattr(demo, "_drilled", lambda act: reports[act.name])


@pytest.mark.usefixtures("drilled_once")
def test_it_shows_what_it_promises(acidity):
    left = acidity("demo", "--output-format", "json")
    items = json.loads(left.out)["items"]
    assert {act.name: item["as_promised"] for act, item in zip(ACTS, items, strict=True)} == dict.fromkeys(
        (act.name for act in ACTS), True
    )
    assert [item["report"]["verdict"] for item in items] == ["fail", "pass"]
    assert left.code == 0


@pytest.mark.usefixtures("drilled_once")
def test_its_findings_point_at_its_source_and_can_be_replayed(acidity):
    items = json.loads(acidity("demo", "--output-format", "json").out)["items"]
    finding = items[0]["report"]["findings"][0]
    assert finding["sites"][0].rpartition("/")[2].startswith("demo_bank.py:")
    left = acidity("replay", items[0]["report"]["target"], finding["schedule"])
    assert left.code == 1
    assert f"FAIL: {finding['word']}" in left.out


@pytest.mark.usefixtures("drilled_once")
def test_the_text_shows_the_programs_and_what_to_look_at(acidity):
    left = acidity("demo")
    assert left.code == 0
    assert "def two_commits(engine: Engine" in left.out
    assert left.out.count("Look at ") == 2
    assert "torn  FAIL  not atomic (torn, ACI201)" in left.out
    assert "mended  pass" in left.out
    assert "2 of 2 programs did what this demo promises" in left.out
    assert len(left.out.splitlines()) <= 50


@pytest.mark.parametrize("output_format", ["text", "json"])
def test_a_demo_that_does_not_keep_its_promise_fails(acidity, monkeypatch, output_format):
    monkeypatch.setattr(prove, "drill", lambda scenario, **options: PASSED, raising=False)
    left = acidity("demo", "--output-format", output_format)
    assert left.code == 1
