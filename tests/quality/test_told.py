"""What the caller was told: read from the answer where that is possible, and asked for where it is not."""

from __future__ import annotations

import time
from collections.abc import Callable
from enum import StrEnum
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from acidity import prove
from acidity.errors import UsageError
from acidity.prove import Operation, Scenario
from tests.engines.bank import ALICE, BOB, Account, Payment, bank, move
from tests.quality import operations as ops
from tests.run.conftest import ENGINES
from tests.run.drilling import drilled

BEFORE, AFTER = "ac1:A3!error-before", "ac1:A!answer-lost"


def moved_in_attempts(engine: Engine) -> dict[str, Any]:
    """A retry that tells how often it tried."""
    for attempt in (1, 2, 3):
        try:
            ops.session_begin(engine)
        except DBAPIError:
            continue
        return {"ok": True, "attempts": attempt}
    raise RuntimeError("three times in vain")


def moved_in_time(engine: Engine) -> dict[str, Any]:
    """Another number of microseconds each time."""
    began = time.perf_counter_ns()
    ops.session_begin(engine)
    return {"moved": 10, "elapsed_us": (time.perf_counter_ns() - began) // 1000}


def paid_with_a_number(engine: Engine) -> str:
    """The number of the payment, in words; a second attempt may have another one."""
    with Session(engine) as session, session.begin():
        payment = Payment(account_id=ALICE, amount=5)
        session.add(payment)
        session.flush()
        return f"payment {payment.id + time.perf_counter_ns()} was booked"


def counts_though_it_failed(engine: Engine) -> dict[str, int]:
    """How many were moved is a number as well: 0 is not 1."""
    try:
        ops.session_begin(engine)
    except DBAPIError:
        return {"moved": 0}
    return {"moved": 1}


class State(StrEnum):
    BOOKED = "booked"
    FULL = "full"


def in_words(engine: Engine) -> str:
    try:
        ops.session_begin(engine)
    except DBAPIError:
        return "not available"
    return "booked"


def in_a_member(engine: Engine) -> dict[str, State]:
    try:
        ops.session_begin(engine)
    except DBAPIError:
        return {"state": State.FULL}
    return {"state": State.BOOKED}


def in_an_exception(engine: Engine) -> object:
    try:
        ops.session_begin(engine)
    except DBAPIError as error:
        return error
    return "booked"


def in_a_status(engine: Engine) -> tuple[dict[str, str], int]:
    try:
        ops.session_begin(engine)
    except DBAPIError:
        return {"message": "come again"}, 503
    return {"message": "booked"}, 201


def in_words_and_torn(session: Session) -> str:
    try:
        ops.two_commits(session)
    except DBAPIError:
        return "not available"
    return "booked"


RIGHT = (moved_in_attempts, moved_in_time, paid_with_a_number)
SAY_FAILED = (ops.failure_as_answer, in_an_exception, in_a_status)
SAY_NOTHING = (in_words, in_a_member, counts_though_it_failed)


@pytest.mark.dear
@pytest.mark.parametrize("db", ENGINES)
@pytest.mark.one_in(3)
def test_other_numbers_are_success_where_the_rows_are_as_after(db: str) -> None:
    report = drilled(bank(moved_in_attempts), db, "error-before")
    assert report.verdict == "pass", report
    assert " 0 misreported" in report.headline


@pytest.mark.parametrize("function", RIGHT, ids=lambda function: function.__name__)
def test_a_right_program_with_numbers_in_its_answer_passes(function: Callable[..., Any]) -> None:
    report = drilled(bank(function), "sqlite", "error-before", "busy")
    assert report.verdict == "pass", report


@pytest.mark.parametrize("function", SAY_FAILED, ids=lambda function: function.__name__)
@pytest.mark.one_in(3)
def test_what_says_that_it_failed_is_judged(function: Callable[..., Any]) -> None:
    run = prove.replay(bank(function), BEFORE)
    assert (run.told, run.rows, run.word, run.verdict) == ("failed", "before", "right", "pass")
    report = drilled(bank(function), "sqlite", "answer-lost")
    (found,) = report.findings
    assert (report.verdict, found.word) == ("fail", "false failure")
    assert "the operation answered" in found.title
    assert "failed" not in found.title.replace("answered {'success': False}", "").replace("OperationalError", "")


@pytest.mark.parametrize("function", SAY_NOTHING, ids=lambda function: function.__name__)
@pytest.mark.one_in(3)
def test_another_word_is_unknown_and_never_pass(function: Callable[..., Any]) -> None:
    run = prove.replay(bank(function), BEFORE)
    assert (run.told, run.rows, run.word, run.verdict) == ("undecided", "before", "undecided", "unknown")
    report = drilled(bank(function), "sqlite", "error-before")
    assert report.verdict == "unknown", report
    assert not report.findings
    (why,) = report.unknowns
    assert "the operation answered" in why
    assert "succeeded=" in why


@pytest.mark.parametrize("db", ENGINES)
def test_another_word_is_said_with_what_to_write(db: str) -> None:
    report = drilled(bank(in_words), db, "error-before")
    assert report.verdict == "unknown"
    (why,) = report.unknowns
    assert "in_words: ac1:A!error-before and " in why
    assert "answered 'not available' where the clean run answers 'booked'" in why
    assert why.endswith("write succeeded=lambda answer: answer == 'booked'")


def test_what_to_write_names_the_part_and_the_member() -> None:
    (why,) = drilled(bank(in_a_member), "sqlite", "error-before").unknowns
    assert why.endswith("write succeeded=lambda answer: answer['state'] is State.BOOKED")


def test_with_what_it_asks_for_the_same_function_is_judged() -> None:
    said = Operation(in_words, succeeded=lambda answer: answer == "booked")
    assert drilled(bank(said), "sqlite", "error-before").verdict == "pass"
    report = drilled(bank(said), "sqlite", "answer-lost")
    assert [found.word for found in report.findings] == ["false failure"]
    assert report.findings[0].title.endswith(", although the operation answered 'not available'")


def test_torn_rows_are_an_error_whatever_was_told() -> None:
    report = drilled(bank(in_words_and_torn), "sqlite", "error-before")
    torn = [found for found in report.findings if found.word == "torn"]
    assert report.verdict == "fail"
    assert torn[0].title.endswith("; the operation answered 'not available'")


def test_a_read_has_nothing_that_an_answer_could_contradict() -> None:
    def looks(session: Session) -> str:
        try:
            return f"{session.get_one(Account, BOB).owner} has an account"
        except DBAPIError:
            return "nobody knows"

    assert drilled(bank(looks), "sqlite", "error-before").verdict == "pass"


def test_an_invariant_hears_what_the_word_is_made_of() -> None:
    heard: list[str] = []

    def listens(_session: Session, run: Any) -> None:
        heard.append(run.ended[0].told)

    for function, told in ((in_words, "unknown"), (ops.failure_as_answer, "failed"), (moved_in_attempts, "ok")):
        heard.clear()
        run = prove.replay(bank(function, invariants=[listens]), BEFORE)
        assert heard[-1] == told
        assert run.told == ("undecided" if told == "unknown" else told)


def test_an_answer_where_a_refusal_is_expected_is_none() -> None:
    class RefusedError(Exception):
        pass

    def refuses(session: Session) -> None:
        try:
            session.get_one(Account, ALICE)
        except DBAPIError:
            return
        raise RefusedError

    scenario: Scenario = bank(Operation(refuses, raises=RefusedError))
    assert drilled(scenario, "sqlite", "error-before").findings[0].word == "not refused"


def refuses_and_writes_a_letter(session: Session) -> None:
    """A refusal with an effect, after a COMMIT that changes no row."""
    move(session, 0)
    session.commit()
    letters.send()
    raise NotEnoughError


class NotEnoughError(Exception):
    pass


class Letters:
    def send(self) -> None:
        """Write to somebody."""


letters = Letters()


def test_a_declared_refusal_gives_no_warning() -> None:
    refused = Operation(refuses_and_writes_a_letter, raises=NotEnoughError)
    report = drilled(bank(refused, effects=[letters.send]), "sqlite", "error-before")
    assert not report.findings, report


def test_an_undeclared_exception_after_the_commit_still_gives_one() -> None:
    def fails(session: Session) -> None:
        move(session)
        session.commit()
        session.get_one(Account, ALICE)

    report = drilled(bank(fails), "sqlite", "error-before")
    assert [(found.word, found.severity) for found in report.findings] == [("failed after commit", "warning")]


def answers_nothing_where_it_fails(session: Session) -> dict[str, str] | None:
    """A dictionary, and None for everything that went wrong."""
    try:
        with session.begin():
            move(session)
    except DBAPIError:
        return None
    return {"state": "moved"}


def test_a_succeeded_that_breaks_is_no_failure_of_the_operation() -> None:
    def read(answer: Any) -> bool:
        return bool(answer["state"] == "moved")

    with pytest.raises(UsageError, match=r"succeeded=read raised TypeError: 'NoneType' .*, for the answer None; it is"):
        drilled(bank(Operation(answers_nothing_where_it_fails, succeeded=read)), "sqlite", "error-before")


def test_its_twin_reads_every_answer() -> None:
    reads = Operation(answers_nothing_where_it_fails, succeeded=lambda answer: answer is not None)
    assert drilled(bank(reads), "sqlite", "error-before").verdict == "pass"
