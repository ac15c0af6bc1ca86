"""What goes wrong only because a caller comes between two transactions of one that means to commit more than once.

An error where a stated rule is broken then: the transactions are kept apart, and what must hold does not. A warning
where all rules hold and the rows or answers are those of no order of whole callers; whether that is meant, only the
user can say.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from acidity.analysis.diff import row_changes
from acidity.analysis.left import Left
from acidity.core.call import Site
from acidity.core.codes import BETWEEN
from acidity.core.finding import Finding
from acidity.core.turn import schedule_of
from acidity.prove.drill.causes import permanent
from acidity.prove.explore.judge import Judged
from acidity.prove.explore.lab import Lab, Played
from acidity.prove.explore.lanes import lanes_of
from acidity.prove.explore.lines import Lines
from acidity.prove.explore.replayed import replayed
from acidity.prove.explore.search import Search, plainness
from acidity.prove.explore.words import said_order, title_of


def between(lab: Lab, search: Search) -> Iterator[Finding | str]:
    """One finding for each rule that is broken, or else one warning; a text where it did not come again."""
    found = search.found.between
    broken: dict[str, list[Judged]] = {}
    for judged in sorted(found.values(), key=lambda each: plainness(each.played.trace)):
        for rule in dict.fromkeys(breach.violation.called for breach in judged.breaches):
            broken.setdefault(rule, []).append(judged)
    for rule, runs in broken.items():
        yield from _said(lab, search, runs[0], rule, _often(search, runs))
    apart = [judged for judged in found.values() if not judged.breaches]
    if apart and not broken:
        plainest = min(apart, key=lambda each: plainness(each.played.trace))
        yield from _said(lab, search, plainest, "", _often(search, apart))


def _often(search: Search, runs: list[Judged]) -> int:
    counts: Mapping[object, int] = search.found.occurrences
    return max(1, sum(counts[key] for key, judged in search.found.between.items() if judged in runs))


def _said(lab: Lab, search: Search, judged: Judged, rule: str, often: int) -> Iterator[Finding | str]:
    grants = judged.played.trace.grants
    came_again = replayed(lab, search, judged, search.outcome(judged.played), grants)
    if came_again is None:
        yield f"{schedule_of(grants)} did not come again as it was, so it is not said as a fact"
        return
    again, observer = came_again
    breach = next((each for each in judged.breaches if each.violation.called == rule), None)
    state = judged.played.state if breach is None else breach.state
    yield Finding(
        code=BETWEEN.name,
        severity="warning" if breach is None else "error",
        title=title_of(judged) if breach is None else f"{breach.where} {rule} does not hold: {breach.violation.seen}",
        word=BETWEEN.word,
        operation=" and ".join(operation.name for operation in lab.operations),
        schedule=schedule_of(grants),
        sites=commits_of(judged.played, Left(lab.stage.seed, state)),
        diff=row_changes(lab.stage.seed, state),
        explanation=tuple(_why(judged)),
        occurrences=often,
        history=judged.played.history,
        lanes=lanes_of(again.trace, observer.graph(), Lines(event.call for event in again.history)),
        wrong=rule,
    )


def _why(judged: Judged) -> Iterator[str]:
    if judged.between is not None:
        yield f"each transaction by itself is isolated: this comes of them {said_order(judged.between)}"
    if judged.breaches:
        yield "it holds in every committed state as long as each caller comes to its end before the next one begins"
    else:
        yield "no order of whole callers comes to it; every rule holds, so that only you know whether it is meant"


def commits_of(played: Played, left: Left) -> tuple[Site, ...]:
    """Where it committed what is there; where no text tells, wherever it committed."""
    history = played.history
    made = [history[number].call for number in permanent(history, left.may_be_of)]
    calls = made or [event.call for event in history if event.call.commits]
    return tuple(dict.fromkeys(call.site for call in calls if call.site is not None))
