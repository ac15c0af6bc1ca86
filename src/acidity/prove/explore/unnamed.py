"""What a run that no serial order gives, and that no anomaly names, has in it that no serial order has."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from acidity.analysis.dependencies import Dependencies
from acidity.core.call import Call, Event, Kind
from acidity.prove.explore.lab import Played
from acidity.prove.explore.lanes import said
from acidity.prove.explore.lines import Lines
from acidity.prove.explore.search import Search

_PASSES_OVER = re.compile(r"\bskip\s+locked\b", re.IGNORECASE)


class Reason(NamedTuple):
    """One thing that stands in no serial order.

    Attributes:
        call: where it is.
        text: what it is, in a sentence.
    """

    call: Call
    text: str


def reasons(
    played: Played, graph: Dependencies, lines: Lines, search: Search, undone_by: Callable[[Event], Sequence[Event]]
) -> Iterator[Reason]:
    """All that can be said of a run.

    Args:
        played: the run.
        graph: who depends on whom in it.
        lines: of its Calls.
        search: knows the serial orders.
        undone_by: the writes before an error that the engine took back for it.
    """
    one_by_one = search.one_by_one()
    for event in played.history:
        call = event.call
        where = f"{said(call)}{lines.where(call)}"
        if search.met_others(event) and not played.endings[call.actor].exception:
            undone = undone_by(event)
            missing = _not_made_again([*undone, event], played)
            if missing:
                taken_back = _taken_back([each for each in undone if each.call.sql in missing], lines)
                told = f"{call.actor} was turned away with {event.reply.code} at {where}"
                yield Reason(call, f"{told}{taken_back} and went on without it")
        until = [each for each in played.of(call.actor) if each.order <= event.order]
        if _PASSES_OVER.search(call.sql) and not one_by_one.gives(until):
            yield Reason(call, f"{call.actor} asked {where}, which passes over what another caller has locked")
    for actor in dict.fromkeys(commit.actor for commit in graph.commits):
        yield from _between(actor, played, graph, lines)


def _not_made_again(events: Sequence[Event], played: Played) -> set[str]:
    """The texts that their caller sends less often after the last of these Calls than among them."""
    last = events[-1]
    again = Counter(each.call.sql for each in played.of(last.call.actor) if each.order > last.order)
    return set(Counter(each.call.sql for each in events) - again)


def _taken_back(undone: Sequence[Event], lines: Lines) -> str:
    """The last of the writes that went with an error."""
    return f", which took back {said(undone[-1].call)}{lines.where(undone[-1].call)}, too," if undone else ""


def _between(actor: str, played: Played, graph: Dependencies, lines: Lines) -> Iterator[Reason]:
    """Who has changed rows between two transactions of a caller; the first of them."""
    mine = [commit for commit in graph.commits if commit.actor == actor]
    last = max(each.order for each in played.of(actor) if each.call.kind is Kind.STATEMENT or each.call.commits)
    for other in graph.commits:
        before = [commit for commit in mine if commit.number < other.number]
        if other.actor != actor and other.changes and before and other.event.order < last:
            call = before[-1].event.call
            told = f"{actor} ended a transaction{lines.where(call)} and went on in another one"
            yield Reason(call, f"{told}; between them {other.actor} committed")
            return
