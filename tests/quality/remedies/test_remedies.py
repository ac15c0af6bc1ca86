"""Each remedy is shown as passing where a rewrite by hand passes, and never where it does not end the finding."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from types import ModuleType
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

from acidity import prove
from acidity.adapters.seam import Layer
from acidity.core.cause import CauseKind
from acidity.core.finding import Remedy, Tried
from acidity.core.report import Detail, Report, as_text
from acidity.prove import Effect, Operation, Scenario
from acidity.prove.drill import trials
from acidity.prove.remedies import REMEDIES
from acidity.prove.remedies.effect_after_commit import RELAY
from tests.quality.remedies import programs, programs_async
from tests.quality.remedies.tables import TAKE, Order, Product, shop
from tests.tiers import mostly_slow

FAULTS = ("error-before", "connection-lost", "commit-left-open", "effect-before", "effect-after")
SIDES = {"sync": programs, "async": programs_async}
# The remedy, the program that it mends, the same rewritten by hand, and one that it does not mend.
TABLE = {
    "one-commit": ("two_commits", "in_one_commit", "two_commits_and_the_error_hidden"),
    "roll-back-after-failed-commit": ("stock_commit", "rolled_back_by_hand", "noted_after_the_failure"),
    "roll-back-on-error": ("committed_in_finally", "committed_if_clean", "told_ok_whatever_came"),
    "commit": ("never_committed", "committed_at_last", "never_committed_and_the_error_hidden"),
    "begin": ("written_in_autocommit", "begun_by_hand", "autocommit_notes_the_failure"),
    "savepoint-per-row": ("skipped_with_a_rollback", "skipped_with_a_savepoint", "counted_too_early"),
    "effect-after-commit": ("mailed_before", "mailed_after", "mailed_and_the_error_hidden"),
}
# One more that it does not mend, of another kind.
ANOTHER = {
    "one-commit": (programs_async, "taken_back_by_hand"),
    "roll-back-after-failed-commit": (programs, "takes_busy_for_done"),
    "roll-back-on-error": (programs_async, "goes_on_to_the_next_step"),
    "commit": (programs_async, "half_committed"),
    "begin": (programs, "autocommit_and_the_error_hidden"),
    "savepoint-per-row": (programs, "counted_from_the_last_rollback"),
    "effect-after-commit": (programs_async, "mailed_before_the_journal"),
}


# Parameters: each remedy on both sides; by default on one of them, in turn.
ON_ONE_SIDE = [
    pytest.param(side, key, marks=() if number % len(SIDES) == place else pytest.mark.slow)
    for number, key in enumerate(TABLE, 1)
    for place, side in enumerate(SIDES)
]


def scenario(side: ModuleType, remedy: str, name: str, *, mends: bool = True, partial: bool = True) -> Scenario:
    function = getattr(side, name)
    options: dict[str, Any] = {"inject": "dsn"} if function.__code__.co_varnames[0] == "dsn" else {}
    if remedy == "savepoint-per-row":
        tables = ("lines",) if partial else ()
        operation = Operation(function, partial=tables, succeeded=lambda _: True, **options)
        return shop(operation, invariants=[programs.counts_fit])
    if remedy == "effect-after-commit":
        more: dict[str, Any] = {"settle": side.send_what_is_not_mailed} if mends else {"ignore": ["lines.*"]}
        return shop(Operation(function, **options), effects=[Effect(side.mail, key=lambda order: order)], **more)
    return shop(Operation(function, **options))


def drilled(case: Scenario, *, remedies: bool = True) -> Report:
    return prove.drill(case, db="sqlite", faults=FAULTS, remedies=remedies)


def tried(report: Report, key: str) -> list[Remedy]:
    return [remedy for finding in report.findings for remedy in finding.remedies if remedy.key == key]


@pytest.mark.dear
@pytest.mark.one_in(5)
@pytest.mark.parametrize(("side", "key"), ON_ONE_SIDE)
def test_a_change_that_is_shown_as_passing_passes_by_hand(side: str, key: str) -> None:
    wrong, right, _ = TABLE[key]
    report = drilled(scenario(SIDES[side], key, wrong))
    found = tried(report, key)
    assert report.verdict == "fail"
    assert found, str(report)
    assert {remedy.verdict for remedy in found} <= {Tried.PASSED, Tried.ENDS_THIS}, str(report)
    mended = drilled(scenario(SIDES[side], key, right), remedies=False)
    assert mended.verdict == "pass" or key == "one-commit", str(mended)


@pytest.mark.dear
@pytest.mark.one_in(5)
@pytest.mark.parametrize(("side", "key"), ON_ONE_SIDE)
def test_a_change_that_does_not_end_it_is_said_not_to(side: str, key: str) -> None:
    report = drilled(scenario(SIDES[side], key, TABLE[key][2], mends=False))
    found = tried(report, key)
    assert found, str(report)
    assert {remedy.verdict for remedy in found} == {Tried.FAILED}, str(report)


@pytest.mark.parametrize(
    ("wrong", "mended"),
    [
        ("stock_commit", "rolled_back_as_printed"),
        ("a_block_with_its_commit_left", "a_block_rolled_back_as_printed"),
    ],
)
def test_what_is_printed_against_a_commit_left_open_can_be_put_in_as_it_is(wrong: str, mended: str) -> None:
    (remedy,) = tried(drilled(scenario(programs, "", wrong)), "roll-back-after-failed-commit")
    assert remedy.verdict is Tried.PASSED
    assert "rollback() in an `except`, and then `raise`, right around commit()" in remedy.name
    assert "begin" not in remedy.name  # a block with a commit() left in it is wrong itself
    assert drilled(scenario(programs, "", mended), remedies=False).verdict == "pass"


@pytest.mark.parametrize("db", ["sqlite", "postgresql", "mariadb"])
@pytest.mark.dear
@pytest.mark.one_engine
def test_a_commit_is_tried_after_the_savepoints(db: str) -> None:
    """It ended them where the last write is, and their RELEASE failed."""
    faults = ("error-before", "connection-lost")
    report = prove.drill(scenario(programs, "", "never_committed_after_savepoints"), db=db, faults=faults)
    assert [remedy.verdict for remedy in tried(report, "commit")] == [Tried.PASSED], as_text(report)
    right = prove.drill(scenario(programs, "", "committed_after_savepoints"), db=db, faults=faults, remedies=False)
    assert right.verdict == "pass", as_text(right)


def test_an_error_that_was_hidden_is_raised_on_the_error_path() -> None:
    """Who only rolls back would say ok of nothing; `except: rollback(); raise` ends both."""
    report = drilled(scenario(programs, "", "hidden_in_the_block"))
    assert {finding.word for finding in report.findings if finding.severity == "error"} == {"torn"}
    assert [remedy.verdict for remedy in tried(report, "roll-back-on-error")] == [Tried.PASSED], str(report)
    assert drilled(scenario(programs, "", "raised_in_the_block"), remedies=False).verdict == "pass"


@pytest.mark.parametrize("wrong", ["hidden_within_a_savepoint", "expects_an_error_and_hides_another"])
def test_one_that_was_hidden_within_a_savepoint_is_raised_too(wrong: str) -> None:
    """The text says rollback(), not to the savepoint, so that is tried."""
    faults = ("error-before", "error-after")
    report = prove.drill(scenario(programs, "", wrong), faults=faults)
    assert [finding.word for finding in report.findings if finding.severity == "error"] == ["torn"], report
    assert [remedy.verdict for remedy in tried(report, "roll-back-on-error")] == [Tried.PASSED], as_text(report)
    right = prove.drill(scenario(programs, "", "raised_within_a_savepoint"), faults=faults, remedies=False)
    assert right.verdict == "pass", right


@pytest.mark.dear
@pytest.mark.one_in(3)
@pytest.mark.parametrize("key", ANOTHER)
def test_nor_does_it_end_one_of_another_kind(key: str) -> None:
    side, name = ANOTHER[key]
    report = drilled(scenario(side, key, name, mends=False, partial=False))
    found = tried(report, key)
    assert found, str(report)
    assert {remedy.verdict for remedy in found} == {Tried.FAILED}, str(report)


@pytest.mark.slow
def test_where_an_error_ends_the_transaction_begin_makes_a_false_success_of_it() -> None:
    """PostgreSQL makes a ROLLBACK of the COMMIT after an error; then nothing is there, and the caller is told ok."""
    case = shop(Operation(programs.autocommit_and_the_error_hidden, inject="dsn"))
    report = prove.drill(case, db="postgresql", faults=("constraint", "kill-after"))
    assert [(remedy.key, remedy.verdict) for found in report.findings for remedy in found.remedies] == [
        ("begin", Tried.FAILED)
    ], str(report)


@pytest.mark.one_in(5)
@pytest.mark.parametrize("key", TABLE)
@pytest.mark.parametrize("side", ["sync", pytest.param("async", marks=pytest.mark.slow)])
def test_a_change_that_does_nothing_is_never_shown_as_passing(
    side: str, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever else is tried is shown as it is."""
    planted = replace(REMEDIES[key], interceptor=lambda _: Layer())
    monkeypatch.setattr(trials, "REMEDIES", {key: planted})
    report = drilled(scenario(SIDES[side], key, TABLE[key][0]))
    assert {remedy.verdict for remedy in tried(report, key)} == {Tried.FAILED}, str(report)


