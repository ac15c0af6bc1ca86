"""What nobody knows yet: an answer that says so (``Told.UNKNOWN``), and an effect whose answer is lost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from acidity import prove
from acidity.prove import Effect, Operation, Told
from tests.engines.bank import Payment, bank


def pays_or_pends(engine: Engine) -> str:
    """Whatever goes wrong, the caller hears that it is not decided."""
    try:
        with Session(engine) as session, session.begin():
            session.get_one(Payment, 1).note = "paid"
    except Exception:
        return "pending"
    return "paid"


@pytest.mark.parametrize(
    ("succeeded", "words"),
    [
        (lambda answer: Told.UNKNOWN if answer == "pending" else True, set()),
        (lambda answer: answer == "paid", {"false failure"}),
        (bool, {"false success"}),
        (lambda answer: True if answer == "paid" else None, {"false failure"}),
    ],
    ids=["unknown", "failed", "ok", "nothing"],
)
def test_an_answer_that_is_not_decided_is_neither_ok_nor_failed(
    succeeded: Callable[[Any], Any], words: set[str]
) -> None:
    scenario = bank(Operation(pays_or_pends, succeeded=succeeded))
    report = prove.drill(scenario, faults=["error-before", "answer-lost"], remedies=False)
    assert {word for found in report.findings for word in found.errors} == words, report
    assert report.verdict == ("fail" if words else "pass"), report


class Gateway:
    """Takes money."""

    def charge(self) -> None:
        """Take it."""


gateway = Gateway()


def charges_in_the_transaction(engine: Engine) -> None:
    with Session(engine) as session, session.begin():
        session.get_one(Payment, 1).note = "paid"
        session.flush()
        gateway.charge()


def charges_or_declines(engine: Engine) -> str:
    try:
        charges_in_the_transaction(engine)
    except Exception:
        return "declined"
    return "paid"


@pytest.mark.parametrize(
    ("fault", "cause"),
    [("effect-after", "the answer of the effect"), ("commit-refused", "does not wait for COMMIT")],
)
def test_an_answer_that_is_lost_is_another_cause_than_a_commit_that_fails(fault: str, cause: str) -> None:
    operation = Operation(charges_or_declines, succeeded=lambda answer: answer == "paid")
    scenario = bank(operation, effects=[Effect(gateway.charge)])
    [found] = prove.drill(scenario, faults=[fault], remedies=False).findings
    assert (found.word, cause in found.cause) == ("torn", True), found.cause
