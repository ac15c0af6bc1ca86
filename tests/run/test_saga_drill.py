"""A saga that is killed, cut off or refused at every Call ends in one of the right ways; what others write does not."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from acidity.core.call import Kind
from tests.run import trip
from tests.run.conftest import ENGINES
from tests.run.everywhere import KILLS, OUTAGES, strike_everywhere, wrong
from tests.run.trip import AFTER, BAD, BEFORE, GOOD

NOT_BEGUN = (BEFORE, ())
DONE, COMPENSATED = (AFTER, ("done",)), (BEFORE, ("compensated",))
FORMS = {"sync": (trip.travel, trip.resume), "async": (trip.travel_async, trip.resume_async)}
CASES = [(GOOD, DONE), (BAD, COMPENSATED)]


def drilled(form: str, payload: Any, db: str, right: Any, **which: Any) -> Counter[str]:
    """How the operation ended how often; every run ends right after the recovery."""
    function, recover = FORMS[form]
    scenario = trip.scenario(function, payload, trip.log_fits_the_money)
    endings: Counter[str] = Counter()
    for seen in strike_everywhere(scenario, recover, db, **which):
        assert not wrong(seen, {NOT_BEGUN, *right}), seen
        endings[seen.ending] += seen.struck
    return endings


@pytest.mark.parametrize("db", ENGINES)
@pytest.mark.parametrize("form", ["sync"])  # the other is below, at every Call
def test_killed_or_cut_off_at_every_commit(form: str, db: str) -> None:
    endings = drilled(form, BAD, db, [COMPENSATED], faults=["kill-after", "answer-lost"], at=Kind.COMMIT)
    assert endings["killed"] >= 8, endings
    assert endings[""] >= 8, endings  # it carries on by itself when the answer to a COMMIT is lost


def test_killed_at_every_call() -> None:
    assert drilled("sync", BAD, "sqlite", [COMPENSATED], faults=["kill-before"])["killed"] >= 40


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("db", ENGINES)
@pytest.mark.parametrize(("payload", "right"), CASES, ids=["good", "bad"])
def test_killed_or_cut_off_at_every_call(payload: Any, right: Any, db: str, form: str) -> None:
    assert drilled(form, payload, db, [right], faults=OUTAGES)["killed"] >= 40


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("db", ENGINES)
@pytest.mark.parametrize("payload", [GOOD, BAD], ids=["good", "bad"])
def test_every_fault_at_every_call(payload: Any, db: str, form: str) -> None:
    """Some of them are refusals, after which the saga is compensated though nobody has refused the car."""
    right = [DONE, COMPENSATED] if payload == GOOD else [COMPENSATED]
    assert drilled(form, payload, db, right, faults=None).total() >= 300


# What others write

CONTROLS = {
    "in memory only": (trip.by_memory, trip.nothing),
    "noted after the step": (trip.noted_after, trip.carry_on),
    "noted before the step": (trip.noted_before, trip.begin_on),
}


def slow_on_servers(*what: str) -> list[Any]:
    cells = [(each, db) for each in what for db in ENGINES]
    return [pytest.param(*cell, marks=() if cell[1] == "sqlite" else pytest.mark.slow) for cell in cells]


@pytest.mark.parametrize(("control", "db"), slow_on_servers(*CONTROLS))
def test_a_saga_without_its_log_in_the_same_transaction_is_found_out(control: str, db: str) -> None:
    function, recover = CONTROLS[control]
    seen = list(strike_everywhere(trip.scenario(function, GOOD), recover, db, faults=KILLS, at=Kind.COMMIT))
    assert not wrong(seen[0], {(AFTER, ())})  # undisturbed it does what it should
    found = {each.end for each in seen if wrong(each, {(AFTER, ()), NOT_BEGUN})}
    if control == "noted after the step":
        assert any(end[0] < AFTER[0] for end in found), found  # something was paid twice
    else:
        assert any(end[0] > AFTER[0] for end in found), found  # something was paid, and not the rest


@pytest.mark.parametrize(("twin", "db"), slow_on_servers("noted_with"))
def test_the_twin_that_notes_it_in_the_same_transaction_passes(twin: str, db: str) -> None:
    scenario = trip.scenario(getattr(trip, twin), GOOD)
    for seen in strike_everywhere(scenario, trip.go_on, db, faults=KILLS, at=Kind.COMMIT):
        assert not wrong(seen, {(AFTER, ())}), seen
