"""What a run of several callers shows, in words: what is lost, why no order fits, and the lanes of who did what."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from acidity.analysis.anomalies.base import Seen
from acidity.analysis.dependencies import Commit, Edge, Kind, relevant
from acidity.analysis.fetched import rows_of
from acidity.analysis.quantities import OTHER, difference, is_money, plain, rank
from acidity.analysis.reads import Read
from acidity.analysis.values import uuid_digits
from acidity.core.call import Call, Event, Site
from acidity.core.call import Kind as CallKind
from acidity.core.finding import Remedy, RowChange, Tried
from acidity.core.outcome import Ending, Mistake
from acidity.core.params import text_of
from acidity.prove.explore.judge import Judged
from acidity.prove.explore.lanes import said
from acidity.prove.explore.lines import Lines
from acidity.prove.explore.oracle import effects_of
from acidity.prove.explore.sayings import Difference
from acidity.prove.explore.serial import Serial

_LONG = 60


def title_of(judged: Judged) -> str:
    """What is lost, or what is too much, held against the nearest serial order."""
    nearest = judged.nearest
    assert nearest is not None
    order = said_order(nearest)
    effects = next(_effects_of_another_number(judged, nearest), "")
    if judged.missing:
        return effects or _failed(judged, judged.missing[0])
    grown = Counter({change.table: 0 for change in judged.changes})
    for change in judged.changes:
        grown[change.table] += (change.before is None) - (change.after is None)
    for change in sorted(judged.changes, key=lambda each: (*_telling(each, grown[each.table]), str(each))):
        if text := _of_no_key(change, judged.changes) or _difference(change):
            return f"{text} {order}"
    if effects:
        return effects
    for name in nearest.order:
        ending, alone = judged.played.endings[name], nearest.endings(name)[0]
        if ending.exception and ending.exception != alone.exception:
            return _failed(judged, name)
        if alone.exception and not ending.exception:
            return f"{name} {_was_told(ending)}; {order} it {_ended(alone)}"
        for each in judged.differences:
            if each.name == name and not each.effect:
                otherwise = _stray(each, order) or f"; {order} it {_ended(alone)}"
                said = f"failed with {_failure(ending)}" if ending.exception else f"answered {_short(ending.answer)}"
                return f"{name} {said}{otherwise}"
    for each in judged.differences:
        if each.effect:
            said, clean = _told(each.said, each.clean), _told(each.clean, each.said)
            otherwise = _stray(each, order) or f"; {order} it is told {clean}"
            return f"{each.effect} was told {said}{otherwise}"
    return "what they left and answered fits no order of them"


def _stray(said: Difference, order: str) -> str:
    """That what was said stands in a row or in none, where it is the other way round in an order."""
    if said.stray is None:
        return ""
    return f", which a row holds; {order} none does" if said.stray else f", which no row holds; {order} one does"


def _effects_of_another_number(judged: Judged, nearest: Serial) -> Iterator[str]:
    """Effects that took place more often than in the nearest serial order, then those that did less often."""
    if not nearest.runs:
        return
    took_place, wanted = (effects_of(run, nearest.names) for run in (judged.played, nearest.runs[0]))
    for effect in sorted(took_place | wanted, key=lambda each: (took_place[each] < wanted[each], each)):
        if took_place[effect] != wanted[effect]:
            times, right = _times(took_place[effect]), _times(wanted[effect])
            yield f"{effect} took place {times}, and {right} {said_order(nearest)}"


def _failed(judged: Judged, name: str) -> str:
    """A caller that failed, where it does not in the nearest serial order."""
    nearest = judged.nearest
    assert nearest is not None
    alone = nearest.endings(name)[0]
    return f"{name} failed with {judged.played.endings[name].exception}; {said_order(nearest)} it {_ended(alone)}"


def _was_told(ending: Ending) -> str:
    """How a caller ended that did not fail."""
    return "was told ok" if ending.answer is None else f"answered {_short(ending.answer)}"


def _told(said: Mapping[str, object], other: Mapping[str, object]) -> str:
    """What an effect was told, where it is not what it was told otherwise."""
    return _cut(", ".join(f"{name} {value}" for name, value in said.items() if value != other.get(name)))


def _times(number: int) -> str:
    return {0: "never", 1: "once", 2: "twice"}.get(number, f"{number} times")


def said_order(serial: Serial) -> str:
    """``after A then B``."""
    return f"after {' then '.join(serial.order)}" if serial.order else "after none of them"


def _ended(ending: Ending) -> str:
    """How the same caller ends in a serial order."""
    return f"fails with {_failure(ending)}" if ending.exception else f"answers {_short(ending.answer)}"


def _failure(ending: Ending) -> str:
    text = ending.message.partition("\n")[0]
    return f"{ending.exception}{': ' if text else ''}{_cut(text)}"


def _telling(change: RowChange, grown: int) -> tuple[int, bool]:
    """The less, the more it tells. Under new keys rows come and go; of a table that has grown, those that came tell."""
    cells = change.after or change.before or ()
    against = change.before is None if grown < 0 else change.after is None
    return min((rank(column)[0] for column, _ in cells), default=OTHER), against


def _of_no_key(change: RowChange, changes: Sequence[RowChange]) -> str:
    """A row of a table without a primary key that stands in the place of another one; empty where it does not."""
    there = [each for each in changes if each.table == change.table and not each.key]
    added, gone = ([each for each in there if getattr(each, side) is None] for side in ("before", "after"))
    if change.key or len(added) != len(gone) or not added:
        return ""
    now, wanted = _telling_cells(added[0].after), _telling_cells(gone[0].before)
    return f"{change.table} has a row ({now}), and in its place ({wanted})"


def _difference(change: RowChange) -> str:
    """A row of the run, as it differs from that of a serial order."""
    name = " ".join([change.table, *(f"{column}={value}" for column, value in change.key)])
    if change.before is None:
        return f"{change.table} has a row too many ({_telling_cells(change.after)}), which is not there"
    if change.after is None:
        return f"{change.table} lacks a row ({_telling_cells(change.before)}), which is there"
    new = dict(change.after)
    for column, wanted in sorted(change.before, key=lambda cell: rank(cell[0])):
        grown = difference(wanted, new[column]) if rank(column)[0] < OTHER else None
        if grown:
            unit = "" if is_money(column) else f" of {column}"
            word = "is gone from" if grown < 0 else "is too much in"
            return f"{plain(abs(grown))}{unit} {word} {name}: {column} is {new[column]}, and {wanted}"
        return f"{column} of {name} is {new[column]}, and {wanted}"
    return ""


def _telling_cells(row: tuple[tuple[str, object], ...] | None) -> str:
    """The cells of a row, without a random key, which is another one in each run."""
    cells = row or ()
    kept = [(column, value) for column, value in cells if uuid_digits(value) is None]
    return ", ".join(f"{column} {value}" for column, value in kept or cells)


def made_again(judged: Judged, lines: Lines) -> Iterator[str]:
    """What an attempt that the database turned away had done for good, and the next attempt did once more."""
    for name in judged.turned_away:
        events = judged.played.of(name)
        end = max((number for number, event in enumerate(events) if event.reply.status == "error"), default=0)
        first, again = ({call.sql: call for call in _effects(part)} for part in (events[:end], events[end:]))
        for effect, call in first.items():
            if effect in again:
                yield (
                    f"{name} had {effect}{lines.where(call)} take place before the database turned it away, and once "
                    "more when it tried again: what is outside the database is not taken back"
                )
        known, twice = set(_committed(events[:end], lines)), set(_committed(events[end:], lines))
        for site in sorted({site for site, *_ in known & twice if site is not None}):
            yield (
                f"{name} had committed what it wrote at {site} before the database turned it away, and once more when "
                "it tried again: what is tried again has to be one transaction"
            )


def if_called_again(judged: Judged) -> tuple[Remedy, ...]:
    """What to say of a caller that gave up by itself, which is right where whoever called it calls it again.

    A caller whom the database refused something is left out: that may be a rule which it has to keep to.
    """
    by_itself = [
        name
        for name in judged.missing
        if judged.played.endings[name].mistake
        in {None, Mistake.TABLES, Mistake.STATEMENT}  # SQLAlchemy's own StaleDataError is of those
        and all(event.reply.status != "error" for event in judged.played.of(name))
    ]
    names = dict.fromkeys(judged.played.endings[name].exception for name in by_itself)
    return tuple(
        Remedy(
            f"if its caller calls it again after that, say so: retry=Retry(exceptions={name})",
            Tried.NOT_TRIED,
            0,
            "only you know whether it does",
        )
        for name in names
    )


def _committed(events: Sequence[Event], lines: Lines) -> Iterator[tuple[Site | None, str, str]]:
    """The line, text and parameters of each write that was committed."""
    pending: dict[int, list[Call]] = {}
    for event in events:
        call = event.call
        if call.writes and event.reply.status == "ok":
            pending.setdefault(call.connection, []).append(call)
        if call.kind is CallKind.ROLLBACK:
            pending.pop(call.connection, None)
        if event.reply.status == "ok" and (call.commits or call.autocommit):
            yield from ((lines.of(each), each.sql, text_of(each.params)) for each in pending.pop(call.connection, []))


def _effects(events: Iterable[Event]) -> Iterator[Call]:
    return (it.call for it in events if it.call.kind is CallKind.EFFECT and it.reply.status == "ok")


def why(seen: Seen, lines: Lines) -> tuple[str, ...]:
    """Why no order of the callers fits, one sentence for each dependency."""
    circle = [_because(edge, lines) for edge in seen.edges]
    alone = [
        f"{_did(read.event.call, lines)} and got {_rows(read.event)}, which no committed state gives until then"
        for read in seen.reads
    ]
    return (*circle, *alone, seen.told)


def _because(edge: Edge, lines: Lines) -> str:
    head = f"{edge.source} must come before {edge.target}, because"
    if edge.kind is Kind.RW:
        assert edge.read is not None
        assert edge.second is not None
        read = edge.read
        return f"{head} {_did(read.event.call, lines)} and {_got(read)} before {_changed(edge.second, edge)}"
    if edge.kind is Kind.WR:
        assert edge.read is not None
        assert edge.first is not None
        read = edge.read
        if read.ahead == edge.first.number:
            return f"{head} {_did(read.event.call, lines)} and {_got(read)}, which {edge.source} had not committed yet"
        return f"{head} {_did(read.event.call, lines)} and {_got(read)} after {_changed(edge.first, edge)}"
    assert edge.second is not None
    assert edge.item is not None
    return f"{head} {edge.second.actor} wrote {edge.item[0]} over what {edge.source} had written"


def _changed(commit: Commit, edge: Edge) -> str:
    assert edge.read is not None
    changes = relevant(edge.read, commit)
    if not changes:  # somebody else kept everybody out until he had committed, too
        return f"{commit.actor} committed what could not be looked at by itself"
    return f"{commit.actor} committed {'; '.join(map(str, changes[:2]))}{'; …' if len(changes) > 2 else ''}"


def _did(call: Call, lines: Lines) -> str:
    return f"{call.actor} asked {said(call)}{lines.where(call)}"


def _got(read: Read) -> str:
    """What a query brought; of a write, that it looked for its rows."""
    return "looked for its rows" if read.acts else f"got {_rows(read.event)}"


def _rows(event: Event) -> str:
    rows = rows_of(event)
    if event.reply.rows is None:
        return "an answer"
    shown = ", ".join(map(_short, rows[:3]))
    return f"{shown}{', …' if len(rows) > 3 else ''}" if rows else "no row"


def _short(value: object) -> str:
    return _cut(repr(value))


def _cut(text: str) -> str:
    return text if len(text) <= _LONG else f"{text[: _LONG - 1]}…"
