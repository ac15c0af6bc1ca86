"""The graph of who depends on whom in a run that was watched."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from acidity.analysis.dependencies import (
    Commit,
    Dependencies,
    Item,
    Read,
    Refused,
    Writer,
    Written,
    dependencies_of,
    item_of,
)
from acidity.analysis.diff import row_changes
from acidity.analysis.fetched import Rows
from acidity.analysis.questions import Query, named
from acidity.analysis.scanned import scanned_by
from acidity.analysis.touched import Act, Touched
from acidity.analysis.values import encode
from acidity.core.call import Event, Kind
from acidity.core.finding import RowChange
from acidity.core.outcome import Table
from acidity.core.row import was_asked_for
from acidity.engines.speech import speech_of
from acidity.prove.explore.asking import Questions, key_of
from acidity.prove.explore.oracle import TURNED_AWAY
from acidity.prove.explore.tables import table_called
from acidity.prove.explore.watched import Answer, Watched

_AS_IT_BEGAN = frozenset({"postgresql"})  # what a statement sees there was committed before it, also if it has waited
_ANEW = frozenset({"sqlite"})  # a statement that has waited there begins once more, and finds what is committed then
_SNAPSHOT_EACH = ("READ UNCOMMITTED", "READ COMMITTED")  # each statement sees there what is committed when it is sent
_SNAPSHOT_ONCE = ("REPEATABLE READ", "SERIALIZABLE")  # all see what was committed at the first one


def graph_of(watched: Watched, questions: Questions, level_of: Callable[[str], str]) -> Dependencies:
    """Who depends on whom in a run.

    Args:
        watched: what was seen of it.
        questions: about its Calls.
        level_of: the isolation level of a caller's transactions; empty where that is not one.
    """
    return _Graph(watched, questions, level_of).graph()


class _Graph:
    def __init__(self, watched: Watched, questions: Questions, level_of: Callable[[str], str]) -> None:
        self._watched = watched
        self._questions = questions
        self._level_of = level_of
        self._windows = watched.windows()  # of each of the Events, by its identity

    def graph(self) -> Dependencies:
        """Who depends on whom in the run that was watched."""
        stands_for: dict[Item, Item] = {}
        commits = [
            self._commit(number, event, place, stands_for)
            for number, (event, place) in enumerate(self._watched.commits, start=1)
        ]
        errors = [
            Refused(event, at)
            for event, at in self._watched.events
            if event.reply.status == "error" and not self._was_busy(event)
        ]
        return dependencies_of(commits, list(self._reads()), errors)

    def _was_busy(self, event: Event) -> bool:
        """Whether the database refused it because of the other callers, and not for what it was about to write."""
        errors = speech_of(self._questions.engine(event)).errors
        return errors.get(event.reply.code) in TURNED_AWAY

    def _commit(self, number: int, event: Event, place: int, stands_for: dict[Item, Item]) -> Commit:
        """What a transaction made visible; `stands_for` grows by the rows that it put in the place of others."""
        alone = sum(1 for _, other in self._watched.commits if other == place) == 1
        changes = row_changes(self._watched.states[place - 1], self._watched.states[place]) if alone else ()
        touched = list(self._touched(event))
        for item, how, _ in touched:
            if how.act is Act.REPLACES:
                stands_for.update(self._replaced(event, item, changes, stands_for))
        writes: dict[Item, Written] = {}
        for change in changes:
            columns = frozenset(name.lower() for name, _ in change.after or change.before or ())
            item = stands_for.get(item_of(change), item_of(change))
            known = writes.get(item, Written(item, frozenset(), frozenset()))
            writes[item] = Written(item, known.columns | columns, frozenset())
        for found, how, order in touched:
            item, given = stands_for.get(found, found), how.assigned
            known = writes.get(item, Written(item, frozenset(), frozenset()))
            writes[item] = Written(item, known.columns | given.columns, known.blind | given.blind, order)
        return Commit(event, number, changes, tuple(writes.values()), dict(stands_for))

    def _replaced(
        self, event: Event, gone: Item, changes: Sequence[RowChange], stands_for: Mapping[Item, Item]
    ) -> Mapping[Item, Item]:
        """The row that stands where a REPLACE has removed one: it has the same unique key, and another primary key."""
        old = next((change for change in changes if change.after is None and item_of(change) == gone), None)
        if old is None or old.before is None:
            return {}
        cells, first = {**dict(old.before), **dict(old.key)}, stands_for.get(gone, gone)
        for key in self._questions.tables(event.call.database).keys(old.table)[1:]:
            for new in changes:
                if new.table == old.table and new.before is None and new.after is not None:
                    others = {**dict(new.after), **dict(new.key)}
                    if all(encode(cells.get(name)) == encode(others.get(name)) for name in key):
                        return {gone: first, item_of(new): first}
        return {}

    def _touched(self, commit: Event) -> Iterator[tuple[Item, Touched, int]]:
        """The rows that writes of this transaction found when they were answered, and when that was.

        A count of rows does not tell: MariaDB may count only those that got other values.
        """
        for event, _ in self._watched.transaction_of(commit):
            for item, touched in self._written_by(event):
                yield item, touched, event.order

    def _written_by(self, event: Event) -> Iterator[tuple[Item, Touched]]:
        """The rows that a Call writes; where they hang on other tables, those that it finds whenever it looks."""
        window = self._windows[id(event)]
        for touched in self._questions.touched(event):
            keys = self._keys(event, touched)
            if touched.act is Act.LOOKS:
                continue
            certain = self._found_in(event, touched, keys)
            found = [keys[state] or () for state in (window.states if certain is None else [certain])]
            yield from ((item, touched) for item in found[0] if all(item in each for each in found))

    def _keys(self, event: Event, touched: Touched) -> list[tuple[Item, ...] | None]:
        """The rows that it finds in each committed state; None where they are not known."""
        tables = self._watched.tables
        name = table_called(touched.rows.table, event.call.database, tables)
        found: list[tuple[Item, ...] | None] = []
        for answers in self._answers(event, touched.rows):
            each = [tuple(_items(name, tables[name], answer)) for answer in answers if answer is not None and name]
            known = len(each) == len(answers) and not (touched.single and len(each[0]) > 1)
            found.append(tuple(item for items in each for item in items) if known else None)
        return found

    def _answers(self, event: Event, query: Query) -> list[tuple[Answer, ...]]:
        """What was answered in each committed state; from its own commit on, also of the rows as they stood before."""
        key = key_of(event, query)
        found: list[tuple[Answer, ...]] = [(answer,) for answer in self._watched.by_commit(key)]
        number, again = self._watched.as_it_was.get((id(event), key), (0, None))
        later = [] if again is None else self._watched.by_commit(again)[number:]
        if later and None not in later:
            found[number:] = [(*answers, other) for answers, other in zip(found[number:], later, strict=True)]
        return found

    def _reads(self) -> Iterator[Read]:
        written: dict[tuple[str, int], bool] = {}
        for place, (event, at) in enumerate(self._watched.events):
            wire = (event.call.actor, event.call.connection)
            own = written.get(wire, False)
            query = self._questions.asked(event)
            if query is not None and event.reply.status == "ok" and was_asked_for(event.reply.rows):
                read = self._read(place, event, at, query, own=own, scans=self._scans(event))
                if read is not None:
                    yield read
            if event.call.writes and event.reply.status == "ok":
                within = self._watched.commit_after(place)
                for seen, answers, others in self._looked_for(event):
                    yield Read(event, seen, answers, own, acts=True, within=within, others=others)
            if event.call.commits or event.call.kind is Kind.ROLLBACK:
                written[wire] = False
            elif event.call.writes:
                written[wire] = True

    def _looked_for(self, event: Event) -> Iterator[tuple[int, tuple[Rows | None, ...], frozenset[str]]]:
        """What a write looked for, as answers in each committed state; in which state it did; and in which tables."""
        for touched in self._questions.touched(event):
            keys = self._keys(event, touched)
            found = self._found_in(event, touched, keys)
            if found is not None:
                yield found, _merged(keys), touched.others
            if touched.values is not None and found is not None:
                values = self._values(event, touched.values)
                seen = self._state_of(event, values)
                if seen is not None:
                    yield seen, values, touched.others
        scans = self._scans(event)
        seen = self._state_of(event, scans) if scans else None
        if seen is not None:
            yield seen, scans, frozenset()

    def _values(self, event: Event, query: Query) -> tuple[Rows | None, ...]:
        return tuple(
            None if None in answers else tuple(row for answer in answers if answer is not None for row in answer[1])
            for answers in self._answers(event, query)
        )

    def _found_in(self, event: Event, touched: Touched, keys: Sequence[tuple[Item, ...] | None]) -> int | None:
        """The committed state in which a write found its rows; None if that is not certain.

        On PostgreSQL one that waited at its own row goes by that as it is, and by others as they were when it was sent;
        how many rows it changed tells which of both counted. Elsewhere it goes by what is committed when it has waited.
        """
        window, certain = self._windows[id(event)], self._certain(event, keys)
        if certain is not None or touched.by_key or keys[window.at] is None:
            return window.at if touched.by_key else certain
        snapshot, unknown = self._snapshot_of(event), None if touched.joined else window.at
        if snapshot is None or snapshot < window.asked or window.asked == window.at:
            return unknown if snapshot is None else snapshot
        alone = not event.call.many and self._questions.touched(event) == (touched,)
        then, now, count = keys[window.asked], keys[window.at], event.reply.rowcount
        if not alone or touched.act is not Act.CHANGES or then is None or now is None or count is None:
            return unknown
        counts = {len(set(then)): window.asked, len(set(now)): window.at}
        return counts.get(count) if len(counts) > 1 else None

    def _certain(self, event: Event, answers: Sequence[object]) -> int | None:
        """The state in which a write looked for rows, where all that may be it are alike; None if not certain.

        PostgreSQL looks once more at a row that it has waited for, and at others as they were; SQLite starts anew.
        """
        window = self._windows[id(event)]
        same = all(answers[state] == answers[window.at] for state in window.states)
        known = same or self._questions.engine(event) in _ANEW
        return window.at if known and answers[window.at] is not None else None

    def _state_of(self, event: Event, answers: Sequence[object]) -> int | None:
        """In which committed state a write looked for rows; None where it may have been one that has other rows.

        Args:
            event: the write.
            answers: the rows in each state.
        """
        certain = self._certain(event, answers)
        return certain if certain is not None or None in answers else self._snapshot_of(event)

    def _snapshot_of(self, event: Event) -> int | None:
        """The committed state that a statement of PostgreSQL sees; None where it is not known, and elsewhere."""
        window = self._windows[id(event)]
        if self._questions.engine(event) not in _AS_IT_BEGAN:
            return None
        if window.began == window.asked:
            return window.asked
        return {**dict.fromkeys(_SNAPSHOT_EACH, window.asked), **dict.fromkeys(_SNAPSHOT_ONCE, window.began)}.get(
            self._level_of(event.call.actor)
        )

    def _scans(self, event: Event) -> tuple[Rows | None, ...]:
        """The rows that it looked for in each committed state, where it does not say which it found."""
        keys = [key_of(event, query) for query in scanned_by(named(event.call))]
        found = [self._watched.by_commit(key) for key in keys]
        asked = [each for each in found if None not in each]  # what needs more than itself cannot be asked alone
        return tuple(tuple(row for one in every if one for row in one[1]) for every in zip(*asked, strict=True))

    def _read(
        self, place: int, event: Event, at: int, query: Query, *, own: bool, scans: tuple[Rows | None, ...]
    ) -> Read | None:
        """What a query got; None if nothing can be said of it.

        One that holds a clock's time was asked with that of the earlier run, which tells where it gives the same.
        """
        key = key_of(event, query)
        asked = key
        if key not in self._watched.answers[0]:
            asked = self._watched.same_call.get((event.call.actor, event.call.index, query.sql), key)
        found = self._watched.by_commit(asked)
        answers = tuple(None if answer is None else answer[1] for answer in found)
        writers = tuple(self._writers(place))
        read = Read(event, at, answers, own, False, self._watched.commit_after(place), writers, scans)
        return read if asked == key or read.seen is not None else None

    def _numbers(self) -> range:
        return range(len(self._watched.commits) + 1)

    def _writers(self, place: int) -> Iterable[Writer]:
        """The transactions of others that had written before this Call, and ended after it."""
        reader = self._watched.events[place][0].call.actor
        wires = dict.fromkeys((it.call.actor, it.call.connection) for it, _ in self._watched.events[:place])
        for wire in wires:
            before = self._watched.open_before(place, wire)
            if wire[0] == reader or not before:
                continue
            number = self._watched.commit_after(
                next(n for n, each in enumerate(self._watched.events) if each[0] is before[0][0])
            )
            rows = {item for event, _ in before for item, _ in self._written_by(event)}
            again = any(
                item in rows for event, _ in self._watched.until_end(place, wire) for item, _ in self._written_by(event)
            )
            yield Writer(wire[0], number, again)


def _merged(found: Sequence[tuple[Item, ...] | None]) -> tuple[Rows | None, ...]:
    """The rows in each state, by their keys."""
    return tuple(None if items is None else tuple((str(item),) for item in items) for items in found)


def _items(name: str, table: Table, answer: tuple[tuple[str, ...], Rows]) -> Iterable[Item]:
    columns, rows = answer
    key = table.key or table.columns
    if all(column in columns for column in key):
        for row in rows:
            cells = [row[columns.index(column)] for column in key]
            if any(cell is not None for cell in cells):  # a join may find none
                yield name, tuple(map(encode, cells))
