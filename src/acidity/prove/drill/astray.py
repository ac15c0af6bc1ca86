"""Runs that did not come to the Call that was to be struck, came to it another way, or broke nothing there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise, takewhile

from acidity.analysis.canonical import TooSymmetric
from acidity.core.call import Event, Kind
from acidity.core.misfit import Why
from acidity.core.outcome import Ending
from acidity.core.said import first_other, said_each_time
from acidity.prove.drill.judge import Baseline
from acidity.prove.stage.child import NOT_KILLED
from acidity.prove.stage.run import Run

_LONG = 120  # characters of a message
_FORKED = (
    "in the process that was to be killed {raised}; a connection or a pool that the program keeps belongs to the "
    "process that has opened it, so let it open another one where os.getpid() is another"
)
_SPOILED = (
    "{since}{name} fails by itself ({raised} in a clean run): something that a fault has broken stays broken in this "
    "process, such as a connection, a pool or a variable that outlives the call; what was seen before is judged"
)


def way_of(history: Sequence[Event]) -> list[tuple[Kind, str]]:
    """Kind and text of each Call.

    Left out are what is new in every run, and the database: a Session prepares its databases in the order of a set.
    """
    return [(event.call.kind, said_each_time(event.call)) for event in history]


def strayed(run: Run, clean: Run) -> str:
    """Which other call than the clean run it made, up to where it was struck; nothing where it made the same."""
    way = list(takewhile(lambda event: not event.fault, run.history))
    if run.ending.killed or (len(way) == len(run.history) > 0 and run.schedule.choices):
        return ""  # its last Call may not have been noted
    return first_other(clean.history[: len(way)], way)


def heard(baseline: Baseline, run: Run) -> Run:
    """A run in which no error came of the strike: that has broken nothing where all ended as in the clean run.

    Code inside the database, such as a function with a handler, may keep the error to itself.
    """
    if run.unheard is None:
        return run
    clean = baseline.clean[0]
    try:
        rows = {baseline.rows_of(each.end, each.effects) for each in (run, clean)}
    except TooSymmetric:  # as will be said when it is judged
        return run
    alike = len(rows) == 1 and run.told is baseline.told(clean)
    return replace(run, struck=False, missed=run.unheard) if alike else run


def not_reached(runs: Sequence[Run]) -> list[str]:
    """What is said of the runs that did not come to their Call: a line for each cause, with how many there were."""
    causes: dict[tuple[str, bool], list[Run]] = {}
    for run in filter(_missed_its_call, runs):
        causes.setdefault((run.ending.exception, run.forked), []).append(run)
    return [_of_one_cause(*alike) for alike in causes.values()]


def spoiled(name: str, clean: Run, last: Run, runs: Sequence[Run]) -> str:
    """Why a last clean run is none: it fails, and the first one did not; nothing where that is not so.

    Args:
        name: of the operation.
        clean: the first one.
        last: the one after all faults.
        runs: those in between, in their order.
    """
    if not last.ending.broke_off or clean.ending.broke_off:
        return ""
    since = ""
    for before, run in pairwise(runs):
        if before.schedule.choices and (_missed_its_call(run) or strayed(run, clean)) and not run.forked:
            since = f"after {before.schedule} "
            break
    return _SPOILED.format(since=since, name=name, raised=_raised(last.ending))


def struck_nothing(name: str, asked: Sequence[str] | None, planned: int, runs: Sequence[Run]) -> str:
    """Why runs tell nothing of any fault; nothing where one was struck, or where none was asked for and none fits.

    Args:
        name: of the operation.
        asked: the faults that were asked for; None for all there are.
        planned: how many strikes there were to be.
        runs: those that were made.
    """
    if planned:
        made = [run for run in runs if run.schedule.choices]
        if not made or any(run.struck or _missed_its_call(run) for run in made):
            return ""
        reasons = dict.fromkeys(run.missed.reason for run in made if run.missed is not None)
        return f"{name}: no fault was struck, since none found anything to break ({'; '.join(reasons)})"
    return "" if asked is None else f"{name}: none of the faults that were asked for fits a Call ({', '.join(asked)})"


def _missed_its_call(run: Run) -> bool:
    return run.missed is not None and run.missed.why is Why.NOT_REACHED


def _of_one_cause(first: Run, *more: Run) -> str:
    who = f"{first.schedule} and {len(more)} more" if more else str(first.schedule)
    return f"{who} did not reach {'their Calls' if more else 'its Call'}: {_why(first)}"


def _why(run: Run) -> str:
    if not run.ending.broke_off or run.ending.exception == NOT_KILLED:
        return "not deterministic"
    raised = f"it raised {_raised(run.ending)}"
    return _FORKED.format(raised=raised) if run.forked else f"{raised} on the way"


def _raised(ending: Ending) -> str:
    message = " ".join(ending.message.split())
    if len(message) > _LONG:  # both ends of it: what it is about, and what is wrong
        message = f"{message[: _LONG // 2]} … {message[-_LONG // 2 :]}"
    said = ending.exception or f"status {ending.status}"
    return f"{said}: {message}" if message else said
