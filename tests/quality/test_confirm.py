"""What is said of a run was seen twice; and whatever becomes of a trial, the finding stays."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.orm import Session

from acidity import prove
from acidity.core.call import Site
from acidity.core.cause import Cause, CauseKind, Place
from acidity.core.finding import Tried
from acidity.core.report import Report
from acidity.prove import Operation
from acidity.prove.drill import trials
from acidity.prove.drill.trials import Remains, Trial, Trials
from acidity.prove.remedies import REMEDIES
from acidity.prove.runs import Runs
from tests.engines.bank import ALICE, BOB, Account, bank, total_is_kept
from tests.quality import operations as ops
from tests.run.conftest import ENGINES
from tests.run.drilling import drilled


def tears(keeps_half: Callable[[str], bool]) -> Operation:
    """Money is moved in three writes; at an error `keeps_half` decides whether those before it are committed."""
    steps = {"first": (ALICE, -10), "second": (BOB, 5), "third": (BOB, 5)}

    def moves(session: Session) -> None:
        done = []
        for name, (owner, amount) in steps.items():
            try:
                session.get_one(Account, owner).balance += amount
                session.flush()
            except Exception:
                session.rollback()
                for before in done if keeps_half(name) else ():
                    session.get_one(Account, steps[before][0]).balance += steps[before][1]
                session.commit()
                raise
            done.append(name)
        session.commit()

    return Operation(moves)


class Once:
    """True for each name the first time only."""

    def __init__(self, *always: str) -> None:
        self.seen: set[str] = set()
        self.always = always

    def __call__(self, name: str) -> bool:
        first = name not in self.seen
        self.seen.add(name)
        return first or name in self.always


@pytest.mark.dear
@pytest.mark.parametrize("db", ENGINES)
@pytest.mark.one_in(3)
def test_what_does_not_come_again_is_unknown_with_both_histories(db: str) -> None:
    report = drilled(bank(tears(Once())), db, "error-before")
    assert report.verdict == "unknown", report
    assert not report.findings
    assert len(report.unknowns) == 2  # half of it was written again in two lines: after one write, and after two
    for why in report.unknowns:
        assert "torn was seen in ac1:A" in why
        assert "struck by error-before" in why.partition("at first")[2].partition("the second time")[0]
        assert "rows torn" in why.partition("at first")[2].partition("the second time")[0]
        assert "rows before" in why.partition("the second time")[2]


@pytest.mark.dear
def test_the_next_plainest_run_that_comes_again_is_shown() -> None:
    """The rows are the same after an error before the third write, and at the read before it."""
    once = drilled(bank(tears(Once("third"))), "sqlite", "error-before")
    assert [found.word for found in once.findings] == ["torn"]
    assert once.verdict == "fail"
    always = drilled(bank(tears(lambda _: True)), "sqlite", "error-before")
    assert [found.word for found in always.findings] == ["torn", "torn"]
    assert not always.unknowns
    assert str(once.findings[0].schedule) == str(always.findings[1].schedule)


def test_what_comes_again_is_said_without_doubt() -> None:
    report = drilled(bank(ops.two_commits), "sqlite", "error-before")
    assert [found.word for found in report.findings] == ["torn"]
    assert not report.unknowns


@pytest.mark.dear
def test_an_invariant_that_was_broken_once_is_not_said_either() -> None:
    report = drilled(bank(tears(Once()), invariants=[total_is_kept]), "sqlite", "error-before")
    assert report.verdict == "unknown"
    assert not report.findings
    assert any("inconsistent was seen in" in why for why in report.unknowns)
    always = drilled(bank(tears(lambda _: True), invariants=[total_is_kept]), "sqlite", "error-before")
    assert {word for found in always.findings for word in found.errors} == {"torn", "inconsistent"}
    assert not always.unknowns


def looks_after_its_first_commit(engine: Engine) -> None:
    """A second connection has to find what the first COMMIT wrote, so one COMMIT at the end cannot do."""
    with Session(engine) as session:
        session.get_one(Account, ALICE).balance -= 10
        session.commit()
        other = create_engine(engine.url)
        try:
            with other.connect() as connection:
                if connection.scalar(text("SELECT balance FROM accounts WHERE id = 1")) != 90:
                    raise LookupError("the debit is not there")
        finally:
            other.dispose()
        session.get_one(Account, BOB).balance += 10
        session.commit()


def one_commit_of(report: Report) -> Any:
    (found,) = [found for found in report.findings if found.word == "torn"]
    (remedy,) = found.remedies
    return remedy


def test_a_change_with_which_the_program_fails_was_not_tried_and_costs_no_finding() -> None:
    report = prove.drill(bank(looks_after_its_first_commit), faults=["error-before"])
    remedy = one_commit_of(report)
    assert report.verdict == "fail"
    assert remedy.verdict is Tried.NOT_TRIED
    assert "the debit is not there" in remedy.note
    assert f"fix     {remedy.name} (not tried: " in str(report)


def test_its_twin_without_the_second_look_passes_with_the_change() -> None:
    assert one_commit_of(prove.drill(bank(ops.two_commits), faults=["error-before"])).verdict is Tried.PASSED


@pytest.mark.parametrize("error", [ValueError("a bug"), KeyboardInterrupt()], ids=["error", "Ctrl-C"])
def test_whatever_a_trial_ends_with_the_finding_stays(error: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: Any) -> Any:
        raise error

    trial = REMEDIES["one-commit"]
    monkeypatch.setattr(trials, "REMEDIES", {"one-commit": replace(trial, interceptor=broken)})
    try:
        report = prove.drill(bank(ops.two_commits), faults=["error-before"])
    except KeyboardInterrupt as interrupt:
        assert isinstance(error, KeyboardInterrupt)
        report = interrupt.report  # type: ignore[attr-defined]
    assert one_commit_of(report).verdict is Tried.NOT_TRIED
    assert report.verdict == "fail"


def test_a_budget_that_is_used_up_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    class TooLate(Trials):
        def helping(self, *arguments: Any) -> Any:
            monkeypatch.setattr(Runs, "over", lambda _: True)
            return super().helping(*arguments)

    monkeypatch.setattr(import_module("acidity.prove.drill.drill"), "Trials", TooLate)
    report = prove.drill(bank(ops.two_commits), faults=["error-before"])
    remedy = one_commit_of(report)
    assert (remedy.verdict, remedy.note) == (Tried.NOT_TRIED, "the time budget was used up")
    assert remedy.result == "not tried: the time budget was used up"
    assert "did not end it" not in str(report)


def test_how_a_trial_ends_for_a_finding() -> None:
    this = Cause(CauseKind.SEVERAL_COMMITS, Place(Site("shop.py", 15)))
    other = Cause(CauseKind.COMMIT_LEFT_OPEN, Place(Site("shop.py", 34)))
    known = frozenset({this.key, other.key})
    left = {
        "this": Remains(this.key, this.kind, "ACI201"),
        "other": Remains(other.key, other.kind, "ACI207", "shop.py:34"),
        "moved": Remains(("elsewhere",), this.kind, "ACI201"),
        "brought": Remains(("elsewhere",), other.kind, "ACI207"),
    }

    def ending(*names: str, **options: Any) -> tuple[Tried, str]:
        errors = tuple(left[name] for name in names)
        remedy = Trial("one-commit", "one commit", 12, errors, known, **options).against(this)
        return remedy.verdict, remedy.result

    assert ending() == (Tried.PASSED, "passed")
    assert ending("other") == (Tried.ENDS_THIS, "ends this; ACI207 remains")
    assert ending("brought") == (Tried.ENDS_THIS, "ends this; ACI207 remains")
    assert ending("this") == (Tried.FAILED, "did not end it")
    assert ending("moved", "other") == (Tried.FAILED, "did not end it")
    assert ending("this", unfinished="budget") == (Tried.FAILED, "did not end it")
    assert ending(unfinished="the time budget was used up")[1] == "not tried: the time budget was used up"
    assert ending("other", unfinished="budget") == (Tried.NOT_TRIED, "not tried: budget")
