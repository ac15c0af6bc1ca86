"""A `Finding`: something a check has to say, with the evidence and the `Remedy` list that was tried."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from acidity.core.call import History, Site
from acidity.core.cause import AlsoBroken, CauseKind, Place, Rate, RowFate, Severity
from acidity.core.codes import CODES
from acidity.core.lane import Move
from acidity.core.misfit import Mode
from acidity.core.schedule import Schedule

Verdict = Literal["pass", "fail", "unknown"]
LEFT = "left"  # what callers left: rows, and effects outside the database
TOLD = "told"  # only what they were told or answered


@dataclass(frozen=True, slots=True)
class RowChange:
    """One row that differs from the rows before.

    Attributes:
        table: name of the table.
        key: column → value of its primary key.
        before: column → value, or None when the row is new.
        after: column → value, or None when the row is gone.
    """

    table: str
    key: tuple[tuple[str, object], ...]
    before: tuple[tuple[str, object], ...] | None
    after: tuple[tuple[str, object], ...] | None

    def __str__(self) -> str:
        name = " ".join([self.table, *(f"{column}={value}" for column, value in self.key)])
        if self.before is None:
            return f"{name} added: " + ", ".join(f"{column} {value}" for column, value in self.after or ())
        if self.after is None:
            return f"{name} removed: " + ", ".join(f"{column} {value}" for column, value in self.before)
        new = dict(self.after)
        return f"{name} " + ", ".join(
            f"{column} {value} → {new[column]}"
            for column, value in self.before
            if (type(new[column]), new[column]) != (type(value), value)
        )


class Tried(StrEnum):
    """What came of the trial of a change, seen from one finding.

    Attributes:
        PASSED: the check passes with it.
        ENDS_THIS: this finding is gone, and others remain.
        FAILED: this finding is still there.
        NOT_TRIED: it could not be tried, or not to its end.
    """

    PASSED = "pass"
    ENDS_THIS = "ends this"
    FAILED = "fail"
    NOT_TRIED = "not tried"


@dataclass(frozen=True, slots=True)
class Remedy:
    """A change that was tried by running the same check again.

    Attributes:
        name: what to change, in words.
        verdict: what came of it, for this finding.
        runs: how many runs that took.
        note: what the reader must know beside it; for a change that was not tried, the reason.
        key: what it is called in the registry of remedies; of a pair both, as in ``one-commit+roll-back``.
        remain: the codes of the errors that are still there with it.
        by_caller: the operation cannot make it by itself, since it was given the session; its caller has to.
    """

    name: str
    verdict: Tried
    runs: int
    note: str = ""
    key: str = ""
    remain: tuple[str, ...] = ()
    by_caller: bool = False

    @property
    def result(self) -> str:
        """What came of it: ``passed``, ``ends this; ACI207 remains``, ``did not end it``, ``not tried: its reason``."""
        return self.result_for("")

    def result_for(self, code: str) -> str:
        """The same for a finding of this code: an error of that code which remains is another one."""
        if self.verdict is Tried.ENDS_THIS:
            remain = ", ".join(f"another {each}" if each == code else each for each in self.remain)
            return f"ends this; {remain} {'remains' if len(self.remain) == 1 else 'remain'}"
        if self.verdict is Tried.NOT_TRIED:
            return f"not tried: {self.note}"
        return "passed" if self.verdict is Tried.PASSED else "did not end it"


@dataclass(frozen=True, slots=True)
class Finding:
    """One cause of something wrong, in the user's terms first.

    Attributes:
        code: stable, such as ``ACI201``.
        severity: an *error* decides the verdict, a *warning* does not.
        title: one plain sentence about money, seats or rows.
        word: the standard word: torn, doubled, false success, …
        operation: the name of the operation.
        schedule: the run that shows it; replayable.
        sites: lines of user code, the struck Call first.
        diff: the rows that differ from the rows before.
        explanation: steps, one sentence each.
        remedies: what was tried.
        occurrences: how many runs have the same cause.
        history: the Calls of the run that shows it.
        anomaly: the standard name of an isolation anomaly, for explore.
        replay: the command that makes the run again.
        kind: the kind of cause.
        cause: that cause in one sentence.
        also: what else it breaks: words, constraints, invariants.
        permanent: where the change became permanent, or where that is missing.
        broke: where it broke, if the run was struck; of callers at once the call that another one went against.
        rows: the rows as they are beside what they should have been.
        see: the findings of other letters that have the same cause, as ``A.1``.
        rate: in how many runs it shows, of how many.
        mode: whether what struck the run shown is real or simulated; None where nothing was to strike.
        lanes: who did what, in executed order, where several callers were at work.
        wrong: of several callers what is wrong, so that nothing else passes for the same: `LEFT`, `TOLD`, or the rule
            that does not hold.
    """

    code: str
    severity: Severity
    title: str
    word: str
    operation: str
    schedule: Schedule
    sites: tuple[Site, ...] = ()
    diff: tuple[RowChange, ...] = ()
    explanation: tuple[str, ...] = ()
    remedies: tuple[Remedy, ...] = ()
    occurrences: int = 1
    history: History = ()
    anomaly: str = ""
    replay: str = ""
    kind: CauseKind = CauseKind.OTHER
    cause: str = ""
    also: tuple[AlsoBroken, ...] = ()
    permanent: Place | None = None
    broke: Place | None = None
    rows: tuple[RowFate, ...] = ()
    see: tuple[str, ...] = ()
    rate: Rate | None = None
    mode: Mode | None = None
    lanes: tuple[Move, ...] = ()
    wrong: str = ""

    @property
    def path(self) -> tuple[Site, ...]:
        """The way to where the change became permanent, the innermost line first."""
        return self.permanent.path if self.permanent is not None else ()

    @property
    def errors(self) -> frozenset[str]:
        """The words of all errors that its cause makes, without what only warns."""
        also = {
            each.name if CODES[each.code].letter == "A" else CODES[each.code].word
            for each in self.also
            if each.severity == "error"
        }
        return frozenset({*also, *([self.word] if self.severity == "error" else [])})
