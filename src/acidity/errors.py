"""The exceptions of acidity, split by whose fault they are.

AcidityError
├── UsageError              the caller asked for something that cannot be done (exit code 2)
│   └── ForeignDatabase     an engine or driver inside an operation points at a database that is not ours
├── EngineUnavailable       a database engine could not be started (the verdict is unknown, exit code 3)
└── AcidityViolated         a check did not pass; carries the report (also an AssertionError)

Terminated (SystemExit)     the process was asked to stop by a signal; never an ending of the user's operation
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from acidity.core.report import Card, Report


class AcidityError(Exception):
    """The root of every exception that acidity raises on purpose."""


class UsageError(AcidityError):
    """The call or the input is wrong; the message names the input and the remedy."""


class ForeignDatabase(UsageError):
    """A connection was about to be opened to a database that acidity did not create."""


class Terminated(SystemExit):
    """A polite kill of acidity itself (SIGTERM, SIGHUP); it unwinds the stack so that everything is cleaned up."""


class EngineUnavailable(AcidityError):
    """A database engine that was asked for cannot be started here; the message says what would help."""


class AcidityViolated(AcidityError, AssertionError):
    """A check failed, or could not decide; its text is the report.

    Attributes:
        report: the `Report` or `Card` that did not pass.
    """

    def __init__(self, text: str, report: Report | Card) -> None:
        super().__init__(text)
        self.report = report
