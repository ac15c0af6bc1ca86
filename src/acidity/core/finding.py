"""A `Finding`: something a check has to say, with the evidence and the `Remedy` list that was tried."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from acidity.core.call import History, Site
from acidity.core.lane import Move
from acidity.core.schedule import Schedule

Severity = Literal["error", "warning"]
Verdict = Literal["pass", "fail", "unknown"]


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
        verdict: what came of it.
        runs: how many runs that took.
        note: which others remain, or why it was not tried.
    """

    name: str
    verdict: Tried
    runs: int
    note: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found, in the user's terms first.

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
        occurrences: how many runs ended like this one.
        history: the Calls of the run that shows it.
        anomaly: the standard name of an isolation anomaly, for explore.
        replay: the command that makes the run again.
        lanes: who did what, in executed order, where several callers were at work.
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
    lanes: tuple[Move, ...] = ()
