"""What the power cuts or kills of a scenario have shown, before it is told."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import Enum

from acidity.core.finding import Finding
from acidity.core.report import EngineInfo, ExitReason
from acidity.errors import Terminated
from acidity.prove.crash.own_settings import Own
from acidity.prove.runs import Gathered


class Blow(Enum):
    """What was done to the database; the value is what one state or run of it is called.

    Attributes:
        POWER_LOSS: the power was cut, in a model of the disk.
        KILLED: every process of the server was killed, really.
    """

    POWER_LOSS = "power-loss state"
    KILLED = "killed server"


@dataclass(slots=True)
class Tried:
    """What came of one operation, in states or in runs.

    Attributes:
        planned: how many states or runs there are.
        tried: how many were judged.
        words: what they were; of refusals only those that were wrong.
        ended: why no more were tried.
        findings: what there is to say.
        unknowns: what could not be decided.
    """

    planned: int = 0
    tried: int = 0
    words: Counter[str] = field(default_factory=Counter)
    ended: ExitReason = ExitReason.FINISHED
    findings: list[Finding] = field(default_factory=list)
    unknowns: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Weathered(Tried):
    """What came of one operation when the power was cut, or the server killed.

    Attributes:
        operation: its name.
        opened: how many states had different files, so that SQLite opened them.
        cuts: at how many places the power was cut, and at how many of them every subset of the writes was tried.
        commits: how many COMMITs were acknowledged.
        entries: how long the log of what was written is.
        refusals: what came of it on a bad disk; None where that was not tried.
        client: what came of it when the program's own process was killed; None where that was not tried.
        clients: how many were at work at once.
        notes: what else there is to say.
        own: what the program sets by itself, and gives durability up with.
    """

    operation: str = ""
    opened: int = 0
    cuts: tuple[int, int] = (0, 0)
    commits: int = 0
    entries: int = 0
    refusals: Tried | None = None
    client: Tried | None = None
    clients: int = 1
    notes: list[str] = field(default_factory=list)
    own: tuple[Own, ...] = ()


@dataclass(slots=True)
class Crashed(Gathered):
    """What was seen of a whole scenario.

    Attributes:
        engine: where.
        blow: what was done to it.
        operations: in their order.
        unknowns: what could not be decided.
        ended: why no more states were tried.
        stopped_by: the Ctrl-C or signal that ended it.
        elapsed_s: wall time in seconds.
    """

    engine: EngineInfo
    blow: Blow
    operations: list[Weathered] = field(default_factory=list)
    unknowns: list[str] = field(default_factory=list)
    ended: ExitReason = ExitReason.FINISHED
    stopped_by: KeyboardInterrupt | Terminated | None = None
    elapsed_s: float = 0.0

    @property
    def own(self) -> list[Own]:
        """What the program sets by itself."""
        return list(dict.fromkeys(own for each in self.operations for own in each.own))
