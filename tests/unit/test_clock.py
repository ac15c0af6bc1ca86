"""A time that looks the same in two runs of one second is not: the second passes before the second of them begins."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from acidity.prove.stage import clock
from tests.unit.states import state, table

NOW = datetime(2026, 1, 2, 3, 4, 5, 250_000, tzinfo=UTC)
SECOND = NOW.replace(microsecond=0)
ELSEWHERE = SECOND + timedelta(hours=5)  # what a clock in another zone shows

TELLS = {
    "instant": SECOND,
    "text of one": str(SECOND.replace(tzinfo=None)),
    "number": int(NOW.timestamp()),
    "within a text": f"last seen at {ELSEWHERE:%H:%M:%S}, in good health",
    "number within a text": f"until {int(NOW.timestamp())}: signed",
    "without signs": f"{ELSEWHERE:%Y%m%d%H%M%S}",
    "number without signs": int(f"{ELSEWHERE:%Y%m%d%H%M%S}"),
    "in a name": f"report_{ELSEWHERE:%Y%m%d_%H%M%S}.pdf",
    "document": {"at": [f"{SECOND:%H:%M:%S}"]},
    "document as text": json.dumps({"at": f"{SECOND:%H:%M:%S}"}),
    "a moment ago": SECOND - timedelta(seconds=1),
}
TELLS_NOT = {
    "fraction": str(NOW),
    "within a text": f"last seen at {NOW:%H:%M:%S.%f}",
    "long ago": f"last seen at {SECOND - timedelta(minutes=7):%H:%M:%S}",
    "order": int(f"{SECOND - timedelta(minutes=7):%Y%m%d%H%M%S}"),
    "amount": 5,
    "nothing": None,
    "day": f"{NOW:%Y-%m-%d}",
}


@pytest.fixture
def slept(monkeypatch):
    """How long it was waited."""
    found = []
    monkeypatch.setattr(clock, "time", SimpleNamespace(time=NOW.timestamp, sleep=found.append))
    return found


@pytest.mark.parametrize("value", TELLS.values(), ids=TELLS.keys())
def test_the_present_second_passes_wherever_it_stands(value, slept):
    clock.let_second_pass(state(notes=table("id note", [(1, value)])))
    clock.let_second_pass(state(), [{"note": value}])
    assert slept == [pytest.approx(0.75)] * 2


@pytest.mark.parametrize("value", TELLS_NOT.values(), ids=TELLS_NOT.keys())
def test_nothing_else_is_waited_for(value, slept):
    rows = state(notes=table("id note", [(1, value)]))
    clock.let_second_pass(rows)
    clock.let_second_pass(rows, seed=rows)
    assert slept == []


LATER = SECOND + timedelta(minutes=5)


@pytest.mark.parametrize("value", [f"until {LATER:%H:%M:%S}", f"until {int(LATER.timestamp())}: signed"])
def test_any_second_within_a_text_passes_that_was_not_there(value, slept):
    rows = state(notes=table("id note", [(1, value)]))
    clock.let_second_pass(rows, seed=state())
    clock.let_second_pass(state(), [value])
    assert slept == [pytest.approx(0.75)] * 2
    clock.let_second_pass(rows, seed=rows)
    clock.let_second_pass(rows)
    assert len(slept) == 2


@pytest.mark.parametrize(
    "value",
    [LATER, str(LATER), LATER.timestamp() // 1, int(LATER.timestamp()), json.dumps({"until": str(LATER)})],
)
def test_a_new_second_in_a_row_passes_at_whatever_distance(value, slept):
    """Two runs within one second would have it alike, and nobody would know that a clock makes it."""
    rows = state(notes=table("id note", [(1, value)]))
    clock.let_second_pass(rows, seed=state())
    assert slept == [pytest.approx(0.75)]
    clock.let_second_pass(rows, seed=rows)
    clock.let_second_pass(state(notes=table("id note", [(2, LATER.date()), (3, 7), (4, 1.5)])), seed=rows)
    assert len(slept) == 1


def test_in_an_answer_it_is_not(slept):
    clock.let_second_pass(state(), [{"until": LATER}])
    clock.let_second_pass(state(), [int(LATER.timestamp()), "5 left", 7])
    assert len(slept) == 1


SET_UP = {
    "number": int(LATER.timestamp()),
    "past": int(NOW.timestamp()) - 90_000,
    "number in milliseconds": int(LATER.timestamp()) * 1000,
    "instant": LATER,
    "text of one": f"{LATER:%Y-%m-%d %H:%M:%S}",
    "time of day": LATER.time(),
    "within a text": f"until {LATER:%H:%M:%S}",
    "number within a text": f"until {int(LATER.timestamp())}: signed",
    "document": json.dumps({"until": int(LATER.timestamp())}),
    "number without signs": int(f"{SECOND:%Y%m%d%H%M%S}"),
}
SET_UP_NOT = {
    "fraction": int(LATER.timestamp() * 1000) + 1,
    "day": LATER.date(),
    "on the hour": datetime(2026, 1, 1, 12, tzinfo=UTC),
    "amount": 5,
    "nothing": None,
}


def rows_before(value, ended):
    return replace(state(notes=table("id note", [(1, value)])), during=(ended - 1.0, ended))


@pytest.mark.parametrize("value", SET_UP.values(), ids=SET_UP.keys())
def test_a_second_passes_after_a_setup_that_wrote_one(value, slept):
    """At whatever distance: the first run would write a time to live as it stands there, and seem to keep it."""
    clock.let_setup_pass(rows_before(value, NOW.timestamp() - 0.1))
    assert slept == [pytest.approx(0.9)]
    clock.let_setup_pass(rows_before(value, NOW.timestamp() - 1.1))
    assert len(slept) == 1


@pytest.mark.parametrize("value", SET_UP_NOT.values(), ids=SET_UP_NOT.keys())
def test_none_passes_after_another_setup(value, slept):
    clock.let_setup_pass(rows_before(value, NOW.timestamp()))
    clock.let_setup_pass(state(notes=table("id note", [(1, LATER)])))
    assert slept == []
