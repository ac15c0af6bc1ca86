"""PROVE: run unmodified code on a real database through every failure, and judge by the rows.

>>> from acidity import prove
>>> from acidity.prove import Operation, Scenario
>>> report = prove.drill(Scenario(Operation(transfer, 1, 2, 50), metadata=Base.metadata))   # doctest: +SKIP
>>> report.raise_for_findings()                                                             # doctest: +SKIP
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar, Unpack, overload

from acidity.core.database import Database
from acidity.core.effect import Effect
from acidity.core.options import CheckOptions, EngineOptions, Options, takes_options
from acidity.core.outcome import Told
from acidity.core.report import LETTERS, Card, Levels, Report
from acidity.core.retry import Retry
from acidity.core.scenario import Operation, Scenario
from acidity.core.schedule import Schedule
from acidity.engines import engine_of
from acidity.errors import Interrupted, NotApplicable, Terminated, UsageError
from acidity.prove.checks import CHECKS, card_of, report_of
from acidity.prove.crash.letter import CRASH, CRASHES, one_state
from acidity.prove.drill.letters import DRILL
from acidity.prove.explore.letter import EXPLORE, PAIRS, one_schedule
from acidity.prove.faults import require_known
from acidity.prove.levels import at_all_levels, require_level
from acidity.prove.replay import Replay, parsed, position_of, run_replay

__all__ = [
    "CRASHES",
    "Database",
    "Effect",
    "Interrupted",
    "Operation",
    "Replay",
    "Retry",
    "Scenario",
    "Told",
    "check",
    "crash",
    "drill",
    "explore",
    "from_json",
    "levels",
    "replay",
    "replay_crash",
    "replay_together",
    "to_json",
]

T = TypeVar("T")


@overload
def drill(scenario: Scenario, *, db: str = "sqlite", **options: Unpack[Options]) -> Report: ...


@overload
def drill(scenario: Scenario, *, db: list[str] | tuple[str, ...], **options: Unpack[Options]) -> list[Report]: ...


@takes_options(Options)
def drill(
    scenario: Scenario, *, db: str | list[str] | tuple[str, ...] = "sqlite", **options: Unpack[Options]
) -> Report | list[Report]:
    """Break every database call of every operation in every way that fits, and read the rows.

    Args:
        scenario: what to run.
        db: the name of an engine, or a list of names.
        **options: see `CheckOptions`.

    Returns:
        A `Report`, or a list of them in the order of `db`.

    Raises:
        UsageError: the scenario cannot be run as it is given; the message says what to change.
        Interrupted: the user pressed Ctrl-C; what was found until then is its `report`.
    """
    return _on_each(db, scenario, options, lambda asked: report_of(DRILL, scenario, asked))


@overload
def explore(scenario: Scenario, *, db: str = "sqlite", pairs: bool = False, **options: Unpack[Options]) -> Report: ...


@overload
def explore(
    scenario: Scenario, *, db: list[str] | tuple[str, ...], pairs: bool = False, **options: Unpack[Options]
) -> list[Report]: ...


@takes_options(Options)
def explore(
    scenario: Scenario,
    *,
    db: str | list[str] | tuple[str, ...] = "sqlite",
    pairs: bool = False,
    **options: Unpack[Options],
) -> Report | list[Report]:
    """Let the operations of a scenario at its rows at once, and compare what comes of it with every serial order.

    One order of their database calls is run of each class, where it is known which orders come to the same; elsewhere
    every order, the fewest switches first, up to `runs_max` (500 unless given). A single operation has two callers.

    Args:
        scenario: what to run.
        db: the name of an engine, or a list of names.
        pairs: instead of all operations at once, each beside itself and beside every other one.
        **options: see `CheckOptions`.

    Returns:
        A `Report`, or a list of them in the order of `db`.

    Raises:
        UsageError: the scenario cannot be run as it is given; the message says what to change.
        Interrupted: the user pressed Ctrl-C; what was found until then is its `report`.
    """
    return _on_each(db, scenario, options, lambda asked: report_of(PAIRS if pairs else EXPLORE, scenario, asked))


@overload
def crash(scenario: Scenario, *, db: str = "sqlite", **options: Unpack[Options]) -> Report: ...


@overload
def crash(scenario: Scenario, *, db: list[str] | tuple[str, ...], **options: Unpack[Options]) -> list[Report]: ...


@takes_options(Options)
def crash(
    scenario: Scenario, *, db: str | list[str] | tuple[str, ...] = "sqlite", **options: Unpack[Options]
) -> Report | list[Report]:
    """Cut the power or kill the server, and see whether every acknowledged COMMIT is there, and none in part.

    On SQLite every state that a power cut can leave is recovered; servers are killed, under one client and several.

    Args:
        scenario: what to run.
        db: the name of an engine, or a list of names.
        **options: see `CheckOptions`.

    Returns:
        A `Report`, or a list of them in the order of `db`.

    Raises:
        UsageError: the scenario cannot be run as it is given, or power loss is not built for the engine.
        Interrupted: the user pressed Ctrl-C; what was found until then is its `report`.
    """
    return _on_each(db, scenario, options, lambda asked: report_of(CRASH, scenario, asked))


@overload
def check(scenario: Scenario, *, db: str = "sqlite", letters: str = "ACID", **options: Unpack[Options]) -> Card: ...


@overload
def check(
    scenario: Scenario, *, db: list[str] | tuple[str, ...], letters: str = "ACID", **options: Unpack[Options]
) -> list[Card]: ...


@takes_options(Options)
def check(
    scenario: Scenario,
    *,
    db: str | list[str] | tuple[str, ...] = "sqlite",
    letters: str = "ACID",
    **options: Unpack[Options],
) -> Card | list[Card]:
    """The report card: one verdict for each letter that was asked for and is built.

    A and C are those of `drill`. I lets each operation at the rows beside itself, and beside every other one, as
    `explore` does; all these pairs share 2,000 schedules, unless `runs_max` says how many each has. D: `crash`.

    Args:
        scenario: what to run.
        db: the name of an engine, or a list of names.
        letters: which of A, C, I and D.
        **options: see `CheckOptions`.

    Returns:
        A `Card`, or a list of them in the order of `db`.

    Raises:
        UsageError: a letter is not one of A, C, I and D, or none that was asked for is built; see also `drill`.
    """
    wanted = _wanted(letters)
    return _on_each(db, scenario, options, lambda asked: card_of(wanted, scenario, asked))


@overload
def levels(
    scenario: Scenario, *, db: str = "sqlite", letters: str = "", pairs: bool = False, **options: Unpack[Options]
) -> Levels: ...


@overload
def levels(
    scenario: Scenario,
    *,
    db: list[str] | tuple[str, ...],
    letters: str = "",
    pairs: bool = False,
    **options: Unpack[Options],
) -> list[Levels]: ...


@takes_options(Options)
def levels(
    scenario: Scenario,
    *,
    db: str | list[str] | tuple[str, ...] = "sqlite",
    letters: str = "",
    pairs: bool = False,
    **options: Unpack[Options],
) -> Levels | list[Levels]:
    """`explore` at each isolation level of an engine, or `check`: what is wrong at which, and the weakest that passes.

    A level that an operation sets itself is kept. SQLite has but one level.

    Args:
        scenario: what to run.
        db: the name of an engine, or a list of names.
        letters: of the cards to make; empty for an exploration.
        pairs: as in `explore`.
        **options: see `CheckOptions`.

    Returns:
        `Levels`, or a list of them in the order of `db`.

    Raises:
        UsageError: `isolation_level` was given; see also `explore` and `check`.
    """
    wanted, one = _wanted(letters) if letters else set(), PAIRS if pairs else EXPLORE

    def ask(asked: CheckOptions) -> Report | Card:
        return card_of(wanted, scenario, asked) if wanted else report_of(one, scenario, asked)

    return _on_each(db, scenario, options, lambda asked: at_all_levels(asked, ask))


def _wanted(letters: str) -> set[str]:
    """The letters as a set.

    Raises:
        UsageError: one is not one of A, C, I and D, or none of them is built.
    """
    wanted = set(letters.upper())
    if not wanted or wanted - LETTERS.keys():
        raise UsageError(f"letters={letters!r}: the letters are A, C, I and D")
    if wanted.isdisjoint(CHECKS):
        raise UsageError(f"letters={letters!r}: not built into check yet; built are {', '.join(CHECKS)}")
    return wanted


def _on_each(
    db: str | list[str] | tuple[str, ...],
    scenario: Scenario,
    options: Mapping[str, Any],
    ask: Callable[[CheckOptions], T],
) -> T | list[T]:
    """The answer for one engine, or the answers for a list of engines in its order."""
    if isinstance(db, str):
        return ask(_asked(scenario, db, options))
    if not db:
        raise UsageError("db= names no engine")
    answers: list[T] = []
    try:
        for name in db:
            answers.append(ask(_asked(scenario, name, options)))  # noqa: PERF401 - an exception takes them along
    except (Interrupted, Terminated) as stop:
        stop.earlier = list(answers)
        raise
    return answers


def _asked(scenario: Scenario, db: str, options: Mapping[str, Any]) -> CheckOptions:
    """The options as a value, once they are known to make sense.

    Raises:
        NotApplicable: the scenario says that it is not asked on this engine.
        UsageError: they do not.
    """
    if not isinstance(scenario, Scenario):
        raise UsageError(
            f"what is to be run is a Scenario, as in Scenario(Operation(transfer, 1, 2), metadata=…), not {scenario!r}"
        )
    asked = CheckOptions.of(db, options)
    for name, bound in (("budget", asked.budget), ("runs_max", asked.runs_max)):
        if bound is not None and bound < 0:
            raise UsageError(f"{name}={bound!r} is less than nothing")
    require_known(asked.faults)
    require_level(asked, scenario)
    if why := {engine_of(engine): reason for engine, reason in scenario.not_applicable.items()}.get(engine_of(db)):
        raise NotApplicable(f"not applicable on {engine_of(db).name}: {why}")
    return asked if asked.target else replace(asked, target=scenario.name)


@takes_options(EngineOptions)
def replay_together(
    scenario: Scenario,
    schedule: Schedule | str,
    *,
    db: str = "sqlite",
    callers: Sequence[int] = (),
    **options: Unpack[EngineOptions],
) -> Report:
    """Run one Schedule of several callers again, as `explore` prints it: ``ac1:A.B2.A2.B``.

    Args:
        scenario: what to run.
        schedule: whose Calls come when.
        db: the name of an engine.
        callers: the positions (from 0) of the operations that A, B, … call; by default all operations of the scenario,
            and a single one twice.
        **options: see `CheckOptions`.

    Raises:
        UsageError: a caller does not exist here.
    """
    return report_of(one_schedule(parsed(schedule), tuple(callers)), scenario, _asked(scenario, db, options))


@takes_options(EngineOptions)
def replay_crash(
    scenario: Scenario,
    schedule: Schedule | str,
    *,
    db: str = "sqlite",
    operation: int | str = 0,
    **options: Unpack[EngineOptions],
) -> Report:
    """Make one state after a power cut again, as `crash` prints it: ``ac1:A3!power-loss@16.0``.

    The operation is recorded anew; if it writes in another way now, the verdict is unknown.

    Args:
        scenario: what to run.
        schedule: before which entry of the log the power goes off, and what survives.
        db: the name of an engine.
        operation: position (from 0) or name of the operation.
        **options: see `CheckOptions`.

    Raises:
        UsageError: the Schedule names no such state, or the operation does not exist here.
    """
    check = one_state(parsed(schedule), position_of(scenario, operation))
    return report_of(check, scenario, _asked(scenario, db, options))


@takes_options(EngineOptions)
def replay(
    scenario: Scenario,
    schedule: Schedule | str,
    *,
    db: str = "sqlite",
    operation: int | str = 0,
    **options: Unpack[EngineOptions],
) -> Replay:
    """Run one Schedule again, in this process or another, on this machine or another.

    Args:
        scenario: what to run.
        schedule: what to do to it, as a finding prints it: ``ac1:A3!error-after``.
        db: the name of an engine.
        operation: position (from 0) or name of the operation.
        **options: see `CheckOptions`.

    Returns:
        The run, told in full.

    Raises:
        UsageError: the Schedule or the operation does not exist here.
    """
    return run_replay(scenario, parsed(schedule), _asked(scenario, db, options), operation)


def to_json(*answers: Report | Card | Levels) -> str:
    """One answer, or several as a set, as ``--output-format json`` writes them; `from_json` reads them back."""
    from acidity.report.json import render

    return render(answers)


def from_json(text: str) -> list[Report | Card | Levels]:
    """The answers that were written, equal to what they were: with their findings, histories and rows.

    A password that was in one is masked, and a value of a class that acidity does not know has become its text.

    Raises:
        UsageError: the text is none that acidity wrote.
    """
    from acidity.report.decode import from_json as read

    return read(text)
