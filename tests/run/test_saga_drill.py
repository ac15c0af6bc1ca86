"""A saga that is killed, cut off or refused at every Call ends in one of the right ways; what others write does not."""

from __future__ import annotations

from typing import Any

import pytest

from acidity.prove import Scenario
from tests.run import trip
from tests.run.conftest import ENGINES
from tests.run.drilling import passes, words
from tests.run.trip import BAD, GOOD
from tests.tiers import mostly_slow

LOG = ["acidity_saga.*", "acidity_saga_step.*"]
PAYLOADS = pytest.mark.parametrize("payload", [GOOD, BAD], ids=["good", "bad"])


FORMS = {"sync": (trip.travel, trip.resume), "async": (trip.travel_async, trip.resume_async)}


def travelling(payload: Any, form: str = "sync") -> Scenario:
    function, recover = FORMS[form]
    return trip.scenario(function, payload, trip.log_fits_the_money, commits="several", recover=recover, ignore=LOG)


@pytest.mark.slow
@PAYLOADS
def test_killed_at_every_call(payload: Any) -> None:
    assert passes(travelling(payload), "sqlite", "kill-before").runs >= 28


@pytest.mark.slow
@pytest.mark.parametrize("db", ENGINES)
def test_the_answer_to_each_commit_is_lost(db: str) -> None:
    assert passes(travelling(BAD), db, "answer-lost").runs >= 12


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("db", ENGINES)
@PAYLOADS
def test_every_fault_at_every_call(payload: Any, db: str, form: str) -> None:
    """Some of them are refusals, after which the saga is compensated though nobody has refused the car."""
    assert passes(travelling(payload, form), db).runs >= 300


# What others write

CONTROLS = {
    "in memory only": (trip.by_memory, trip.nothing),
    "noted after the step": (trip.noted_after, trip.carry_on),
    "noted before the step": (trip.noted_before, trip.begin_on),
}


def own(function: Any, recover: Any) -> Scenario:
    return trip.scenario(function, GOOD, commits="several", recover=recover, ignore=["done.*"])


@pytest.mark.dear
@pytest.mark.parametrize("db", mostly_slow("sqlite"))
@pytest.mark.parametrize("control", mostly_slow("in memory only", of=CONTROLS))
def test_a_saga_without_its_log_in_the_same_transaction_is_found_out(control: str, db: str) -> None:
    assert "torn" in words(own(*CONTROLS[control]), db, "kill-before")


@pytest.mark.dear
@pytest.mark.parametrize("db", mostly_slow("sqlite"))
def test_the_twin_that_notes_it_in_the_same_transaction_passes(db: str) -> None:
    passes(own(trip.noted_with, trip.go_on), db, "kill-before")


@pytest.mark.slow
def test_a_saga_that_nobody_resumes_is_found_out() -> None:
    scenario = trip.scenario(trip.travel, GOOD, commits="several", recover=trip.nothing, ignore=LOG)
    assert words(scenario, "sqlite", "keyboard-interrupt") == {"torn"}