@pytest.mark.dear
@pytest.mark.parametrize("side", mostly_slow("sync", of=SIDES))
def test_what_sends_an_effect_that_failed_after_commit_is_said_to_be_needed(side: str) -> None:
    report = drilled(scenario(SIDES[side], "effect-after-commit", "mailed_before", mends=False))
    (found,) = report.findings
    (remedy,) = found.remedies
    assert (found.kind, remedy.verdict, remedy.remain) == (CauseKind.EFFECT, Tried.ENDS_THIS, ("ACI201",))
    assert found.permanent is not None
    needed = f"its line: {found.permanent.site}; needs also {RELAY}"
    assert remedy.note == needed
    card = prove.check(
        scenario(SIDES[side], "effect-after-commit", "mailed_before", mends=False), faults=FAULTS, letters="AC"
    )
    assert needed in " ".join(as_text(card, Detail.CARD).split())


@pytest.mark.parametrize("side", mostly_slow("sync", of=SIDES))
def test_an_effect_after_commit_that_nothing_sends_later_is_a_cause_of_its_own(side: str) -> None:
    report = drilled(scenario(SIDES[side], "effect-after-commit", "mailed_after", mends=False))
    assert {found.kind for found in report.findings if found.severity == "error"} == {CauseKind.LOST_EFFECT}
    assert [remedy for found in report.findings for remedy in found.remedies] == []


