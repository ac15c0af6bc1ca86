"""The JSON format: the promised fields, the same bytes twice, and a reader that gets out what replay needs."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from uuid import UUID

import pytest

from acidity.core.outcome import Told
from acidity.errors import UsageError
from acidity.report.json import as_json, render
from acidity.report.rerun import Rerun
from acidity.report.saved import findings, load
from acidity.report.values import described, json_ready
from tests.doors.samples import ALL_LETTERS, FAILED, GREEN, PASSED, TORN, Replayed

REPORT_FIELDS = {"schema", "check", "target", "verdict", "engine", "runs", "bounds", "findings", "seed", "versions"}
FINDING_FIELDS = {"code", "severity", "title", "anomaly", "word", "schedule", "sites", "diff", "remedies"}


def test_a_report_has_the_promised_fields():
    whole = json.loads(render([FAILED]))
    assert set(whole) >= REPORT_FIELDS
    assert (whole["schema"], whole["verdict"], whole["runs"]) == ("acidity.report/1", "fail", 63)
    assert set(whole["engine"]) >= {"name", "version", "settings"}
    finding = whole["findings"][0]
    assert set(finding) >= FINDING_FIELDS
    assert finding["schedule"] == "ac1:A3!error-before"
    assert finding["sites"] == ["bank.py:44", "bank.py:41"]
    assert finding["remedies"][1] == {
        "name": "one commit instead of several",
        "verdict": "pass",
        "runs": 57,
        "note": "both writes in the first transaction",
        "key": "",
        "result": "passed",
        "remain": [],
        "by_caller": False,
    }
    assert set(finding) >= {"kind", "cause", "also", "path", "permanent", "broke", "rows", "see", "rate", "mode"}
    assert finding["diff"][0]["text"] == "accounts id=1 balance 100 → 50"
    assert finding["diff"][0]["before"] == {"id": 1, "balance": "100"}
    assert finding["diff"][1]["before"] is None
    assert finding["history"][2]["fault"] == "error-before"
    assert finding["history"][0]["params"] == ["50.00", 1]


def test_a_card_has_a_verdict_for_every_letter():
    whole = json.loads(render([ALL_LETTERS]))
    assert (whole["schema"], whole["target"], whole["verdict"]) == ("acidity.card/1", "app.bank:transfer", "fail")
    verdicts = {letter: row["verdict"] for letter, row in whole["letters"].items()}
    assert verdicts == {"A": "fail", "C": "not stated", "I": "not built", "D": "not asked"}
    assert list(whole["letters"]) == ["A", "C", "I", "D"]
    assert whole["letters"]["A"]["schema"] == "acidity.report/1"


def test_several_answers_are_a_set():
    whole = json.loads(render([GREEN, PASSED]))
    assert whole["schema"] == "acidity.set/1"
    assert [item["schema"] for item in whole["items"]] == ["acidity.card/1", "acidity.report/1"]


def test_a_replayed_run():
    whole = json.loads(render([Rerun(Replayed(), ("torn",))]))
    assert (whole["schema"], whole["told"], whole["rows"], whole["reproduced"]) == (
        "acidity.replay/1",
        "failed",
        "torn",
        True,
    )


def test_only_the_time_differs_between_equal_reports():
    slower = replace(FAILED, elapsed_s=9.0, versions=dict(reversed(FAILED.versions.items())))
    first, second = json.loads(render([FAILED])), json.loads(render([slower]))
    assert first.pop("elapsed_s") != second.pop("elapsed_s")
    assert json.dumps(first) == json.dumps(second)


def test_the_bytes_are_ascii_and_valid():
    text = render([replace(FAILED, headline="₹5 → \ud800", notes=("on postgresql://ann:s3cret@db/x",))])
    assert text.isascii()
    assert json.loads(text)["notes"] == ["on postgresql://ann:***@db/x"]


class Color(Enum):
    RED = "red"


@pytest.mark.parametrize(
    ("value", "ready"),
    [
        (Decimal("50.00"), "50.00"),
        (datetime(2026, 8, 1, 12, 30, tzinfo=UTC), "2026-08-01T12:30:00+00:00"),
        (date(2026, 8, 1), "2026-08-01"),
        (timedelta(seconds=1), "0:00:01"),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (b"\x01\xff", "0x01ff"),
        (memoryview(b"\x01"), "0x01"),
        (float("nan"), "nan"),
        (float("-inf"), "-inf"),
        (1.5, 1.5),
        (True, True),
        (None, None),
        (Told.OK, "ok"),
        (Color.RED, "red"),
        ({"b", "a"}, ["a", "b"]),
        ((1, (2, "x")), [1, [2, "x"]]),
        ({1: Decimal(1), None: 2}, {"1": "1", "None": 2}),
        (object, "<class 'object'>"),
    ],
)
def test_values_that_json_has_no_type_for(value, ready):
    assert json_ready(value) == ready
    json.dumps(json_ready(value), allow_nan=False)


def test_no_memory_address_is_printed():
    assert "0x" not in str(json_ready(object()))
    assert "0x" not in described([object()])


def test_what_is_not_an_answer_is_refused():
    with pytest.raises(TypeError, match="not an answer"):
        as_json("fail")


def test_the_reader_gets_out_what_replay_needs():
    (finding, warning) = findings(render([FAILED]))
    assert (
        finding.target,
        finding.db,
        finding.operation,
        finding.schedule,
        finding.word,
        finding.seed,
        finding.settings,
    ) == (
        "app.bank:transfer",
        "sqlite",
        "transfer",
        str(TORN.schedule),
        "torn",
        0,
        (),
    )
    assert warning.word == "failed after commit"


def test_the_reader_understands_cards_and_sets():
    assert len(load(render([ALL_LETTERS]))) == 2
    assert len(load(render([ALL_LETTERS, GREEN, PASSED]))) == 5
    assert findings(render([ALL_LETTERS, FAILED])) == findings(render([FAILED]))


@pytest.mark.parametrize("text", ["", "3", "[]", "{}", '{"schema": "acidity.card/2"}'])
def test_the_reader_refuses_what_is_not_ours(text):
    with pytest.raises(UsageError, match="not a saved report"):
        load(text)
