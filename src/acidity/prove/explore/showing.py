"""The run of one schedule that somebody asked for, shown whatever it came to: its lanes, answers and rows."""

from __future__ import annotations

from acidity.analysis.dependencies import Dependencies
from acidity.analysis.diff import row_changes
from acidity.core.shown import CallerEnding, ShownRun
from acidity.core.turn import schedule_of
from acidity.engines.sandbox import Unsettled
from acidity.prove.explore.every import Chooser, Deviated
from acidity.prove.explore.lab import Lab, Played
from acidity.prove.explore.lanes import lanes_of
from acidity.prove.explore.lines import Lines
from acidity.prove.explore.observe import Observer
from acidity.prove.explore.search import Search
from acidity.report.secret import masked
from acidity.report.values import described


def shown(lab: Lab, search: Search) -> ShownRun | None:
    """The last run of a search; None where none was made.

    Raises:
        KeyboardInterrupt: the user pressed Ctrl-C.
    """
    if search.found.last is None:
        return None
    played, graph = _watched(lab, search, search.found.last.played)
    return ShownRun(
        schedule=schedule_of(played.trace.grants),
        lanes=lanes_of(played.trace, graph, Lines(event.call for event in played.history)),
        endings=tuple(
            CallerEnding(
                actor=name,
                operation=operation.name,
                answer=None if ending.answer is None else described(ending.answer),
                exception=ending.exception,
                message=masked(ending.message),
            )
            for (name, ending), operation in zip(played.endings.items(), lab.operations, strict=True)
        ),
        diff=row_changes(lab.stage.seed, played.state),
        history=played.history,
    )


def _watched(lab: Lab, search: Search, played: Played) -> tuple[Played, Dependencies]:
    """It once more, with what each COMMIT changed; as it was, without that, where it does not come again."""
    grants = played.trace.grants
    observer = Observer(lab, played.history, search.one_by_one())
    try:
        again = lab.run(observer.watching(Chooser(grants)), observer.after_turn)
        if again.trace.grants == grants and search.outcome(again) == search.outcome(played):
            return again, observer.graph()
    except (Deviated, Unsettled):
        pass
    return played, Dependencies((), (), ())
