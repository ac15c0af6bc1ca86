"""What was explored: `Group`, some callers at once and what came of them, and `Explored`, a whole scenario."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from shlex import quote

from acidity.core.finding import Finding
from acidity.core.options import CheckOptions
from acidity.core.report import EngineInfo, ExitReason
from acidity.core.scenario import Scenario
from acidity.core.shown import ShownRun
from acidity.errors import Terminated
from acidity.prove.explore.callers import Callers, together
from acidity.prove.explore.search import Searched
from acidity.prove.runs import Gathered
from acidity.report.secret import masked


@dataclass(slots=True)
class Group:
    """Some callers at once, and what came of them.

    Attributes:
        callers: the positions of their operations in the scenario, from 0.
        names: of their operations.
        searched: what was run.
        serial: how many serial runs they were compared with.
        orders: how many orders of their transactions there are; none where they do not mean to commit more than once.
        masked: what is not compared literally.
        effects: those that its callers made in serial orders.
        left_out: what callers said that is not compared, and runs that were left out.
        findings: what was found.
        unknowns: what could not be decided.
        only_reads: none of them does anything that another one could see, so that no schedule was run.
        locks: lines of the program at which callers waited for a lock that is one for each process.
        share: as many schedules fall to it of those that all groups share; None where they do not.
        measured: how many random programs agreed with the way in which its schedules were put into classes.
        in_order: callers that nothing tells apart began in the order of their letters.
        shown: the run of the only schedule that was asked for.
        inconsistent: rules that do not hold after one caller and then another one.
    """

    callers: Callers
    names: tuple[str, ...]
    searched: Searched = field(default_factory=Searched)
    serial: int = 0
    orders: int = 0
    masked: tuple[str, ...] = ()
    findings: list[Finding] = field(default_factory=list)
    unknowns: list[str] = field(default_factory=list)
    only_reads: bool = False
    locks: Mapping[str, None] = field(default_factory=dict)
    share: int | None = None
    measured: str = ""
    in_order: bool = False
    effects: frozenset[str] = frozenset()
    left_out: tuple[str, ...] = ()
    shown: ShownRun | None = None
    inconsistent: list[Finding] = field(default_factory=list)


@dataclass(slots=True)
class Explored(Gathered):
    """What was seen of a whole scenario.

    Attributes:
        engine: where.
        level: the isolation level that was imposed; empty for the engine's default.
        several: callers mean to commit more than once, so that the orders of their transactions count.
        apart: callers had a process each.
        own_levels: operations that set other levels themselves, which are kept.
        groups: callers that were let at it together.
        unknowns: what could not be decided.
        ended: why no more runs were made.
        stopped_by: the Ctrl-C or signal that ended it.
        effects: what takes place outside the database, by name.
        keyed_effects: an idempotency key tells apart some of it.
        hidden: what effects were told or have read that is not compared.
        slept: the clock for whose sake callers slept as long as they say; empty where their sleeps were skipped.
        elapsed_s: wall time in seconds.
    """

    engine: EngineInfo
    level: str = ""
    several: bool = False
    apart: bool = False
    own_levels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    groups: list[Group] = field(default_factory=list)
    unknowns: list[str] = field(default_factory=list)
    ended: ExitReason = ExitReason.FINISHED
    stopped_by: KeyboardInterrupt | Terminated | None = None
    effects: tuple[str, ...] = ()
    keyed_effects: bool = False
    hidden: tuple[str, ...] = ()
    slept: str = ""
    elapsed_s: float = 0.0


def replay_command(asked: CheckOptions, callers: Callers, scenario: Scenario) -> str:
    """The command that makes a run again, with the schedule left out."""
    parts = ["acidity replay", quote(asked.target or "TARGET"), "{schedule}"]
    if asked.db != "sqlite":
        parts.append(f"--db {quote(masked(asked.db))}")
    if callers != together(scenario):
        parts.append(f"--operation {','.join(str(position + 1) for position in callers)}")
    parts.extend(f"--setting {quote(f'{name}={value}')}" for name, value in sorted(asked.settings.items()))
    if asked.actors == "processes":
        parts.append("--actors processes")
    if asked.isolation_level:
        parts.append(f'--isolation-level "{asked.isolation_level}"')
    return " ".join(parts)
