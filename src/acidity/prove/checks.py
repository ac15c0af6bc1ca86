"""The checks by letter, and how one is asked: its evidence is gathered once, and every letter reads its own from it.

A new letter is a file with a `Check` in it and one line in `CHECKS`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Generic, Protocol, TypeVar

from acidity.core.cause import AlsoBroken
from acidity.core.codes import CODES, HALF_RECOVERED, TORN_BY_POWER_LOSS
from acidity.core.finding import Finding
from acidity.core.options import CheckOptions
from acidity.core.parting import Parting, parting
from acidity.core.registry import Registry
from acidity.core.report import LETTERS, Card, EngineInfo, ExitReason, LetterState, Report
from acidity.core.scenario import Scenario
from acidity.errors import EngineUnavailable, Interrupted, Terminated, UsageError
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
        covers: what other letters say they do not cover, and this one does.
        not_built: why it cannot be asked of a scenario on an engine yet; nothing where it can.
    """

    name: str
    gather: Callable[[Scenario, CheckOptions], E]
    report: Callable[[E, CheckOptions], Report]
    covers: tuple[str, ...] = ()
    not_built: Callable[[Scenario, CheckOptions], str] = lambda _scenario, _options: ""


CHECKS: Registry[Check[Any]] = Registry(
    "letters",
    {
        "A": "acidity.prove.drill.letters:ATOMIC",
        "C": "acidity.prove.drill.letters:CONSISTENT",
        "I": "acidity.prove.explore.letter:ISOLATED",
        "D": "acidity.prove.crash.letter:DURABLE",
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
    with parting(lambda end: asked.part(end, lambda: asked.answer(check))):
        report = asked.answer(check)
    _raise_if_stopped(asked, report)
    return report


def card_of(wanted: set[str], scenario: Scenario, options: CheckOptions) -> Card:
    """The Card with the letters that are wanted; see `report_of` for what it raises.

    Raises:
        UsageError: none of them is built for this scenario and engine; or one is not, and not simply all were asked
            for: whoever names a letter wants its verdict.
    """
    missing = {letter: CHECKS[letter].not_built(scenario, options) for letter in sorted(wanted) if letter in CHECKS}
    named = wanted != LETTERS.keys()
    if missing and (all(missing.values()) or (named and any(missing.values()))):
        raise UsageError("; ".join(why for why in missing.values() if why))
    asked = _Asked(scenario, options)
    with parting(lambda end: asked.part(end, lambda: _card(wanted, scenario, options, asked))):
        card = _card(wanted, scenario, options, asked)
    _raise_if_stopped(asked, card)
    return card


def _card(wanted: set[str], scenario: Scenario, options: CheckOptions, asked: _Asked) -> Card:
    answers: dict[str, Report | LetterState] = {}
    for letter in LETTERS:
        if letter not in wanted:
            answers[letter] = "not asked"
        elif letter not in CHECKS or CHECKS[letter].not_built(scenario, options):
            answers[letter] = "not built"
        else:
            answers[letter] = asked.answer(CHECKS[letter])
    if not isinstance(answers.get("A"), Report):
        answers = {letter: _for_itself(answer) for letter, answer in answers.items()}
    answers = _beside_each_other(_with_their_letters(answers))
    engine = next((answer.engine for answer in answers.values() if isinstance(answer, Report)), EngineInfo("", ""))
    return Card(options.target, engine, answers)


def _for_itself(answer: Report | LetterState) -> Report | LetterState:
    """A letter that cannot refer to the findings of another one."""
    if not isinstance(answer, Report):
        return answer
    return replace(answer, findings=tuple(replace(finding, see=()) for finding in answer.findings))


def _with_their_letters(answers: dict[str, Report | LetterState]) -> dict[str, Report | LetterState]:
    """Each finding with the letter whose verdict it decides, whichever check has found it.

    Half a transaction after a crash is no atomic one either, so letter A says that, too. What belongs to a letter that
    was not asked stays with the one that has found it: nothing passes that was seen to be wrong. Letter I warns of a
    rule that callers break one after the other, which decides letter C.
    """
    stray = [found for letter, answer in answers.items() for found in _strays(letter, answer)]
    both = [_as_torn(found) for answer in answers.values() for found in _halves(answer)]
    moved: dict[str, Report | LetterState] = {}
    for letter, answer in answers.items():
        if not isinstance(answer, Report):
            moved[letter] = answer
            continue
        own = [found for found in answer.findings if not isinstance(answers[CODES[found.code].letter], Report)]
        own += [found for found in answer.findings if CODES[found.code].letter == letter]
        others = [found for found in (*stray, *both) if CODES[found.code].letter == letter]
        for found in others:
            add(own, replace(found, severity="error") if letter == "C" else found)
        gone = [found for found in _strays(letter, answer) if isinstance(answers[CODES[found.code].letter], Report)]
        headline = answer.headline + _told_elsewhere(gone)
        if letter == "C" and others:
            headline += f"; by several operations, one after the other: {len(others)} broken"
        own.sort(key=lambda found: found.severity != "error")
        moved[letter] = replace(answer, findings=tuple(own), headline=headline)
    return moved


def _told_elsewhere(gone: list[Finding]) -> str:
    """What a headline counts, and another letter fails for."""
    words = dict.fromkeys((found.word, CODES[found.code].letter) for found in gone if found.severity == "error")
    return "".join(f" · {word}: see letter {letter}" for word, letter in words)


def add(own: list[Finding], found: Finding) -> None:
    """One more finding of a letter; where another one has the same cause, that breaks this, too."""
    for place, known in enumerate(own):
        if _cause(known) == _cause(found) and found.permanent is not None:
            also = AlsoBroken(found.code, found.word)
            is_said = found.code == known.code or also in known.also
            own[place] = known if is_said else replace(known, also=(*known.also, also))
            return
    own.append(found)


def _cause(found: Finding) -> tuple[object, ...]:
    return found.operation, found.kind, found.permanent.site if found.permanent is not None else None


def _strays(letter: str, answer: Report | LetterState) -> list[Finding]:
    findings = answer.findings if isinstance(answer, Report) else ()
    return [found for found in findings if CODES[found.code].letter != letter]


def _halves(answer: Report | LetterState) -> list[Finding]:
    findings = answer.findings if isinstance(answer, Report) else ()
    return [found for found in findings if found.code == HALF_RECOVERED.name]


def _as_torn(found: Finding) -> Finding:
    return replace(found, code=TORN_BY_POWER_LOSS.name, word=TORN_BY_POWER_LOSS.word)


def _beside_each_other(answers: dict[str, Report | LetterState]) -> dict[str, Report | LetterState]:
    """What one letter does not cover and another one does is covered, unless that one could not say."""
    covered = {
        name
        for letter, answer in answers.items()
        if isinstance(answer, Report) and answer.verdict != "unknown"
        for name in CHECKS[letter].covers
    }
    return {letter: _covering(answer, covered) for letter, answer in answers.items()}


def _covering(answer: Report | LetterState, covered: set[str]) -> Report | LetterState:
    if not isinstance(answer, Report):
        return answer
    return replace(answer, not_covered=tuple(name for name in answer.not_covered if name not in covered))


class _Asked:
    """The evidence for one scenario on one engine, gathered when a letter first needs it."""

    def __init__(self, scenario: Scenario, options: CheckOptions) -> None:
        self._scenario = scenario
        self._options = options
        self._gathered: dict[Any, Evidence | Report] = {}
        self._began = time.monotonic()
        self._stuck = ""
        self.stopped_by: KeyboardInterrupt | Terminated | None = None

    def part(self, end: Parting, answer: Callable[[], Report | Card]) -> None:
        """The process ends; what was not gathered until now is unknown for that reason."""
        self._stuck = end.why
        end.answer = answer()

    def answer(self, check: Check[Any]) -> Report:
        if check.gather not in self._gathered:
            self._gathered[check.gather] = self._gather(check)
        gathered = self._gathered[check.gather]
        return gathered if isinstance(gathered, Report) else check.report(gathered, self._options)

    def _gather(self, check: Check[Any]) -> Evidence | Report:
        """What the check saw, or the Report of a check that could not begin."""
        if self._stuck:
            return self._not_run(check, ExitReason.STUCK, self._stuck)
        if self.stopped_by is not None:
            return self._not_run(check, ExitReason.INTERRUPTED, ExitReason.INTERRUPTED.value)
        try:
            evidence: Evidence = check.gather(self._scenario, self._in_time())
        except EngineUnavailable as error:
            return self._not_run(check, ExitReason.NO_ENGINE, str(error))
        except (KeyboardInterrupt, Terminated) as stop:  # before the first run
            self.stopped_by = stop
            return self._not_run(check, ended := reason_of(stop), ended.value)
        self.stopped_by = evidence.stopped_by
        return evidence

    def _in_time(self) -> CheckOptions:
        """What the letters before have used up of the time budget is gone."""
        budget = self._options.budget
        if budget is None or not self._gathered:
            return self._options
        return replace(self._options, budget=max(0.0, budget - (time.monotonic() - self._began)))

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