def test_who_makes_a_no_of_an_answer_that_was_lost_is_another_cause() -> None:
    wrong = Operation(programs.mailed_or_told, succeeded=lambda told: told == "mailed")
    report = prove.drill(shop(wrong, effects=[programs.mail]), db="sqlite", faults=["effect-after"], remedies=False)
    assert [found.kind for found in report.findings if found.severity == "error"] == [CauseKind.UNHEARD_EFFECT]


@pytest.mark.dear
def test_a_second_attempt_sends_after_its_own_commit() -> None:
    """What the first one had to send is given up with it; two mails are one finding, a mail without an order another."""
    module = programs_async
    report = drilled(shop(Operation(module.mailed_in_each_attempt, inject="dsn"), effects=[module.mail]))
    ends = {found.kind: [remedy.verdict for remedy in found.remedies] for found in report.findings}
    assert ends == {CauseKind.RESEND: [Tried.ENDS_THIS], CauseKind.EFFECT: [Tried.ENDS_THIS]}, str(report)


@pytest.mark.parametrize("side", mostly_slow("sync", of=SIDES))
def test_an_effect_whose_answer_is_used_cannot_wait(side: str) -> None:
    module = SIDES[side]
    report = drilled(shop(Operation(module.answer_used), effects=[module.ask]))
    (remedy,) = tried(report, "effect-after-commit")
    assert remedy.result == "not tried: its answer is used before COMMIT"


