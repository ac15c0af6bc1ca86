"""What is said of the runs that no serial order gives: each cause once, by name, and only if it comes again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from acidity.analysis.anomalies import ANOMALIES, name_of
from acidity.analysis.anomalies.base import Seen
from acidity.analysis.dependencies import Dependencies
from acidity.analysis.diff import row_changes
from acidity.core.call import Call, Site
from acidity.core.codes import CODES, DEADLOCK, NOT_SERIAL
from acidity.core.finding import TOLD, Finding
from acidity.core.turn import schedule_of
from acidity.prove.explore.between import between
from acidity.prove.explore.judge import Judged
from acidity.prove.explore.lab import Lab, Played
from acidity.prove.explore.lanes import lanes_of, said
from acidity.prove.explore.lines import Lines
from acidity.prove.explore.observe import Observer
from acidity.prove.explore.replayed import replayed
from acidity.prove.explore.search import Search, Searched, plainness, rank
from acidity.prove.explore.unnamed import reasons
from acidity.prove.explore.victims import Victim
from acidity.prove.explore.words import if_called_again, made_again, title_of, why


@dataclass(slots=True)
class Told:
    """What can be said of one search.

    Attributes:
        findings: errors first.
        unknowns: what did not come again.
    """

    findings: list[Finding] = field(default_factory=list)
    unknowns: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Named:
    judged: Judged
    key: object
    anomaly: str
    graph: Dependencies
    explanation: tuple[str, ...]
    calls: tuple[Call, ...]
    lines: Lines

    @property
    def sites(self) -> tuple[Site, ...]:
        """Their lines, each once."""
        return _sites(self.calls, self.lines)


def told(lab: Lab, search: Search) -> Told:
    """Make each run that shows something again, name it, and say it.

    Raises:
        KeyboardInterrupt: the user pressed Ctrl-C.
    """
    found, said_of = search.found, Told()
    causes: dict[tuple[object, ...], list[_Named]] = {}

    def plain(each: tuple[object, Judged]) -> tuple[object, ...]:
        grants = found.plainer.get(each[0])
        return plainness(each[1].played.trace) if grants is None else rank(grants)

    for key, judged in sorted(found.illegal.items(), key=plain):
        named = _plainest(lab, search, key, judged)
        if named is None:
            schedule = schedule_of(judged.played.trace.grants)
            said_of.unknowns.append(f"{schedule} did not come again as it was, so it is not said as a fact")
        else:
            causes.setdefault((named.anomaly or named.judged.wrong, named.sites), []).append(named)
    for members in causes.values():
        often = max(1, sum(found.occurrences[each.key] for each in members))
        gravest = min(members, key=lambda each: each.judged.wrong == TOLD)
        said_of.findings.append(_finding(lab, gravest, often, found))
    for each in between(lab, search):
        said_of.unknowns.append(each) if isinstance(each, str) else said_of.findings.append(each)
    said_of.findings += _deadlocks(lab, found)
    return said_of


def _plainest(lab: Lab, search: Search, key: object, judged: Judged) -> _Named | None:
    """The run, or the plainest of its class if it comes to the same; None if it did not come again."""
    grants = judged.played.trace.grants
    plainer = search.found.plainer.get(key, grants)
    again = replayed(lab, search, judged, key, plainer, attempts=1) if plainer != grants else None
    again = again or replayed(lab, search, judged, key, grants)
    return None if again is None else _named(search, key, judged, *again)


def _named(search: Search, key: object, judged: Judged, played: Played, observer: Observer) -> _Named:
    """The run that came again, by the name of what happened in it."""
    graph, shown = observer.graph(), search.judged_again(judged, played)
    name, lines = name_of(graph), _lines(played)
    if name is None:
        seen = list(reasons(played, graph, lines, search, observer.undone_by))
        calls = [each.call for each in seen] or [it.call for it in played.history if it.call.writes]
        return _Named(shown, key, "", graph, tuple(each.text for each in seen), tuple(calls), lines)
    reads = [edge.read for edge in name[1].edges if edge.read is not None] + list(name[1].reads)
    told = [it.event.call for it in reads] or list(_over_others(name[1], played))
    return _Named(shown, key, name[0], graph, why(name[1], lines), tuple(told), lines)


def _over_others(seen: Seen, played: Played) -> Iterator[Call]:
    """The writes over what somebody else had written, where nothing was read."""
    orders = {it.order for edge in seen.edges if edge.second for it in edge.second.writes if it.item in edge.items}
    yield from (event.call for event in played.history if event.order in orders)


def _unlocked(named: _Named) -> str:
    """What a program takes for locked and is not; nothing where that has to do with none of its lines."""
    played = named.judged.played
    asked = [event.call for event in played.history if event.call.index in played.unlocked.get(event.call.actor, ())]
    lines = [str(site) for site in _sites(asked, named.lines) if site in named.sites]
    if not lines:
        return ""
    return f"SQLite has no FOR UPDATE, and SQLAlchemy leaves it out at {' and '.join(lines)}: nothing is locked there"


def _lines(played: Played) -> Lines:
    return Lines(event.call for event in played.history)


def _sites(calls: Iterable[Call], lines: Lines) -> tuple[Site, ...]:
    return tuple(dict.fromkeys(site for site in map(lines.of, calls) if site is not None))


def _finding(lab: Lab, named: _Named, often: int, found: Searched) -> Finding:
    code = CODES[ANOMALIES[named.anomaly].code] if named.anomaly else NOT_SERIAL
    judged, played = named.judged, named.judged.played
    return Finding(
        code=code.name,
        severity="error",
        title=title_of(judged),
        word=NOT_SERIAL.word,
        anomaly=named.anomaly,
        operation=" and ".join(operation.name for operation in lab.operations),
        schedule=schedule_of(played.trace.grants),
        sites=named.sites,
        diff=row_changes(lab.stage.seed, played.state),
        explanation=(*named.explanation, *made_again(judged, named.lines), *_right(found, played.trace.grants)),
        remedies=if_called_again(judged),
        occurrences=often,
        history=played.history,
        cause=_unlocked(named),
        lanes=lanes_of(played.trace, named.graph, named.lines),
        broke=next(filter(None, map(named.lines.place, named.calls)), None),
        wrong=judged.wrong,
    )


def _right(found: Searched, grants: tuple[str, ...]) -> Iterator[str]:
    """The schedule nearest to this one that is right."""
    nearest = found.nearest_right(grants)
    if nearest is not None:
        schedule, turn = schedule_of(nearest[0]), nearest[1]
        yield f"right is {schedule}, which differs from turn {turn} on: there {nearest[0][turn - 1]} goes on"


def _deadlocks(lab: Lab, found: Searched) -> Iterator[Finding]:
    """One warning for each pair of lines at which callers waited for each other."""
    cycles: dict[tuple[object, ...], list[Victim]] = {}
    for victim in found.victims:
        lines = _lines(victim.played)
        places = sorted(str(lines.of(call) or said(call)) for call in (victim.call, *victim.others))
        cycles.setdefault(tuple(places), []).append(victim)
    for members in cycles.values():
        victim = min(members, key=lambda each: plainness(each.played.trace))
        calls, lines = [victim.call, *victim.others], _lines(victim.played)
        circle = " and ".join(f"{call.actor} waits at {lines.of(call) or said(call)}" for call in calls)
        yield Finding(
            code=DEADLOCK.name,
            severity="warning",
            title=f"{circle}: each for what another one holds; the database ended {victim.call.actor}",
            word=DEADLOCK.word,
            operation=" and ".join(operation.name for operation in lab.operations),
            schedule=schedule_of(victim.played.trace.grants),
            sites=_sites(calls, lines),
            diff=row_changes(lab.stage.seed, victim.played.state),
            occurrences=len(members),
            history=victim.played.history,
            lanes=lanes_of(victim.played.trace, Dependencies((), (), ()), lines),
            broke=lines.place(victim.call),
        )
