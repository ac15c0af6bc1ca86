"""The checks by letter, and how one is asked: its evidence is gathered once, and every letter reads its own from it.

A new letter is a file with a `Check` in it and one line in `CHECKS`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Generic, Protocol, TypeVar

from acidity.core.options import CheckOptions
from acidity.core.registry import Registry
from acidity.core.report import LETTERS, Card, EngineInfo, ExitReason, LetterState, Report
from acidity.core.scenario import Scenario
from acidity.errors import EngineUnavailable, Interrupted, Terminated
from acidity.prove.runs import reason_of
from acidity.report.secret import masked


class Evidence(Protocol):
    """What a check saw before it is told.

    Attributes:
        stopped_by: the Ctrl-C or signal that ended the check early; None when nothing did.
    """

    stopped_by: KeyboardInterrupt | Terminated | None


E = TypeVar("E", bound=Evidence)


@dataclass(frozen=True, slots=True)
class Check(Generic[E]):
    """One question and how it is answered.

    Attributes:
        name: as the report calls it: ``drill``.
        gather: runs the scenario. Two letters with the same function share what it gathers.
        report: tells what was gathered.
    """

    name: str
    gather: Callable[[Scenario, CheckOptions], E]
    report: Callable[[E, CheckOptions], Report]


CHECKS: Registry[Check[Any]] = Registry(
    "letters",
    {
        "A": "acidity.prove.drill.letters:ATOMIC",
        "C": "acidity.prove.drill.letters:CONSISTENT",
    },
)


def report_of(check: Check[Any], scenario: Scenario, options: CheckOptions) -> Report:
    """The Report of one check.

    Raises:
        Interrupted: the user pressed Ctrl-C; it carries the Report of what was found until then.
        Terminated: a signal asked the process to stop; the same.
        UsageError: the scenario cannot be run as it is given.
    """
    asked = _Asked(scenario, options)
    report = asked.answer(check)
    _raise_if_stopped(asked, report)
    return report


def card_of(wanted: set[str], scenario: Scenario, options: CheckOptions) -> Card:
    """The Card with the letters that are wanted; see `report_of` for what it raises."""
    asked = _Asked(scenario, options)
    answers: dict[str, Report | LetterState] = {}
    for letter in LETTERS:
        if letter not in wanted:
            answers[letter] = "not asked"
        else:
            answers[letter] = asked.answer(CHECKS[letter]) if letter in CHECKS else "not built"
    if not isinstance(answers.get("A"), Report):
        answers = {letter: _for_itself(answer) for letter, answer in answers.items()}
    engine = next((answer.engine for answer in answers.values() if isinstance(answer, Report)), EngineInfo("", ""))
    card = Card(options.target, engine, answers)
    _raise_if_stopped(asked, card)
    return card


def _for_itself(answer: Report | LetterState) -> Report | LetterState:
    """A letter that cannot refer to the findings of another one."""
    if not isinstance(answer, Report):
        return answer
    return replace(answer, findings=tuple(replace(finding, see=()) for finding in answer.findings))


class _Asked:
    """The evidence for one scenario on one engine, gathered when a letter first needs it."""

    def __init__(self, scenario: Scenario, options: CheckOptions) -> None:
        self._scenario = scenario
        self._options = options
        self._gathered: dict[Any, Evidence | Report] = {}
        self.stopped_by: KeyboardInterrupt | Terminated | None = None

    def answer(self, check: Check[Any]) -> Report:
        if check.gather not in self._gathered:
            self._gathered[check.gather] = self._gather(check)
        gathered = self._gathered[check.gather]
        return gathered if isinstance(gathered, Report) else check.report(gathered, self._options)

    def _gather(self, check: Check[Any]) -> Evidence | Report:
        """What the check saw, or the Report of a check that could not begin."""
        if self.stopped_by is not None:
            return self._not_run(check, ExitReason.INTERRUPTED, ExitReason.INTERRUPTED.value)
        try:
            evidence: Evidence = check.gather(self._scenario, self._options)
        except EngineUnavailable as error:
            return self._not_run(check, ExitReason.NO_ENGINE, str(error))
        except (KeyboardInterrupt, Terminated) as stop:  # before the first run
            self.stopped_by = stop
            return self._not_run(check, ended := reason_of(stop), ended.value)
        self.stopped_by = evidence.stopped_by
        return evidence

    def _not_run(self, check: Check[Any], ended: ExitReason, why: str) -> Report:
        """Nothing was run, which is an answer: unknown."""
        options = self._options
        return Report(
            check=check.name,
            target=options.target,
            engine=EngineInfo(masked(options.db), ""),
            unknowns=(why,),
            headline="not run",
            ended=ended,
            seed=options.seed,
        )


def _raise_if_stopped(asked: _Asked, answer: Report | Card) -> None:
    """A check that was stopped is stopped: what it found travels with the exception."""
    stop = asked.stopped_by
    if isinstance(stop, Terminated):
        stop.report = answer
        raise stop
    if stop is not None:
        raise Interrupted(answer) from stop