def one_after_the_other(dsn: str) -> None:
    for statement in (TAKE, "INSERT INTO orders (id, product_id) VALUES (1, 1)"):
        with closing(sqlite3.connect(dsn)) as connection, connection:
            connection.execute(statement)


def test_commits_over_several_connections_are_not_said_to_be_open_at_once() -> None:
    report = drilled(shop(Operation(one_after_the_other, inject="dsn")))
    (remedy,) = tried(report, "one-commit")
    assert remedy.result == "not tried: its commits go over several connections, and a transaction is of one"


def test_what_the_program_s_rollback_became_is_said() -> None:
    report = drilled(scenario(programs, "savepoint-per-row", "skipped_with_a_rollback"))
    (remedy,) = tried(report, "savepoint-per-row")
    assert remedy.note == "the program's ROLLBACK became ROLLBACK TO"


@pytest.mark.slow
def test_two_changes_are_tried_together_where_one_leaves_something() -> None:
    report = prove.drill(scenario(programs, "one-commit", "two_commits"), db="sqlite", faults=FAULTS)
    torn = next(found for found in report.findings if found.code == "ACI201")
    results = {remedy.key: remedy.result for remedy in torn.remedies}
    assert results == {
        "one-commit": "ends this; ACI207 remains",
        "one-commit+roll-back-after-failed-commit": "passed",
    }
    assert torn.remedies[0].note.startswith("its line: tests/quality/remedies/programs.py:")


def flushed_in_autocommit(engine: Engine) -> None:
    with Session(engine.execution_options(isolation_level="AUTOCOMMIT")) as session:
        session.get_one(Product, 1).stock -= 1
        session.flush()
        session.add(Order(id=1, product_id=1))
        session.commit()


@pytest.mark.slow
def test_the_commit_that_a_change_brings_is_struck_too() -> None:
    """It may be refused and left open in the pool like any other, and nobody rolls it back for the program."""
    report = drilled(shop(Operation(flushed_in_autocommit)))
    results = {remedy.key: remedy.result for remedy in report.findings[0].remedies}
    assert results == {"begin": "ends this; ACI207 remains", "begin+roll-back-after-failed-commit": "passed"}


def lent(session: Session) -> None:
    session.get_one(Product, 1).stock -= 1
    session.commit()


async def lent_to_a_coroutine(async_session: AsyncSession) -> None:
    (await async_session.get_one(Product, 1)).stock -= 1
    await async_session.commit()


@pytest.mark.parametrize("function", [lent, lent_to_a_coroutine])
def test_a_refused_commit_on_what_was_lent_is_its_owners_to_roll_back(function: Any) -> None:
    report = drilled(shop(Operation(function)))
    (found,) = report.findings
    assert report.verdict == "pass", str(report)
    assert (found.code, found.severity, found.kind) == ("ACI207", "warning", CauseKind.COMMIT_LEFT_OPEN)
    (remedy,) = found.remedies
    assert (remedy.by_caller, remedy.result) == (True, "passed")
    run = prove.replay(shop(Operation(function)), found.schedule)
    assert (run.word, run.verdict) == (found.word, "pass")


def lent_and_rolled_back(session: Session) -> None:
    session.get_one(Product, 1).stock -= 1
    try:
        session.commit()
    except Exception:
        session.rollback()
        raise


def test_who_rolls_back_what_was_lent_is_owed_nothing() -> None:
    assert drilled(shop(Operation(lent_and_rolled_back))).findings == ()


@pytest.mark.parametrize("side", mostly_slow("sync", of=SIDES))
def test_on_what_it_opened_itself_it_is_an_error(side: str) -> None:
    report = drilled(scenario(SIDES[side], "", "stock_commit"), remedies=False)
    (found,) = report.findings
    assert (found.code, found.severity, report.verdict) == ("ACI207", "error", "fail")
