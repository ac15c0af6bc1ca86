"""A run that was watched, and the graph of who depends on whom in it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

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
from acidity.core.outcome import State, Table
from acidity.core.row import was_asked_for
from acidity.engines.speech import speech_of
from acidity.prove.explore.asking import Key, Questions, key_of
from acidity.prove.explore.oracle import TURNED_AWAY
from acidity.prove.explore.tables import table_called

_AS_IT_BEGAN = frozenset({"postgresql"})  # what a statement sees there was committed before it, also if it has waited
_ANEW = frozenset({"sqlite"})  # a statement that has waited there begins once more, and finds what is committed then
Answer = tuple[tuple[str, ...], Rows] | None  # columns and rows


@dataclass(slots=True)
class Watched:
    """What was seen of a run.

    Attributes:
        tables: before it.
        states: the committed rows before it, and at each look after a COMMIT.
        answers: those of all questions at the same times.
        commits: every COMMIT, and the place of the rows after it among the states.
        events: every Event, and how many had committed when it was answered.
        asked: how many had committed when a Call that waits was made, by its caller and index.
        same_call: the key of a question in the earlier run, by the caller, index and text of its Call.
        as_it_was: of a question about a write, by the identity of its Event: the number of its own commit, and what
            asks the same from then on of the rows that it had changed as they stood before it.
    """

    tables: Mapping[str, Table]
    states: list[State] = field(default_factory=list)
    answers: list[dict[Key, Answer]] = field(default_factory=list)
    commits: list[tuple[Event, int]] = field(default_factory=list)
    events: list[tuple[Event, int]] = field(default_factory=list)
    asked: dict[tuple[str, int], int] = field(default_factory=dict)
    same_call: dict[tuple[str, int, str], Key] = field(default_factory=dict)
    as_it_was: dict[tuple[int, Key], tuple[int, Key]] = field(default_factory=dict)

    def transaction_of(self, commit: Event) -> list[tuple[Event, int]]:
        """The Calls of the transaction that a COMMIT ended, each with how many had committed when it was answered."""
        found: list[tuple[Event, int]] = []
        for event, at in self.events:
            if event.call.actor != commit.call.actor or event.call.connection != commit.call.connection:
                continue
            if event is commit:
                return [*found, (event, at)] if event.call.autocommit else found
            if event.call.commits or event.call.kind is Kind.ROLLBACK:
                found = []
            elif event.reply.status == "ok":
                found.append((event, at))
        return found

    def by_commit(self, key: Key) -> list[Answer]:
        """What was answered after each number of commits; two in one turn have one state."""
        return [answers.get(key) for answers in (self.answers[0], *(self.answers[place] for _, place in self.commits))]


@dataclass(frozen=True, slots=True)
class _Window:
    """How many had committed when the transaction of a Call began, when it was sent, and when it was answered."""

    began: int
    asked: int
    at: int

    @property
    def states(self) -> range:
        """The committed states in which it may have looked for rows."""
        return range(min(self.began, self.asked), self.at + 1)


def graph_of(watched: Watched, questions: Questions) -> Dependencies:
    """Who depends on whom in the run that was watched."""
    return _Graph(watched, questions).graph()


class _Graph:
    def __init__(self, watched: Watched, questions: Questions) -> None:
        self._watched = watched
        self._questions = questions
        self._windows = dict(self._windows_of())  # of each of the Events, by its identity

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

    def _windows_of(self) -> Iterator[tuple[int, _Window]]:
        began: dict[tuple[str, int], int] = {}
        for event, at in self._watched.events:
            wire = (event.call.actor, event.call.connection)
            asked = self._watched.asked.get((event.call.actor, event.call.index), at)
            yield id(event), _Window(began.setdefault(wire, asked), asked, at)
            if event.call.commits or event.call.kind is Kind.ROLLBACK:
                began.pop(wire)

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
            certain = self._found_in(event, touched, keys) if touched.joined else window.at
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
                within = self._commit_after(place)
                for seen, answers, others in self._looked_for(event):
                    yield Read(event, seen, answers, own, acts=True, within=within, others=others)
            if event.call.commits or event.call.kind is Kind.ROLLBACK:
                written[wire] = False
            elif event.call.writes:
                written[wire] = True

    def _looked_for(self, event: Event) -> Iterator[tuple[int, tuple[Rows | None, ...], frozenset[str]]]:
        """What a write looked for, as answers in each committed state; in which state it did; and in which tables."""
        plain: list[list[tuple[Item, ...] | None]] = []
        for touched in self._questions.touched(event):
            keys = self._keys(event, touched)
            found = self._found_in(event, touched, keys)
            if not touched.joined:
                plain.append(keys)
            elif found is not None:
                yield found, _merged([keys]), touched.others
            if touched.values is not None and found is not None:
                values = self._values(event, touched.values)
                seen = self._state_of(event, values)
                if seen is not None:
                    yield seen, values, touched.others
        if plain:
            yield self._windows[id(event)].at, _merged(plain), frozenset()
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

        Where it has waited, the number of rows that it says it changed may tell.
        """
        window, certain = self._windows[id(event)], self._certain(event, keys)
        then, now = keys[window.asked], keys[window.at]
        if certain is not None or then is None or now is None:
            return certain
        alone = not event.call.many and self._questions.touched(event) == (touched,)
        if not alone or window.began != window.asked or self._questions.engine(event) not in _AS_IT_BEGAN:
            return None
        counts = {len(set(then)): window.asked, len(set(now)): window.at}
        return counts.get(event.reply.rowcount) if len(counts) > 1 and event.reply.rowcount is not None else None

    def _certain(self, event: Event, answers: Sequence[object]) -> int | None:
        """The state in which a write looked for rows that other writers may have kept from it; None if not certain.

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
        window, certain = self._windows[id(event)], self._certain(event, answers)
        if certain is not None or None in answers:
            return certain
        known = self._questions.engine(event) in _AS_IT_BEGAN and window.began == window.asked
        return window.asked if known else None

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
        read = Read(event, at, answers, own, False, self._commit_after(place), writers, scans)
        return read if asked == key or read.seen is not None else None

    def _numbers(self) -> range:
        return range(len(self._watched.commits) + 1)

    def _commit_after(self, place: int) -> int | None:
        """The number of the commit that ends the transaction of a Call; None if it is taken back."""
        call = self._watched.events[place][0].call
        for event, _ in self._watched.events[place:]:
            if (event.call.actor, event.call.connection) == (call.actor, call.connection):
                if event.call.commits:
                    numbers = (n for n, (each, _) in enumerate(self._watched.commits, start=1) if each is event)
                    return next(numbers, None)
                if event.call.kind is Kind.ROLLBACK:
                    return None
        return None

    def _writers(self, place: int) -> Iterable[Writer]:
        """The transactions of others that had written before this Call, and ended after it."""
        reader = self._watched.events[place][0].call.actor
        wires = dict.fromkeys((it.call.actor, it.call.connection) for it, _ in self._watched.events[:place])
        for wire in wires:
            before = self._open_before(place, wire)
            if wire[0] == reader or not before:
                continue
            number = self._commit_after(
                next(n for n, each in enumerate(self._watched.events) if each[0] is before[0][0])
            )
            rows = {item for event, _ in before for item, _ in self._written_by(event)}
            again = any(
                item in rows for event, _ in self._until_end(place, wire) for item, _ in self._written_by(event)
            )
            yield Writer(wire[0], number, again)

    def _open_before(self, place: int, wire: tuple[str, int]) -> list[tuple[Event, int]]:
        """What a connection has written in a transaction that is still open at this place."""
        found: list[tuple[Event, int]] = []
        for event, at in self._watched.events[:place]:
            if (event.call.actor, event.call.connection) == wire:
                if event.call.commits or event.call.kind is Kind.ROLLBACK:
                    found = []
                elif event.call.writes and event.reply.status == "ok":
                    found.append((event, at))
        return found

    def _until_end(self, place: int, wire: tuple[str, int]) -> Iterable[tuple[Event, int]]:
        """What a connection does from this place on, until its transaction ends."""
        for event, at in self._watched.events[place:]:
            if (event.call.actor, event.call.connection) == wire:
                if event.call.commits or event.call.kind is Kind.ROLLBACK:
                    return
                if event.reply.status == "ok":
                    yield event, at


def _merged(found: Sequence[Sequence[tuple[Item, ...] | None]]) -> tuple[Rows | None, ...]:
    """The rows of several questions in each state, by their keys."""
    return tuple(
        None if None in each else tuple((str(item),) for items in each if items is not None for item in items)
        for each in zip(*found, strict=True)
    )


def _items(name: str, table: Table, answer: tuple[tuple[str, ...], Rows]) -> Iterable[Item]:
    columns, rows = answer
    key = table.key or table.columns
    if all(column in columns for column in key):
        for row in rows:
            cells = [row[columns.index(column)] for column in key]
            if any(cell is not None for cell in cells):  # a join may find none
                yield name, tuple(map(encode, cells))
