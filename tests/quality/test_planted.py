"""A checker that lies is caught: with any piece of it replaced by a lie, controls are no longer as expected."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest
from sqlalchemy import insert
from sqlalchemy.orm import Session

from acidity.adapters.seam import PendingCall
from acidity.analysis.answers import Likeness
from acidity.analysis.compare import Comparer
from acidity.core.outcome import Rows, Told
from acidity.errors import UsageError
from acidity.prove import Operation
from acidity.prove.drill import examine
from acidity.prove.drill import plan as planning
from acidity.prove.drill.examine import Examiner
from acidity.prove.drill.judge import Baseline
from acidity.prove.drill.striker import FaultInjector
from acidity.prove.faults import FAULTS
from acidity.prove.stage import onlook
from acidity.prove.stage.inspector import Inspector
from acidity.prove.stage.rest import Rest
from acidity.prove.stage.stage import Stage
from acidity.prove.stage.stranger import Encounter
from tests.engines.bank import Payment, total_is_kept
from tests.quality import operations as ops
from tests.quality.controls import BY_A_STRANGER, Control, as_expected


def pays_for_nobody(session: Session) -> None:
    with session.begin():
        session.execute(insert(Payment).values(account_id=99, amount=1))


class Terminal:
    def charge(self) -> None:
        """Take money from a card."""


terminal = Terminal()


def charges_first(engine: Any) -> None:
    terminal.charge()
    ops.session_begin(engine)


TORN = Control(ops.two_commits, frozenset({"torn"}))
STOCK = Control(ops.session_stock, frozenset({BY_A_STRANGER}))
MENDED = Control(ops.session_begin)
DOUBLED = Control(ops.retried, frozenset({"doubled"}))
FALSE_FAILURE = Control(ops.failure_as_answer, frozenset({"false failure"}))
FALSE_SUCCESS = Control(ops.commit_failure_ignored, frozenset({"false success"}))
UNCOMMITTED = Control(ops.nothing_committed, frozenset({"false success"}))
ORPHANED = Control(pays_for_nobody, frozenset({"inconsistent"}))
UNBALANCED = Control(ops.two_commits, frozenset({"torn", "inconsistent"}), {"invariants": [total_is_kept]})
CHARGED = Control(charges_first, frozenset({"torn"}), {"effects": [terminal.charge]})


@dataclass(frozen=True)
class Lie:
    """A piece of the checker that says something else.

    Attributes:
        where: what is replaced, an object and the name of its attribute.
        told: makes the lie from the truth.
        seen_by: the controls that must no longer be as expected, each of them.
    """

    where: tuple[Any, str]
    told: Callable[[Any], Any]
    seen_by: tuple[Control, ...]


def torn_counts_as_after(truth: Any) -> Any:
    def rows_of(self: Baseline, *arguments: Any) -> Rows:
        rows = truth(self, *arguments)
        return Rows.AFTER if rows is Rows.TORN else rows

    return rows_of


def the_first_look_decides(truth: Any) -> Any:
    def run(self: Stage, *arguments: Any, **options: Any) -> Any:
        seen = truth(self, *arguments, **options)
        return replace(seen, second=seen.first)

    return run


def the_second_look_is_the_first(truth: Any) -> Any:
    def run(self: Stage, *arguments: Any, **options: Any) -> Any:
        seen = truth(self, *arguments, **options)
        return replace(seen, first=seen.second)

    return run


def nothing_is_struck(_: Any) -> Any:
    def intercept(self: FaultInjector, pending: PendingCall) -> None:
        self.struck = True
        self.inner.intercept(pending)

    return intercept


def only_errors_before_are_planned(truth: Any) -> Any:
    def plan(*arguments: Any) -> Any:
        strikes, cells = truth(*arguments)
        return [strike for strike in strikes if strike.fault.name == "error-before"], cells

    return plan


def always(answer: Any) -> Callable[[Any], Any]:
    return lambda _: lambda *arguments, **options: answer


def every_column_is_masked(truth: Any) -> Any:
    def learn(seed: Any, states: Any, history: Any, ignore: Any) -> Any:
        columns = [f"{name}.{column}" for name, table in seed.tables.items() for column in table.columns]
        return truth(seed, states, history, [*ignore, *columns])

    return learn


def effects_are_not_counted(truth: Any) -> Any:
    return lambda self, *arguments, **options: replace(truth(self, *arguments, **options), effects={})


def nothing_comes_again(_: Any) -> Any:
    def repeat(self: Examiner, *arguments: Any) -> Any:
        raise LookupError

    return repeat


LIES: dict[str, Lie] = {
    "torn counts as after": Lie((Baseline, "rows_of"), torn_counts_as_after, (TORN, CHARGED)),
    "all rows are as before": Lie((Baseline, "rows_of"), always(Rows.BEFORE), (TORN, STOCK, DOUBLED, FALSE_FAILURE)),
    "all states are the same": Lie((Comparer, "same"), always(answer=True), (TORN, STOCK, DOUBLED)),
    "every column is masked": Lie((examine, "learn"), every_column_is_masked, (TORN, DOUBLED, FALSE_FAILURE)),
    "the second look is skipped": Lie((Stage, "run"), the_first_look_decides, (STOCK,)),
    "the first look is skipped": Lie((Stage, "run"), the_second_look_is_the_first, (STOCK,)),
    "no stranger comes": Lie((onlook, "meet"), always(Encounter()), (STOCK,)),
    "the stranger is never needed": Lie((Rest, "foretold"), always(answer=True), (STOCK,)),
    "no fault strikes": Lie((FaultInjector, "intercept"), nothing_is_struck, (TORN, STOCK, DOUBLED, CHARGED)),
    "no fault is planned": Lie((examine, "plan"), always(([], {})), (TORN, STOCK, DOUBLED)),
    "only one fault is planned": Lie((examine, "plan"), only_errors_before_are_planned, (STOCK, DOUBLED)),
    "every answer is the clean one's": Lie((Comparer, "likeness"), always(Likeness.SAME), (FALSE_FAILURE,)),
    "every answer is another word": Lie((Comparer, "likeness"), always(Likeness.OTHER), (FALSE_FAILURE, FALSE_SUCCESS)),
    "nothing comes again": Lie((Examiner, "repeat"), nothing_comes_again, (TORN, DOUBLED, UNBALANCED)),
    "everybody is told ok": Lie((Baseline, "told"), always(Told.OK), (STOCK, MENDED, FALSE_FAILURE)),
    "everybody is told nothing": Lie((Baseline, "told"), always(Told.UNKNOWN), (STOCK, FALSE_FAILURE, FALSE_SUCCESS)),
    "every answer is the clean one": Lie((examine, "judged"), lambda _: Baseline.judge, (UNCOMMITTED,)),
    "nothing is known of twice": Lie((Examiner, "_repeated"), always([]), (DOUBLED,)),
    "nothing is inconsistent": Lie((Inspector, "inspect"), always(()), (ORPHANED, UNBALANCED)),
    "effects are not counted": Lie((Stage, "run"), effects_are_not_counted, (CHARGED,)),
}


def lies() -> list[Any]:
    """Parameters: each lie with all that see it; those but the first are slow."""
    return [
        pytest.param(lie, seen, id=f"{lie}-{seen.name}", marks=pytest.mark.slow if place else ())
        for lie in LIES
        for place, seen in enumerate(LIES[lie].seen_by)
    ]


@pytest.mark.few_or_all
@pytest.mark.parametrize(("lie", "control"), lies())
def test_a_lie_is_seen(lie: str, control: Control, monkeypatch: pytest.MonkeyPatch) -> None:
    owner, name = LIES[lie].where
    monkeypatch.setattr(owner, name, LIES[lie].told(getattr(owner, name)))
    assert not as_expected_or_not_at_all(control)


def as_expected_or_not_at_all(control: Control) -> bool:
    """A checker that cannot even finish is seen, too."""
    try:
        return as_expected(control)
    except UsageError:
        return False


@pytest.mark.few_or_all
@pytest.mark.parametrize("control", [ORPHANED, UNBALANCED, CHARGED], ids=lambda control: control.name)
def test_without_a_lie_they_are_as_expected(control: Control) -> None:
    assert as_expected(control)


@pytest.mark.parametrize("fault", ["commit-left-open", "answer-lost", "error-before", "effect-after"])
def test_a_fault_that_only_says_that_it_struck_is_seen(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What happened decides, not what the fault says of itself."""
    shows = {
        "commit-left-open": STOCK,
        "answer-lost": DOUBLED,
        "error-before": Control(Operation(ops.error_swallowed), frozenset({"torn", "false success"})),
        "effect-after": CHARGED,
    }[fault]
    harmless = lambda pending, context: pending.perform()  # noqa: E731
    assert shows.drilled(faults=[fault], remedies=False).verdict == "fail"
    monkeypatch.setattr(planning, "FAULTS", {fault: replace(FAULTS[fault], ways={"*": harmless})})  # type: ignore[type-var]
    assert shows.drilled(faults=[fault], remedies=False).verdict != "fail"
