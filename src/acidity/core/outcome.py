"""How a run ended: the rows (`State`), and what each caller was told (`Ending`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from http import HTTPStatus
from typing import Any

from acidity.core.call import Site

Row = tuple[Any, ...]


class Told(StrEnum):
    """What the caller of an operation was told: ok, failed or unknown (DESIGN §5).

    Attributes:
        OK: it worked.
        FAILED: it did not work.
        UNKNOWN: nothing certain; the process was killed, an exception left it while a COMMIT was without answer, or the
            answer says that it is not decided yet.
        UNDECIDED: an answer whose meaning only the user knows; the run is then neither right nor wrong.
    """

    OK = "ok"
    FAILED = "failed"
    UNKNOWN = "unknown"
    UNDECIDED = "undecided"


class Rows(StrEnum):
    """Where the rows stand after a run, compared with the clean run.

    Attributes:
        BEFORE: nothing of the operation is there.
        AFTER: all of it is there.
        LEGAL: an end state that ``Operation(also=…)`` names.
        DOUBLED: the clean change twice.
        TORN: anything else.
    """

    BEFORE = "before"
    AFTER = "after"
    LEGAL = "legal"
    DOUBLED = "doubled"
    TORN = "torn"


@dataclass(frozen=True, slots=True)
class Table:
    """The rows of one table as they were read, sorted.

    Attributes:
        columns: their names, in the order of the table.
        key: the names of the primary key's columns.
        references: column → (table, column) for every foreign key.
        rows: sorted rows.
        describes: of a catalogue of the engine, whose rows say what there is: the column with the name of that.
    """

    columns: tuple[str, ...]
    key: tuple[str, ...]
    references: Mapping[str, tuple[str, str]]
    rows: tuple[Row, ...]
    describes: str = ""


@dataclass(frozen=True, slots=True)
class State:
    """The rows of every table, read over an independent connection.

    Attributes:
        tables: by name.
        during: when the run began that left them, and when it had ended, in seconds since 1970 by the clocks of its
            callers; nothing where nobody asks how far from the present a time in them is.
    """

    tables: Mapping[str, Table]
    during: tuple[float, float] | None = field(default=None, compare=False)

    @property
    def fingerprint(self) -> str:
        """A text that is equal for equal raw states; `1`, `1.0` and `'1'` are three values."""
        return "\n".join(f"{name}{table.columns}{table.rows!r}" for name, table in sorted(self.tables.items()))


@dataclass(frozen=True, slots=True)
class ReturnedError:
    """An exception that an operation returned instead of raising it.

    Attributes:
        name: its class.
        shown: its ``repr``.
    """

    name: str
    shown: str

    def __repr__(self) -> str:
        return self.shown


class Mistake(Enum):
    """What an exception tells of that no program means as a refusal.

    Attributes:
        CALL: the arguments do not fit the function.
        TABLES: the database complains: a table, a column or a row is not there.
        CONNECTION: a driver or a pool complains, and no database has said anything: the connection is closed.
        STATEMENT: the database or its driver does not take a statement, or a value in it.
        LOCKED: the database complains that somebody else holds a lock, and nobody else is there.
        CODE: the code is wrong, or something that it needs is not installed or does not answer.
    """

    CALL = "the call"
    TABLES = "the tables"
    STATEMENT = "the statement"
    CONNECTION = "the connection"
    LOCKED = "the locks"
    CODE = "the code"


@dataclass(frozen=True, slots=True)
class Ending:
    """How one operation ended: with an answer, with an exception, or killed.

    Attributes:
        answered: it returned.
        answer: what it returned, frozen.
        exception: the class name of what left it, or nothing.
        message: the text of that.
        refusal: the exception is one that ``raises=`` lists.
        cancelled: the exception is a cancellation of its task.
        succeeded: what ``succeeded=`` said of the answer, if the operation has one.
        leaves_open: the answer says that it is not decided yet, as ``succeeded=`` said.
        killed: the process was killed.
        status: what a web application answered; 0 where there was no request, or no answer.
        at: the innermost line of user code that the exception came from.
        mistake: what the exception tells of, where no program raises it to refuse a call.
        driver: the module of the driver that has raised it, or what SQLAlchemy raised from it.
        gave_up: its caller had tried as often as ``retry=`` allows.
        hidden: the classes of what is in the answer and does not show what is in it.
        process: the number of the process of its own that it ran in; 0 where there was none.
    """

    answered: bool = False
    answer: Any = None
    exception: str = ""
    message: str = ""
    refusal: bool = False
    cancelled: bool = False
    succeeded: bool | None = None
    leaves_open: bool = False
    killed: bool = False
    status: int = 0
    at: Site | None = field(default=None, compare=False)
    mistake: Mistake | None = field(default=None, compare=False)
    driver: str = field(default="", compare=False)
    gave_up: bool = False
    hidden: tuple[str, ...] = field(default=(), compare=False)
    process: int = field(default=0, compare=False)

    @property
    def said(self) -> Any:
        """What the caller was told: the answer, or what an exception says that is none of a driver's; else None."""
        own = self.exception and not self.driver and self.mistake is None
        return self.message if own else self.answer

    @property
    def broke_off(self) -> bool:
        """An exception left the operation, or became a 5xx on its way to the client."""
        return bool(self.exception) or self.status >= HTTPStatus.INTERNAL_SERVER_ERROR


class Rule(StrEnum):
    """What kind of rule a State breaks; all but INVARIANT are declared in the schema."""

    FOREIGN_KEY = "foreign key"
    CHECK = "check"
    INTEGRITY = "integrity"
    INVARIANT = "invariant"


@dataclass(frozen=True, slots=True)
class Violation:
    """A declared constraint or a stated invariant that does not hold in some State.

    Attributes:
        rule: the kind of rule.
        seen: what was seen, in words.
        name: of the invariant; a constraint is named by its kind.
    """

    rule: Rule
    seen: str
    name: str = ""

    @property
    def declared(self) -> bool:
        """Whether the schema says so, and not a function of the user."""
        return self.rule is not Rule.INVARIANT

    @property
    def called(self) -> str:
        """Which rule it is."""
        return self.name or self.rule.value

    def __str__(self) -> str:
        return f"{self.rule.value}: {self.seen}" if self.declared else self.seen
