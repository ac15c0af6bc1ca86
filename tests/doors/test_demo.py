"""``acidity demo`` with the real prover: two programs break, their mended twins hold."""

from __future__ import annotations

import json

import pytest

from acidity import prove
from acidity.cli import demo
from acidity.cli.demo import ACTS
from tests.doors.samples import PASSED


@pytest.fixture(scope="module")
def reports():
    """What the four programs' drills say; one drill of each for all tests."""
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
    assert [item["report"]["verdict"] for item in items] == ["fail", "pass", "fail", "pass"]
    assert left.code == 0


@pytest.mark.usefixtures("drilled_once")
def test_its_findings_point_at_its_source_and_can_be_replayed(acidity):
    items = json.loads(acidity("demo", "--output-format", "json").out)["items"]
    for item in (items[0], items[2]):
        finding = item["report"]["findings"][0]
        assert finding["sites"][0].rpartition("/")[2].startswith("demo_bank.py:")
        left = acidity("replay", item["report"]["target"], finding["schedule"])
        assert left.code == 1
        assert f"FAIL: {finding['word']}" in left.out


@pytest.mark.usefixtures("drilled_once")
def test_the_text_shows_the_programs_and_what_to_look_at(acidity):
    left = acidity("demo")
    assert left.code == 0
    assert "def two_commits(engine: Engine" in left.out
    assert left.out.count("Look at ") == 4
    assert left.out.count("It does what this demo promises.") == 4


@pytest.mark.parametrize("output_format", ["text", "json"])
def test_a_demo_that_does_not_keep_its_promise_fails(acidity, monkeypatch, output_format):
    monkeypatch.setattr(prove, "drill", lambda scenario, **options: PASSED, raising=False)
    left = acidity("demo", "--output-format", output_format)
    assert left.code == 1
