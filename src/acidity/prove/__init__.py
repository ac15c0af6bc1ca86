"""PROVE: run unmodified code on a real database through every failure, and judge by the rows.

>>> from acidity import prove
>>> from acidity.prove import Operation, Scenario
>>> report = prove.drill(Scenario(Operation(transfer, 1, 2, 50), metadata=Base.metadata))   # doctest: +SKIP
>>> report.raise_for_findings()                                                             # doctest: +SKIP
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import overload

from acidity.core.database import Database
from acidity.core.report import LETTERS, Card, LetterState, Report
from acidity.core.scenario import Operation, Scenario
from acidity.core.schedule import Schedule
from acidity.errors import UsageError
from acidity.prove.drill.drill import Asked, Progress, run_drill
from acidity.prove.drill.letters import atomicity_report, consistency_report, drill_report
from acidity.prove.replay import Replay, run_replay

__all__ = ["Database", "Operation", "Replay", "Scenario", "check", "drill", "replay"]

BUILT = frozenset("AC")


@overload
def drill(
    scenario: Scenario,
    *,
    db: str = "sqlite",
    settings: Mapping[str, str] | None = None,
    isolation_level: str | None = None,
    seed: int = 0,
    budget: float | None = None,
    runs_max: int | None = None,
    target: str = "",
    progress: Progress | None = None,
) -> Report: ...


@overload
def drill(
    scenario: Scenario,
    *,
    db: list[str] | tuple[str, ...],
    settings: Mapping[str, str] | None = None,
    isolation_level: str | None = None,
    seed: int = 0,
    budget: float | None = None,
    runs_max: int | None = None,
    target: str = "",
    progress: Progress | None = None,
) -> list[Report]: ...


def drill(
    scenario: Scenario,
    *,
    db: str | list[str] | tuple[str, ...] = "sqlite",
    settings: Mapping[str, str] | None = None,
    isolation_level: str | None = None,
    seed: int = 0,
    budget: float | None = None,
    runs_max: int | None = None,
    target: str = "",
    progress: Progress | None = None,
) -> Report | list[Report]:
    """Break every database call of every operation in every way that fits, and read the rows.

    Args:
        scenario: what to run.
        db: the name of an engine, or a list of names.
        settings: settings of the database, as ``{"journal_mode": "wal"}``.
        isolation_level: of the engines that acidity injects.
        seed: of the choice which runs are made when `runs_max` does not allow all.
        budget: time limit in seconds; what is left undone makes the verdict unknown.
        runs_max: at most so many runs for each operation; the same holds.
        target: how the scenario is called in the report and in replay commands.
        progress: ``progress(done, total, label)``, called after every run.

    Returns:
        A `Report`, or a list of them in the order of `db`.

    Raises:
        UsageError: the scenario cannot be run as it is given; the message says what to change.
    """
    if not isinstance(db, str):
        return [
            drill(
                scenario,
                db=name,
                settings=settings,
                isolation_level=isolation_level,
                seed=seed,
                budget=budget,
                runs_max=runs_max,
                target=target,
                progress=progress,
            )
            for name in db
        ]
    asked = Asked(db, settings or {}, isolation_level, seed, budget, runs_max, target or scenario.name, progress)
    return drill_report(run_drill(scenario, asked), asked)


@overload
def check(
    scenario: Scenario,
    *,
    db: str = "sqlite",
    letters: str = "ACID",
    settings: Mapping[str, str] | None = None,
    isolation_level: str | None = None,
    seed: int = 0,
    budget: float | None = None,
    runs_max: int | None = None,
    target: str = "",
    progress: Progress | None = None,
) -> Card: ...


@overload
def check(
    scenario: Scenario,
    *,
    db: list[str] | tuple[str, ...],
    letters: str = "ACID",
    settings: Mapping[str, str] | None = None,
    isolation_level: str | None = None,
    seed: int = 0,
    budget: float | None = None,
    runs_max: int | None = None,
    target: str = "",
    progress: Progress | None = None,
) -> list[Card]: ...


def check(
    scenario: Scenario,
    *,
    db: str | list[str] | tuple[str, ...] = "sqlite",
    letters: str = "ACID",
    settings: Mapping[str, str] | None = None,
    isolation_level: str | None = None,
    seed: int = 0,
    budget: float | None = None,
    runs_max: int | None = None,
    target: str = "",
    progress: Progress | None = None,
) -> Card | list[Card]:
    """The report card: one verdict for each letter that was asked for and is built.

    Args:
        scenario: what to run.
        db: the name of an engine, or a list of names.
        letters: which of A, C, I and D.
        settings: see `drill`; so are the arguments that follow.
        isolation_level: …
        seed: …
        budget: …
        runs_max: …
        target: …
        progress: …

    Returns:
        A `Card`, or a list of them in the order of `db`.

    Raises:
        UsageError: a letter is not one of A, C, I and D, or none that was asked for is built; see also `drill`.
    """
    if not isinstance(db, str):
        return [
            check(
                scenario,
                db=name,
                letters=letters,
                settings=settings,
                isolation_level=isolation_level,
                seed=seed,
                budget=budget,
                runs_max=runs_max,
                target=target,
                progress=progress,
            )
            for name in db
        ]
    wanted = set(letters.upper())
    if not wanted or wanted - LETTERS.keys():
        raise UsageError(f"letters={letters!r}: the letters are A, C, I and D")
    if not wanted & BUILT:
        raise UsageError(f"letters={letters!r}: not built yet; built are {', '.join(sorted(BUILT))}")
    asked = Asked(db, settings or {}, isolation_level, seed, budget, runs_max, target or scenario.name, progress)
    drilled = run_drill(scenario, asked)
    built = {"A": lambda: atomicity_report(drilled, asked), "C": lambda: consistency_report(drilled, asked)}
    answers: dict[str, Report | LetterState] = {}
    for letter in LETTERS:
        if letter not in wanted:
            answers[letter] = "not asked"
        else:
            answers[letter] = built[letter]() if letter in built else "not built"
    return Card(asked.target, drilled.engine, answers)


def replay(
    scenario: Scenario,
    schedule: Schedule | str,
    *,
    db: str = "sqlite",
    operation: int | str = 0,
    settings: Mapping[str, str] | None = None,
    isolation_level: str | None = None,
    seed: int = 0,
    target: str = "",
) -> Replay:
    """Run one Schedule again, in this process or another, on this machine or another.

    Args:
        scenario: what to run.
        schedule: what to do to it, as a finding prints it: ``ac1:A3!error-after``.
        db: the name of an engine.
        operation: position (from 0) or name of the operation.
        settings: as they were.
        isolation_level: as it was.
        seed: as it was.
        target: how the scenario is called.

    Returns:
        The run, told in full.

    Raises:
        UsageError: the Schedule or the operation does not exist here.
    """
    parsed = Schedule.parse(schedule) if isinstance(schedule, str) else schedule
    asked = Asked(db, settings or {}, isolation_level, seed, target=target or scenario.name)
    return run_replay(scenario, parsed, asked, operation)
