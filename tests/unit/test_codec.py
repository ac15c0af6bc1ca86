"""JSON ↔ Report: what is written comes back equal, fits the published schema, and nothing else is read."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import jsonschema
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from acidity import prove
from acidity.core.call import Call, Event, Kind, Reply, Site, Writes
from acidity.core.cause import AlsoBroken, CauseKind, Place, Rate, RowFate
from acidity.core.finding import Finding, Remedy, RowChange, Tried
from acidity.core.lane import Move
from acidity.core.report import LETTERS, Bound, Card, EngineInfo, ExitReason, Report
from acidity.core.schedule import Choice, Schedule
from acidity.core.shown import CallerEnding, ShownRun
from acidity.errors import UsageError
from acidity.explained.programs import doubled, invariant, left_open, not_idempotent, torn
from acidity.report.json import _settled, render, schema
from acidity.report.rerun import Rerun
from tests.doors.samples import ALL_LETTERS, FAILED, GREEN, UNDECIDED, Replayed

SCHEMA = Path(__file__).parents[2] / "docs" / "acidity.schema.json"
VALIDATOR = jsonschema.Draft202012Validator(schema())


def back(answer: Report | Card) -> Report | Card:
    text = prove.to_json(answer)
    VALIDATOR.validate(json.loads(text))
    (read,) = prove.from_json(text)
    assert prove.to_json(read) == text
    return read


@pytest.mark.parametrize("answer", [FAILED, UNDECIDED, GREEN, ALL_LETTERS], ids=["failed", "unknown", "green", "all"])
def test_answers_made_by_hand(answer: Report | Card) -> None:
    assert back(answer) == answer


@pytest.mark.dear
@pytest.mark.one_in(5)
@pytest.mark.parametrize("program", [torn, doubled, left_open, not_idempotent, invariant])
def test_answers_of_real_checks(program: Any) -> None:
    options: dict[str, Any] = {"faults": ["error-before", "answer-lost", "commit-left-open"], "remedies": False}
    for answer in (prove.check(program.wrong, **options), prove.drill(program.wrong, **options)):
        read = back(answer)
        assert read == answer
        assert str(read) == str(answer)


TEXT = st.sampled_from(["", "a", "ü → €", "two\nlines", "/a~b", "‹new time 1›", "\x1b[31m", "null"])
NUMBER = st.integers(0, 9)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | TEXT
    | st.binary(max_size=8)
    | st.decimals(allow_nan=False, places=2, min_value=-(10**9), max_value=10**9)
    | st.uuids()
    | st.datetimes(timezones=st.just(UTC) | st.none())
    | st.dates()
    | st.times()
    | st.timedeltas(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.lists(inner, max_size=3).map(tuple) | st.dictionaries(TEXT, inner, max_size=3)
    ),
    max_leaves=3,
)
CELLS = st.dictionaries(TEXT, VALUES, max_size=3).map(lambda cells: tuple(cells.items()))
SITES = st.builds(Site, TEXT, NUMBER, TEXT, TEXT)
PLACES = st.builds(Place, SITES, st.lists(SITES, max_size=2).map(tuple))
CALLS = st.builds(
    Call,
    actor=st.sampled_from("AB"),
    index=NUMBER,
    kind=st.sampled_from(Kind),
    sql=TEXT,
    params=VALUES,
    site=st.none() | SITES,
    many=st.booleans(),
    defaulted=st.frozensets(TEXT, max_size=2),
    connection=NUMBER,
    autocommit=st.booleans(),
    database=TEXT,
    writes=st.sampled_from(Writes),
    opaque=st.booleans(),
    path=st.lists(SITES, max_size=2).map(tuple),
    decided=st.none() | SITES,
    schema=st.booleans(),
)
REPLIES = st.builds(
    Reply,
    status=st.sampled_from(["ok", "error", "unknown"]),
    error=TEXT,
    code=TEXT,
    rows=st.none() | st.lists(st.tuples(VALUES), max_size=2),
    rowcount=st.none() | st.integers(-1, 9),
)
FINDINGS = st.builds(
    Finding,
    code=TEXT,
    severity=st.sampled_from(["error", "warning"]),
    title=TEXT,
    word=TEXT,
    operation=TEXT,
    schedule=st.sampled_from([Schedule(), Schedule((Choice("A", 3, "error-after", True),))]),
    sites=st.lists(SITES, max_size=2).map(tuple),
    diff=st.lists(st.builds(RowChange, table=TEXT, key=CELLS, before=st.none(), after=CELLS), max_size=2).map(tuple),
    explanation=st.lists(TEXT, max_size=2).map(tuple),
    remedies=st.lists(
        st.builds(Remedy, TEXT, st.sampled_from(Tried), NUMBER, TEXT, TEXT, st.lists(TEXT).map(tuple), st.booleans()),
        max_size=2,
    ).map(tuple),
    occurrences=NUMBER,
    history=st.lists(st.builds(Event, CALLS, REPLIES, TEXT), max_size=2).map(tuple),
    anomaly=TEXT,
    replay=TEXT,
    kind=st.sampled_from(CauseKind),
    cause=TEXT,
    also=st.lists(st.builds(AlsoBroken, TEXT, TEXT, st.sampled_from(["error", "warning"])), max_size=2).map(tuple),
    permanent=st.none() | PLACES,
    broke=st.none() | PLACES,
    rows=st.lists(
        st.builds(
            RowFate,
            table=TEXT,
            key=CELLS,
            before=st.none() | CELLS,
            now=st.none() | CELLS,
            should=st.lists(st.none() | CELLS, max_size=2).map(tuple),
        ),
        max_size=2,
    ).map(tuple),
    see=st.lists(TEXT, max_size=2).map(tuple),
    rate=st.none() | st.builds(Rate, NUMBER, NUMBER),
    mode=st.none() | st.sampled_from(["real", "simulated"]),
)
SHOWN = st.builds(
    ShownRun,
    schedule=st.sampled_from([Schedule(), Schedule((Choice("A"), Choice("B", 2)))]),
    lanes=st.lists(st.builds(Move, TEXT, TEXT, st.none() | SITES, TEXT), max_size=2).map(tuple),
    endings=st.lists(st.builds(CallerEnding, TEXT, TEXT, st.none() | TEXT, TEXT, TEXT), max_size=2).map(tuple),
    diff=st.lists(st.builds(RowChange, table=TEXT, key=CELLS, before=CELLS, after=st.none()), max_size=2).map(tuple),
    history=st.lists(st.builds(Event, CALLS, REPLIES, TEXT), max_size=2).map(tuple),
)
ENGINES = st.builds(EngineInfo, TEXT, TEXT, TEXT, st.dictionaries(TEXT, TEXT, max_size=2))
REPORTS = st.builds(
    Report,
    check=TEXT,
    target=TEXT,
    engine=ENGINES,
    runs=NUMBER,
    bounds=st.lists(st.builds(Bound, TEXT, NUMBER, st.none() | NUMBER, TEXT), max_size=2).map(tuple),
    findings=st.lists(FINDINGS, max_size=2).map(tuple),
    unknowns=st.lists(TEXT, max_size=1).map(tuple),
    headline=TEXT,
    classifier=TEXT,
    counts=st.dictionaries(TEXT, NUMBER, max_size=2),
    notes=st.lists(TEXT, max_size=2).map(tuple),
    not_covered=st.lists(TEXT, max_size=2).map(tuple),
    ended=st.sampled_from(ExitReason),
    shown=st.none() | SHOWN,
    expected=st.lists(TEXT, max_size=2).map(tuple),
    stated=st.booleans(),
    seed=NUMBER,
    versions=st.dictionaries(TEXT, TEXT, max_size=2),
)
CARDS = st.builds(
    Card, TEXT, ENGINES, st.dictionaries(st.sampled_from(list(LETTERS)), REPORTS | st.just("not built"), max_size=2)
)


# Not shrunk: looking for the smallest report that differs takes minutes.
@pytest.mark.dear
@settings(max_examples=20, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
@given(st.one_of(REPORTS, CARDS))
def test_any_answer(answer: Report | Card) -> None:
    assert prove.from_json(prove.to_json(answer)) == [answer]


@pytest.mark.slow
@settings(max_examples=300, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
@given(st.one_of(REPORTS, CARDS))
def test_many_answers(answer: Report | Card) -> None:
    assert back(answer) == answer


def exact(value: Any) -> tuple[type, Any, str]:
    """1, 1.0 and True are three values, and of two equal times one is the second."""
    return type(value), value, repr(value)


@pytest.mark.parametrize(
    "value",
    [
        Decimal("1.50"),
        datetime(2026, 11, 27, 10, 0, 0, 5, tzinfo=UTC),
        date(2026, 11, 27),
        time(1, 2, 3),
        time(1, 2, 3, fold=1),
        datetime(2026, 10, 25, 2, 30, fold=1),  # noqa: DTZ001 - the second of two
        timedelta(days=-1, microseconds=1),
        UUID(int=7),
        b"\x00\xff",
        (1, (Decimal(2), [3])),
        {"a/b~c": {"d": Decimal(1)}},
        float("inf"),
        1.0,
        True,
        10**30,
    ],
    ids=repr,
)
def test_a_value_comes_back_as_what_it_was(value: Any) -> None:
    change = RowChange("t", (("id", value),), None, (("x", value),))
    finding = replace(FAILED.findings[0], diff=(change,))
    (read,) = prove.from_json(prove.to_json(replace(FAILED, findings=(finding,))))
    assert isinstance(read, Report)
    assert exact(dict(read.findings[0].diff[0].after or ())["x"]) == exact(value)
    assert exact(dict(read.findings[0].diff[0].key)["id"]) == exact(value)


def test_several_answers_and_replayed_runs_fit_the_schema() -> None:
    for answers in ([GREEN, FAILED], [Rerun(Replayed(), ("torn",))], [Rerun(Replayed()), Rerun(Replayed())]):
        VALIDATOR.validate(json.loads(render(answers)))
    assert prove.from_json(render([GREEN, FAILED])) == [GREEN, FAILED]


def test_each_step_of_a_history_names_the_state_of_its_transaction() -> None:
    whole = json.loads(render([FAILED]))
    states = [event["state"] for event in whole["findings"][0]["history"]]
    assert states == ["partially committed", "committed", "failed"]


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("runs", "many", "Expected `int`"),
        ("ended", "tired", "no way to end"),
        ("schema", "acidity.report/9", "Invalid value"),
        ("findings", [{}], "missing required field"),
        ("bounds", {"a": 1}, "Expected `array`"),
    ],
)
def test_what_is_none_of_ours_is_refused(name: str, value: Any, message: str) -> None:
    whole = json.loads(render([FAILED])) | {name: value}
    with pytest.raises(UsageError, match=message):
        prove.from_json(json.dumps(whole))


@pytest.mark.parametrize(
    "types",
    [{"/before/balance": "object"}, {"/before/balance": "uuid"}, {"/before": "decimal"}, {"/before": "bytes"}],
    ids=str,
)
def test_a_type_that_does_not_fit_is_refused(types: dict[str, str]) -> None:
    whole = json.loads(render([FAILED]))
    whole["findings"][0]["diff"][0]["types"] = types
    with pytest.raises(UsageError, match="not a report of acidity"):
        prove.from_json(json.dumps(whole))


@pytest.mark.parametrize("text", ["", "[]", "{", "[" * 100_000, '{"schema": "acidity.replay/1"}', "1e999"])
def test_what_is_no_report_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="not a report of acidity"):
        prove.from_json(text)


def test_the_published_schema_is_this() -> None:
    """Set ACIDITY_UPDATE_DOCS=1 to write it anew."""
    text = json.dumps(schema(), indent=2) + "\n"
    if os.environ.get("ACIDITY_UPDATE_DOCS"):
        SCHEMA.write_text(text, encoding="utf-8")
    assert SCHEMA.read_text(encoding="utf-8") == text
    jsonschema.Draft202012Validator.check_schema(json.loads(text))


def test_the_schema_hangs_on_no_release_of_the_library() -> None:
    """Some keep the margin of a docstring, and some put null first."""
    margin = {"description": "A row.\n\n    And more.", "properties": {"description": {"type": "string"}}}
    nulls = {"anyOf": [{"type": "null"}, {"type": "string"}, {"type": "integer"}]}
    assert _settled([margin, nulls]) == [
        {"description": "A row.\n\nAnd more.", "properties": {"description": {"type": "string"}}},
        {"anyOf": [{"type": "string"}, {"type": "integer"}, {"type": "null"}]},
    ]
