"""The exceptions of acidity, split by whose fault they are.

AcidityError
├── UsageError              the caller asked for something that cannot be done (exit code 2)
│   ├── ForeignDatabase     an engine or driver inside an operation points at a database that is not ours
│   └── NotApplicable       a Scenario says why it is not asked on this engine
├── EngineUnavailable       a database engine could not be started (the verdict is unknown, exit code 3)
└── AcidityViolated         a check did not pass; carries the report (also an AssertionError)

Interrupted (KeyboardInterrupt)   Ctrl-C during a check; carries what was found until then
Terminated (SystemExit)           the process was asked to stop by a signal; carries the same
"""

from __future__ import annotations

from typing import Any


class AcidityError(Exception):
    """The root of every exception that acidity raises on purpose."""


class UsageError(AcidityError):
    """The call or the input is wrong; the message names the input and the remedy."""


class ForeignDatabase(UsageError):
    """A connection was about to be opened to a database that acidity did not create."""


class NotApplicable(UsageError):
    """A Scenario is not asked on this engine, for the reason that it gives itself: no verdict, and no mistake."""


class Interrupted(KeyboardInterrupt):
    """Ctrl-C during a check. It is a KeyboardInterrupt, so nothing that only handles errors keeps the program going.

    Python ends a script with the code of Ctrl-C only where nobody catches a plain KeyboardInterrupt, and with 1 for any
    class below it; a script that wants 130 catches this one and says ``sys.exit(130)``. The command line does.

    Attributes:
        report: what was found until then: a `Report` or a `Card`, whose verdict is fail or unknown.
        earlier: the answers for the engines before, where a list of engines was asked for.
    """

    def __init__(self, report: Any) -> None:
        super().__init__(str(report))
        self.report = report
        self.earlier: list[Any] = []


class Terminated(SystemExit):
    """A polite kill of acidity itself (SIGTERM, SIGHUP); it unwinds the stack so that everything is cleaned up.

    Attributes:
        report: what the check had found until then, as in `Interrupted`; None outside a check.
        earlier: the answers for the engines before.
    """

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.report: Any = None
        self.earlier: list[Any] = []


class EngineUnavailable(AcidityError):
    """A database engine that was asked for cannot be started here; the message says what would help."""


class AcidityViolated(AcidityError, AssertionError):
    """A check failed, or could not decide; its text is the report.

    Attributes:
        report: the `Report` or `Card` that did not pass.
    """

    def __init__(self, text: str, report: Any) -> None:
        super().__init__(text)
        self.report = report
