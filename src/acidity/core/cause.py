"""The kinds of causes that a finding can have, and the lines of user code that they point at."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from acidity.core.call import Site

Severity = Literal["error", "warning"]


class CauseKind(StrEnum):
    """Why a run went wrong: what the program does with its transactions, not what was done to it.

    Attributes:
        SEVERAL_COMMITS: one change is committed in several pieces, and it broke between two of them.
        AUTOCOMMIT: a write outside any transaction is permanent by itself.
        DDL: a statement that changes the schema is permanent by itself, and may commit what was open.
        SWALLOWED_ERROR: something failed, and the program went on: it committed what was there, or answered success.
        MISSING_COMMIT: what was written was never committed.
        EARLY_ANSWER: the caller was told before COMMIT, which then failed.
        LATE_FAILURE: the caller was told *failed* after COMMIT had taken place.
        COMMIT_LEFT_OPEN: a refused COMMIT left its transaction open, and nobody rolled it back.
        RESEND: something was sent again on a new connection or in a new transaction, or took place outside once more.
        EFFECT: something outside the database took place before COMMIT, and the rows never came.
        UNHEARD_EFFECT: the same, where its answer was lost and the program made a no of that.
        LOST_EFFECT: the rows are committed, and what belongs to them outside the database did not take place.
        MISSING_REFUSAL: a call that should have been refused was carried out.
        CLEAN_RUN: a constraint or an invariant does not hold although nothing failed.
        LEFT_BEHIND: a transaction, a lock or a temporary table outlives the operation.
        IN_DOUBT: a prepared transaction was never decided.
        FOLLOW_UP: recover or settle failed, or did something a second time.
        NO_TRANSACTIONS: a table keeps no transactions, so each write to it is permanent by itself.
        NOT_DURABLE: the settings of the database let it acknowledge a COMMIT that is not on the disk, or let it write
            rows before what would take them back.
        OTHER: none of these is visible in the History.
    """

    SEVERAL_COMMITS = "several commits"
    AUTOCOMMIT = "autocommit"
    DDL = "DDL"
    SWALLOWED_ERROR = "swallowed error"
    MISSING_COMMIT = "missing COMMIT"
    EARLY_ANSWER = "answer before COMMIT"
    LATE_FAILURE = "failure after COMMIT"
    COMMIT_LEFT_OPEN = "COMMIT left open"
    RESEND = "resend"
    EFFECT = "effect"
    UNHEARD_EFFECT = "unheard effect"
    LOST_EFFECT = "lost effect"
    MISSING_REFUSAL = "missing refusal"
    CLEAN_RUN = "constraint or invariant in the clean run"
    LEFT_BEHIND = "left behind"
    IN_DOUBT = "prepared, not decided"
    FOLLOW_UP = "recover or settle"
    NO_TRANSACTIONS = "table without transactions"
    NOT_DURABLE = "not durable"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Place:
    """A line of user code and the way to it.

    Attributes:
        site: the line that decided. In general that is the innermost one; where methods of an object that holds the
            Session or Connection lie between (a unit of work, a repository), it is the line that called them.
        path: all lines of user code on the way, the innermost first; the last one is that of the operation.
    """

    site: Site
    path: tuple[Site, ...] = ()

    def __str__(self) -> str:
        return str(self.site)

    @property
    def way(self) -> tuple[Site, ...]:
        """The lines that led to the one that decided, the nearest first."""
        return self.path[self.path.index(self.site) + 1 :] if self.site in self.path else ()


@dataclass(frozen=True, slots=True)
class Cause:
    """What makes two runs the same finding of one operation; fault and word are no part of it.

    Attributes:
        kind: what went wrong.
        place: where the change became permanent, or was to become so.
        subject: what it is about where no line tells it: a step, or the names of rules.
    """

    kind: CauseKind
    place: Place | None = None
    subject: str = ""

    @property
    def key(self) -> tuple[str, Site | None, str]:
        """Equal for equal causes; by what way a line was reached is no part of it."""
        return self.kind.name, self.place.site if self.place is not None else None, self.subject


@dataclass(frozen=True, slots=True)
class AlsoBroken:
    """Something else that the same cause breaks.

    Attributes:
        code: such as ``ACI252``.
        name: the word, or the name of the invariant or constraint.
        severity: of that by itself.
    """

    code: str
    name: str
    severity: Severity = "error"

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Rate:
    """How many runs show a finding.

    Attributes:
        runs: so many do.
        of: of so many that were made.
    """

    runs: int
    of: int

    def __str__(self) -> str:
        return f"{self.runs:,} of {self.of:,} run{'' if self.of == 1 else 's'}"


Cells = tuple[tuple[str, object], ...]


@dataclass(frozen=True, slots=True)
class RowFate:
    """One row as it is, and as it should have been.

    Attributes:
        table: name of the table.
        key: column → value of its primary key; empty for a row that never came.
        before: column → value before the operation; None where there was no such row.
        now: column → value in the end; None where there is no such row.
        should: the values that would have been right, each as column → value or None for *no such row*; the first one
            is what fits what the caller was told.
    """

    table: str
    key: Cells
    before: Cells | None
    now: Cells | None
    should: tuple[Cells | None, ...]
