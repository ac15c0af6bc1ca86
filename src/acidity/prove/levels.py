"""A check at each isolation level of an engine: what is wrong at which, and the weakest that passes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from acidity.core.options import CheckOptions
from acidity.core.parting import Parting, parting
from acidity.core.report import ITS_OWN, LEVEL, Card, EngineInfo, LetterState, Levels, Report
from acidity.core.scenario import Scenario
from acidity.engines import engine_of
from acidity.errors import Interrupted, Terminated, UsageError
from acidity.report.secret import masked

_COVERED = "other isolation levels"


def at_all_levels(asked: CheckOptions, ask: Callable[[CheckOptions], Report | Card]) -> Levels:
    """Ask the same at each level, the weakest first.

    Args:
        asked: the options, without a level.
        ask: the check.

    Raises:
        UsageError: a level was asked for, or the check cannot be made.
        Interrupted: the user pressed Ctrl-C; it carries the Levels that were reached.
        Terminated: a signal asked the process to stop; the same.
    """
    if asked.isolation_level is not None:
        raise UsageError("an isolation level and all of them exclude each other")
    found: dict[str, Report | Card] = {}
    for level in engine_of(asked.db).levels or (ITS_OWN,):
        options = asked if level == ITS_OWN else replace(asked, isolation_level=level)
        try:
            with parting(partial(_part, asked, found, level)):
                found[level] = _without_note(ask(options))
        except (Interrupted, Terminated) as stop:
            if isinstance(stop.report, Report | Card):
                found[level] = stop.report
            stop.report = _levels(asked, found) if found else stop.report
            raise
    return _levels(asked, found)


def require_level(asked: CheckOptions, scenario: Scenario) -> None:
    """Say before any run that an engine does not have the level that is asked for.

    Raises:
        UsageError: it does not.
    """
    for engine in (engine_of(each.db or asked.db) for each in scenario.databases.values() or (asked,)):
        if asked.isolation_level not in (None, *engine.accepts):
            levels = ", ".join(engine.accepts)
            raise UsageError(f"{engine.name} has no level {asked.isolation_level}; there are: {levels}")


def _part(asked: CheckOptions, found: dict[str, Report | Card], level: str, end: Parting) -> None:
    """The process ends at this level."""
    if end.answer is not None:
        found[level] = end.answer
    end.answer = _levels(asked, found)


def _levels(asked: CheckOptions, found: dict[str, Report | Card]) -> Levels:
    engine = next((answer.engine for answer in found.values()), EngineInfo(masked(asked.db), ""))
    settings = {name: value for name, value in engine.settings.items() if name != LEVEL}
    return Levels(asked.target, replace(engine, settings=settings), found)


def _without_note(answer: Report | Card) -> Report | Card:
    """The other levels are asked, too."""
    if isinstance(answer, Report):
        return replace(answer, not_covered=tuple(name for name in answer.not_covered if name != _COVERED))
    letters: dict[str, Report | LetterState] = {
        letter: _without_note(row) if isinstance(row, Report) else row  # type: ignore[misc]
        for letter, row in answer.letters.items()
    }
    return replace(answer, letters=letters)
