"""What checks answer with, which every format only reads: a `Report`, a `Card` of four letters, `Levels` of either.

A Report is one check on one target and engine.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from importlib import import_module
from typing import Any, Literal

from acidity.core.finding import Finding, Verdict
from acidity.core.shown import ShownRun
from acidity.errors import AcidityViolated

LetterState = Literal["not stated", "not asked", "not built"]
LETTERS: Mapping[str, str] = {"A": "atomic", "C": "consistent", "I": "isolated", "D": "durable"}
ITS_OWN = "its own"  # the level that an engine has where none is imposed
LEVEL = "isolation level"


class Detail(Enum):
    """How much of an answer a text shows.

    Attributes:
        LINE: one line for each target.
        CARD: a headline, one finding in full and the others in a line each.
        ALL: every finding, what was covered, and the notes.
    """

    LINE = "quiet"
    CARD = "card"
    ALL = "verbose"


class ExitReason(Enum):
    """Why a check made no more runs; the value is what people read. All but the first leave something undecided."""

    FINISHED = "every planned run was made"
    RUNS_MAX = "no more runs were asked for (runs_max)"
    BUDGET = "the time budget was used up"
    INTERRUPTED = "interrupted"
    TERMINATED = "told to stop by a signal"
    NO_ENGINE = "the engine could not be started"
    STUCK = "a run did not end, and could not be ended"

    def after(self, made: int, planned: int) -> str:
        """The sentence with how far it came."""
        return f"{self.value} after {made} of {planned} run{'' if planned == 1 else 's'}"


@dataclass(frozen=True, slots=True)
class EngineInfo:
    """The database that was used: ``sqlite`` ``3.40.1`` and the settings that matter."""

    name: str
    version: str
    driver: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)

    def at(self, level: str | None) -> EngineInfo:
        """The same with the isolation level that a check has imposed; None: it has imposed none."""
        return self if not level else replace(self, settings={**self.settings, LEVEL: level})


@dataclass(frozen=True, slots=True)
class Bound:
    """What was covered of what.

    Attributes:
        name: what is counted (``runs``, ``end states``).
        covered: how many were.
        total: how many there are; None where that is not countable.
        note: what it does not cover, or why it stopped.
    """

    name: str
    covered: int
    total: int | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """The answer of one check. The verdict is derived, never set.

    Attributes:
        check: ``drill``, ``explore``, …
        target: how the user named the scenario.
        engine: where it ran.
        runs: how many runs were made.
        bounds: what a pass covers.
        findings: errors first.
        unknowns: reasons why the check could not decide.
        headline: the counts, in one line.
        classifier: ``2 writes in 1 commit: protected`` (letter A only).
        counts: how the runs ended: ``before``, ``after``, ``torn``, … → how many.
        notes: what the reader should know: masked columns, what is simulated.
        not_covered: what such a check says nothing about, each in a few words.
        ended: why no more runs were made.
        own_levels: which operations set another isolation level than the one that was imposed, as
            ``transfer sets SERIALIZABLE itself``; theirs is kept.
        shown: the run itself, where only one of several callers was asked for.
        expected: the words that a saved report said of the run that was made again.
        stated: False when there was nothing to check (letter C without constraints and invariants).
        seed: of every random choice.
        versions: acidity, Python and library versions.
        elapsed_s: wall time in seconds; not part of what a seed fixes.
    """

    check: str
    target: str
    engine: EngineInfo
    runs: int = 0
    bounds: tuple[Bound, ...] = ()
    findings: tuple[Finding, ...] = ()
    unknowns: tuple[str, ...] = ()
    headline: str = ""
    classifier: str = ""
    counts: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    not_covered: tuple[str, ...] = ()
    ended: ExitReason = ExitReason.FINISHED
    own_levels: tuple[str, ...] = ()
    shown: ShownRun | None = None
    expected: tuple[str, ...] = ()
    stated: bool = True
    seed: int = 0
    versions: Mapping[str, str] = field(default_factory=dict)
    elapsed_s: float = field(default=0.0, compare=False)

    @property
    def verdict(self) -> Verdict:
        """Fail if an error was found, else unknown if anything was left undecided, else pass."""
        if any(finding.severity == "error" for finding in self.findings):
            return "fail"
        return "unknown" if self.unknowns else "pass"

    @property
    def reproduced(self) -> bool | None:
        """Whether its findings show all that was expected; None when nothing was."""
        return all(map(self.shows, self.expected)) if self.expected else None

    def shows(self, word: str) -> bool:
        """Whether a finding is called by this word."""
        return any(finding.word == word for finding in self.findings)

    @property
    def letter_state(self) -> Verdict | LetterState:
        """The verdict, or *not stated* when there was nothing to check."""
        if not self.stated and self.verdict == "pass":
            return "not stated"
        return self.verdict

    def raise_for_findings(self, *, allow_unknown: bool = False) -> None:
        """Raise `AcidityViolated` with the report as its text unless the verdict is pass.

        Args:
            allow_unknown: do not raise when the check could not decide.

        Raises:
            AcidityViolated: the verdict is fail, or unknown and that is not allowed.
        """
        raise_unless_passed(self, allow_unknown=allow_unknown)

    def __str__(self) -> str:
        return as_text(self)


@dataclass(frozen=True, slots=True)
class Card:
    """The four letters for one target on one engine.

    Attributes:
        target: how the user named the scenario.
        engine: where it ran.
        letters: letter → its `Report`, or why there is none (*not asked*, *not built*).
    """

    target: str
    engine: EngineInfo
    letters: Mapping[str, Report | LetterState]

    @property
    def verdict(self) -> Verdict:
        """Fail if any letter fails, else unknown if any is, else pass."""
        verdicts = [letter.verdict for letter in self.letters.values() if isinstance(letter, Report)]
        if "fail" in verdicts:
            return "fail"
        return "unknown" if "unknown" in verdicts or not verdicts else "pass"

    def raise_for_findings(self, *, allow_unknown: bool = False) -> None:
        """Raise `AcidityViolated` with the card as its text unless the verdict is pass (see `Report`)."""
        raise_unless_passed(self, allow_unknown=allow_unknown)

    def __str__(self) -> str:
        return as_text(self)


@dataclass(frozen=True, slots=True)
class Levels:
    """The answers for one target on one engine at each of its isolation levels.

    Attributes:
        target: how the user named the scenario.
        engine: where they ran.
        levels: isolation level → the answer there, the weakest level first.
    """

    target: str
    engine: EngineInfo
    levels: Mapping[str, Report | Card]

    @property
    def verdict(self) -> Verdict:
        """Fail if it fails at any level, else unknown if it is at any, else pass."""
        verdicts = [answer.verdict for answer in self.levels.values()]
        if "fail" in verdicts:
            return "fail"
        return "unknown" if "unknown" in verdicts or not verdicts else "pass"

    @property
    def weakest(self) -> str | None:
        """The weakest level that passes; None where none does."""
        return next((level for level, answer in self.levels.items() if answer.verdict == "pass"), None)

    def raise_for_findings(self, *, allow_unknown: bool = False) -> None:
        """Raise `AcidityViolated` with the answers as its text unless all pass (see `Report`)."""
        raise_unless_passed(self, allow_unknown=allow_unknown)

    def __str__(self) -> str:
        return as_text(self)


def raise_unless_passed(report: Report | Card | Levels, *, allow_unknown: bool) -> None:
    """Shared by `Report`, `Card` and `Levels`."""
    if report.verdict == "pass" or (report.verdict == "unknown" and allow_unknown):
        return
    raise AcidityViolated(as_text(report, Detail.CARD), report)


def as_text(report: Report | Card | Levels, detail: Detail = Detail.ALL) -> str:
    """The text format, found by name: formats are built on these values, not the other way round."""
    plain: Callable[[Report | Card | Levels, Detail], str] = import_module("acidity.report.text").plain
    return plain(report, detail)


Answer = Report | Card | Levels


def exit_code(answers: list[Any]) -> int:
    """1 if any item fails, else 3 if any is unknown, else 0 (DESIGN §4).

    >>> exit_code([])
    0
    """
    verdicts = {answer.verdict for answer in answers}
    if "fail" in verdicts:
        return 1
    return 3 if "unknown" in verdicts else 0
