"""Watch a run from outside, turn by turn, for the graph of who depends on whom.

After each COMMIT the committed rows are read, and every query of the run is asked again, over a connection of acidity's
own while all callers wait.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

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
from acidity.analysis.scanned import scanned_by
from acidity.analysis.touched import Assigned, Query, assigned_by, named, question_of, touched_by
from acidity.analysis.upserted import assigned_by_upsert, upsert_in, upserted_by
from acidity.analysis.values import encode
from acidity.core.call import Event, History, Kind
from acidity.core.outcome import State, Table
from acidity.core.row import was_asked_for
from acidity.core.turn import Turn
from acidity.engines.own_calls import own_calls
from acidity.engines.speech import speech_of
from acidity.prove.explore.control import Choose
from acidity.prove.explore.oracle import TURNED_AWAY
from acidity.prove.stage.stage import Stage

_AS_IT_BEGAN = frozenset({"postgresql"})  # what a statement sees there was committed before it, also if it has waited
_Key = tuple[str, str, str]  # database, text, parameters
_Answer = tuple[tuple[str, ...], Rows] | None  # columns and rows


class Observer:
    """Watches one run that goes as an earlier one went.

    Args:
        stage: where it is.
        history: of the earlier run, which says what will be asked.
    """

    def __init__(self, stage: Stage, history: History) -> None:
        self._stage = stage
        self._asks: dict[_Key, Query] = {}
        self._same_call: dict[tuple[str, int, str], _Key] = {}
        for event in history:
            for query in self._queries(event):
                self._asks.setdefault(_key(event, query), query)
                self._same_call.setdefault((event.call.actor, event.call.index, query.sql), _key(event, query))
        self._beside: dict[str, Any] = {}
        self._states: list[State] = []
        self._answers: list[dict[_Key, _Answer]] = []
        self._commits: list[tuple[Event, int]] = []
        self._events: list[tuple[Event, int]] = []
        self._asked: dict[tuple[str, int], int] = {}  # how many had committed when a Call that waits was made

    def _queries(self, event: Event) -> Iterable[Query]:
        call, table = named(event.call), self._upserts(event)
        question = question_of(call)
        found = [*([question] if question is not None else touched_by(call)), *scanned_by(call)]
        return found if table is None else [*found, *upserted_by(call, table.columns, table.key)]

    def watching(self, choose: Choose) -> Choose:
        """The same choice, with a look at the rows before the first turn."""

        def look_first(number: int, able: tuple[str, ...]) -> str:
            if number == 0:
                self._look()
            return choose(number, able)

        return look_first

    def after_turn(self, turn: Turn) -> None:
        """Look again if somebody has committed."""
        for event in turn.events:
            self._events.append((event, len(self._commits)))
            if event.call.commits and event.reply.status == "ok":
                self._commits.append((event, len(self._states)))
        if turn.call is not None and turn.waits:
            self._asked.setdefault((turn.actor, turn.call.index), len(self._commits))
        if any(number == len(self._states) for _, number in self._commits):
            self._look()

    def _look(self) -> None:
        with own_calls():
            self._states.append(self._stage.sandbox.look().state)
            self._answers.append({key: self._ask(key[0], query) for key, query in self._asks.items()})

    def _ask(self, database: str, query: Query) -> _Answer:
        if database not in self._beside:
            self._beside[database] = self._stage.parts[database].connect_beside()
        cursor = self._beside[database].cursor()
        try:
            with suppress(Exception):  # what cannot be asked is not known, and names nothing
                cursor.execute(query.sql, query.params) if query.params else cursor.execute(query.sql)
                columns = tuple(str(column[0]) for column in cursor.description or ())
                return columns, tuple(tuple(row) for row in cursor.fetchall())
            return None
        finally:
            with suppress(Exception):
                cursor.close()

    # The graph

    def graph(self) -> Dependencies:
        """Who depends on whom in the run that was watched."""
        commits = [self._commit(number, event, place) for number, (event, place) in enumerate(self._commits, start=1)]
        errors = [
            Refused(event, at)
            for event, at in self._events
            if event.reply.status == "error" and not self._was_busy(event)
        ]
        return dependencies_of(commits, list(self._reads()), errors)

    def _was_busy(self, event: Event) -> bool:
        """Whether the database refused it because of the other callers, and not for what it was about to write."""
        errors = speech_of(self._stage.parts[event.call.database].engine_name).errors
        return errors.get(event.reply.code) in TURNED_AWAY

    def _commit(self, number: int, event: Event, place: int) -> Commit:
        alone = sum(1 for _, other in self._commits if other == place) == 1
        changes = row_changes(self._states[place - 1], self._states[place]) if alone else ()
        touched = self._touched(event)
        writes: dict[Item, Written] = {}
        for change in changes:
            columns = frozenset(name.lower() for name, _ in change.after or change.before or ())
            writes[item_of(change)] = Written(item_of(change), columns, frozenset())
        for item, assigned, order in touched:
            known = writes.get(item, Written(item, frozenset(), frozenset()))
            writes[item] = Written(item, known.columns | assigned.columns, known.blind | assigned.blind, order)
        return Commit(event, number, changes, tuple(writes.values()))

    def _touched(self, commit: Event) -> Iterable[tuple[Item, Assigned, int]]:
        """The rows that UPDATEs and DELETEs of this transaction found when they were answered, and when that was.

        A count of rows does not tell: MariaDB may count only those that got other values.
        """
        for event, at in self._transaction_of(commit):
            for item in self._rows_of(event, at):
                yield item, assigned_by(named(event.call).sql), event.order
            call, table = named(event.call), self._upserts(event)
            assigned = assigned_by_upsert(call.sql, table.columns) if table is not None else None
            if table is not None and assigned is not None:
                for item in self._items_of(upserted_by(call, table.columns, table.key), event, at):
                    yield item, assigned, event.order

    def _rows_of(self, event: Event, at: int) -> Iterable[Item]:
        """The rows that an UPDATE or DELETE finds after so many commits."""
        yield from self._items_of(touched_by(named(event.call)), event, at)

    def _items_of(self, queries: Iterable[Query], event: Event, at: int) -> Iterable[Item]:
        """The rows that are found by the questions of a Call after so many commits."""
        tables = self._states[0].tables
        for query in queries:
            answer = self._by_commit()[at].get(_key(event, query))
            name = _table_called(query.table, event.call.database, tables)
            if answer is not None and name is not None:
                yield from _items(name, tables[name], answer)

    def _upserts(self, event: Event) -> Table | None:
        """The table into which it is an upsert."""
        upsert, tables = upsert_in(named(event.call).sql), self._stage.seed.tables
        name = None if upsert is None else _table_called(upsert.called, event.call.database, tables)
        return None if name is None else tables[name]

    def _transaction_of(self, commit: Event) -> list[tuple[Event, int]]:
        """The Calls of the transaction that a COMMIT ended, each with how many had committed when it was answered."""
        found: list[tuple[Event, int]] = []
        for event, at in self._events:
            if event.call.actor != commit.call.actor or event.call.connection != commit.call.connection:
                continue
            if event is commit:
                return [*found, (event, at)] if event.call.autocommit else found
            if event.call.commits or event.call.kind is Kind.ROLLBACK:
                found = []
            elif event.reply.status == "ok":
                found.append((event, at))
        return found

    def _reads(self) -> Iterable[Read]:
        written: dict[tuple[str, int], bool] = {}
        began: dict[tuple[str, int], int] = {}  # how many had committed when its transaction made its first Call
        for place, (event, at) in enumerate(self._events):
            wire = (event.call.actor, event.call.connection)
            own = written.get(wire, False)
            scans = self._scans(event)
            query = question_of(named(event.call))
            if query is not None and event.reply.status == "ok" and was_asked_for(event.reply.rows):
                read = self._read(place, event, at, query, own=own, scans=scans)
                if read is not None:
                    yield read
            elif event.call.writes and event.reply.status == "ok":
                seen = self._state_of(event, at, began.setdefault(wire, at), scans) if scans else None
                within = self._commit_after(place)
                if touched_by(named(event.call)):
                    keys = tuple(tuple((str(item),) for item in self._rows_of(event, at)) for at in self._numbers())
                    yield Read(event, at, keys, own, acts=True, within=within)
                if seen is not None:
                    yield Read(event, seen, scans, own, acts=True, within=within)
            began.setdefault(wire, at)
            if event.call.commits or event.call.kind is Kind.ROLLBACK:
                written[wire] = False
                began.pop(wire, None)
            elif event.call.writes:
                written[wire] = True

    def _state_of(self, event: Event, at: int, began: int, scans: tuple[Rows | None, ...]) -> int | None:
        """In which committed state a write looked for rows; None where it may have been one that has other rows.

        Args:
            event: the write.
            at: how many had committed when it was answered.
            began: the same when its transaction made its first Call.
            scans: the rows in each state.
        """
        asked = self._asked.get((event.call.actor, event.call.index), at)
        if all(rows == scans[at] for rows in scans[min(began, asked) : at]):
            return at
        engine = self._stage.parts[event.call.database].engine_name
        return asked if engine in _AS_IT_BEGAN and began == asked else None

    def _scans(self, event: Event) -> tuple[Rows | None, ...]:
        """The rows that it looked for in each committed state, where it does not say which it found."""
        states = self._by_commit()
        keys = [_key(event, query) for query in scanned_by(named(event.call))]
        found = [[state.get(key) for state in states] for key in keys]
        asked = [each for each in found if None not in each]  # what needs more than itself cannot be asked alone
        return tuple(tuple(row for one in every if one for row in one[1]) for every in zip(*asked, strict=True))

    def _read(
        self, place: int, event: Event, at: int, query: Query, *, own: bool, scans: tuple[Rows | None, ...]
    ) -> Read | None:
        """What a query got; None if nothing can be said of it.

        One that holds a clock's time was asked with that of the earlier run, which tells where it gives the same.
        """
        key = _key(event, query)
        asked = key if key in self._asks else self._same_call.get((event.call.actor, event.call.index, query.sql), key)
        found = [answers.get(asked) for answers in self._by_commit()]
        answers = tuple(None if answer is None else answer[1] for answer in found)
        writers = tuple(self._writers(place))
        read = Read(event, at, answers, own, False, self._commit_after(place), writers, scans)
        return read if asked == key or read.seen is not None else None

    def _numbers(self) -> range:
        return range(len(self._commits) + 1)

    def _commit_after(self, place: int) -> int | None:
        """The number of the commit that ends the transaction of a Call; None if it is taken back."""
        call = self._events[place][0].call
        for event, _ in self._events[place:]:
            if (event.call.actor, event.call.connection) == (call.actor, call.connection):
                if event.call.commits:
                    numbers = (n for n, (each, _) in enumerate(self._commits, start=1) if each is event)
                    return next(numbers, None)
                if event.call.kind is Kind.ROLLBACK:
                    return None
        return None

    def _writers(self, place: int) -> Iterable[Writer]:
        """The transactions of others that had written before this Call, and ended after it."""
        reader = self._events[place][0].call.actor
        wires = dict.fromkeys((it.call.actor, it.call.connection) for it, _ in self._events[:place])
        for wire in wires:
            before = self._open_before(place, wire)
            if wire[0] == reader or not before:
                continue
            number = self._commit_after(next(n for n, each in enumerate(self._events) if each[0] is before[0][0]))
            rows = {item for event, at in before for item in self._rows_of(event, at)}
            again = any(item in rows for event, at in self._until_end(place, wire) for item in self._rows_of(event, at))
            yield Writer(wire[0], number, again)

    def _open_before(self, place: int, wire: tuple[str, int]) -> list[tuple[Event, int]]:
        """What a connection has written in a transaction that is still open at this place."""
        found: list[tuple[Event, int]] = []
        for event, at in self._events[:place]:
            if (event.call.actor, event.call.connection) == wire:
                if event.call.commits or event.call.kind is Kind.ROLLBACK:
                    found = []
                elif event.call.writes and event.reply.status == "ok":
                    found.append((event, at))
        return found

    def _until_end(self, place: int, wire: tuple[str, int]) -> Iterable[tuple[Event, int]]:
        """What a connection does from this place on, until its transaction ends."""
        for event, at in self._events[place:]:
            if (event.call.actor, event.call.connection) == wire:
                if event.call.commits or event.call.kind is Kind.ROLLBACK:
                    return
                if event.reply.status == "ok":
                    yield event, at

    def _by_commit(self) -> list[Mapping[_Key, _Answer]]:
        """What is answered after each number of commits; two in one turn have one state."""
        return [self._answers[0], *(self._answers[place] for _, place in self._commits)]


def _key(event: Event, query: Query) -> _Key:
    return event.call.database, query.sql, repr(query.params)


def _table_called(name: str, database: str, tables: Mapping[str, Table]) -> str | None:
    wanted = {name.lower(), name.lower().rpartition(".")[2]}
    inside = f"{database}." if database else ""
    return next((table for table in tables if table.lower().removeprefix(inside.lower()) in wanted), None)


def _items(name: str, table: Table, answer: tuple[tuple[str, ...], Rows]) -> Iterable[Item]:
    columns, rows = answer
    key = table.key or table.columns
    if all(column in columns for column in key):
        for row in rows:
            yield name, tuple(encode(row[columns.index(column)]) for column in key)
