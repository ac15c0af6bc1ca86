"""The graph of who depends on whom in a run that was watched."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from acidity.analysis.dependencies import Commit, Dependencies, Refused, Written, dependencies_of, is_named, item_of
from acidity.analysis.diff import row_changes
from acidity.analysis.fetched import Rows
from acidity.analysis.named_columns import columns_in
from acidity.analysis.questions import Query
from acidity.analysis.reads import Item, Read, Writer, last_of
from acidity.analysis.touched import Act, Touched
from acidity.analysis.values import encode
from acidity.core.call import Event
from acidity.core.finding import RowChange
from acidity.core.row import was_asked_for
from acidity.engines.speech import TURNED_AWAY, speech_of
from acidity.prove.explore.asking import Questions, key_of
from acidity.prove.explore.looking import Looks
from acidity.prove.explore.one_by_one import OneByOne
from acidity.prove.explore.watched import Watched, wire_of


def graph_of(
    watched: Watched, questions: Questions, level_of: Callable[[str], str], one_by_one: OneByOne
) -> Dependencies:
    """Who depends on whom in a run.

    Args:
        watched: what was seen of it.
        questions: about its Calls.
        level_of: the isolation level of a caller's transactions; empty where that is not one.
        one_by_one: what its queries give in the serial orders.
    """
    return _Graph(watched, questions, level_of, one_by_one).graph()


class _Look(NamedTuple):
    """What a write looked for: in which committed state it did, and what it gives in each; the rest is as in a Read."""

    seen: int
    answers: tuple[Rows | None, ...]
    others: frozenset[str]
    part: str
    found: tuple[frozenset[Item] | None, ...]
    keys: bool = False
    kept: bool = False

    def read(self, event: Event, *, own: bool, within: int | None) -> Read:
        """The same as what its write has read."""
        return Read(
            event,
            self.seen,
            self.answers,
            own,
            acts=True,
            within=within,
            others=self.others,
            kept=self.kept,
            found=self.found,
            keys=self.keys,
            part=self.part,
        )


class _Graph:
    def __init__(
        self, watched: Watched, questions: Questions, level_of: Callable[[str], str], one_by_one: OneByOne
    ) -> None:
        self._watched = watched
        self._one_by_one = one_by_one
        self._questions = questions
        self._looks = Looks(watched, questions, level_of)
        self._commits: list[Commit] = []
        self._columns: dict[str, set[str]] = {}
        for name, table in watched.tables.items():
            self._columns.setdefault(last_of(name), set()).update(map(str.lower, table.columns))

    def graph(self) -> Dependencies:
        """Who depends on whom in the run that was watched."""
        stands_for: dict[Item, Item] = {}
        for number, (event, place) in enumerate(self._watched.commits, start=1):
            self._commits.append(self._commit(number, event, place, stands_for))
        errors = [
            Refused(event, at)
            for event, at in self._watched.events
            if event.reply.status == "error" and not self._was_busy(event)
        ]
        return dependencies_of(self._commits, _comparable(list(self._reads())), errors)

    def _was_busy(self, event: Event) -> bool:
        """Whether the database refused it because of the other callers, and not for what it was about to write."""
        errors = speech_of(self._questions.engine(event)).errors
        return errors.get(event.reply.code) in TURNED_AWAY

    def _commit(self, number: int, event: Event, place: int, stands_for: dict[Item, Item]) -> Commit:
        """What a transaction made visible; `stands_for` grows by the rows that it put in the place of others."""
        alone = sum(1 for _, other in self._watched.commits if other == place) == 1
        changes = row_changes(self._watched.states[place - 1], self._watched.states[place]) if alone else ()
        changed = frozenset(map(item_of, changes))
        touched = list(self._touched(event, changed))
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

    def _touched(self, commit: Event, changed: frozenset[Item]) -> Iterator[tuple[Item, Touched, int]]:
        """The rows that writes of this transaction found when they were answered, and when that was.

        A count of rows does not tell: MariaDB may count only those that got other values.
        """
        writes = [event for event, _ in self._watched.transaction_of(commit) if self._questions.touched(event)]
        for event in writes:
            for item, touched in self._written_by(event, changed if len(writes) == 1 else frozenset()):
                yield item, touched, event.order

    def _written_by(self, event: Event, changed: frozenset[Item] = frozenset()) -> Iterator[tuple[Item, Touched]]:
        """The rows that a Call writes; where they hang on other tables, those that it finds whenever it looks.

        Args:
            event: the Call.
            changed: the rows of which it is known that it has changed them, since nothing else has.
        """
        window = self._looks.windows[id(event)]
        for touched in self._questions.touched(event):
            keys = self._looks.keys(event, touched)
            if touched.act is Act.LOOKS:
                continue
            certain = self._looks.found_in(event, touched, keys)
            found = [keys[state] or () for state in (window.states if certain is None else [certain])]
            every = dict.fromkeys(item for each in found for item in each)
            yield from ((item, touched) for item in every if item in changed or all(item in each for each in found))

    def _reads(self) -> Iterator[Read]:
        written: dict[tuple[str, int], bool] = {}
        for place, (event, at) in enumerate(self._watched.events):
            if self._was_for_nothing(place):
                continue
            wire = wire_of(event)
            own = written.get(wire, False)
            query = self._questions.asked(event)
            if query is not None and event.reply.status == "ok" and was_asked_for(event.reply.rows):
                read = self._read(place, event, at, query, own=own, scans=self._looks.scans(event))
                if read is not None:
                    yield read
            if event.call.writes and (event.reply.status == "ok" or not self._was_busy(event)):
                within = self._watched.commit_after(place)
                yield from (look.read(event, own=own, within=within) for look in self._looked_for(event))
            if self._watched.ends(event):
                written[wire] = False
            elif event.call.writes:
                written[wire] = True

    def _was_for_nothing(self, place: int) -> bool:
        """Whether the database turned its transaction away, and its caller began anew and asked the same once more.

        Who goes on with what it had read at first goes by that read.
        """
        call = self._watched.events[place][0].call
        rest = self._watched.rest_of(place)
        if not any(event.reply.status == "error" and self._was_busy(event) for event in rest):
            return False
        later = (event.call for event, _ in self._watched.events[place + 1 :] if event.call.actor == call.actor)
        asks_again = any((each.sql, each.params) == (call.sql, call.params) for each in later)
        return asks_again and self._watched.commit_after(place) is None

    def _looked_for(self, event: Event) -> Iterator[_Look]:
        """What a write looked for."""
        for touched in self._questions.touched(event):
            keys = self._looks.keys(event, touched)
            found = self._looks.found_in(event, touched, keys)
            asks = touched.rows.sql
            if found is not None:
                yield _looked(found, keys, asks[asks.find(" FROM ") :], touched.others)
            if touched.values is not None and found is not None:
                others = touched.others
                yield from (each._replace(others=others, kept=True) for each in self._asked_for(event, touched.values))
            sent = None
            if found is None and self._goes_by_what_was(event, touched, keys):
                sent = self._looks.windows[id(event)].asked
                if self._looked_once_more(event, keys):
                    now = self._looks.windows[id(event)].at
                    yield _looked(now, [*self._still_standing(frozenset(keys[sent] or ()), sent)], asks)
            for query in touched.inner:
                yield from self._asked_for(event, query, sent)
        sent = self._looks.windows[id(event)].asked if self._looks.selects_first(event) else None
        for query in self._questions.scanned(event):
            yield from (each._replace(kept=True) for each in self._asked_for(event, query, sent))

    def _asked_for(self, event: Event, query: Query, sent: int | None = None) -> Iterator[_Look]:
        """What a query within a write gave; `sent` is the state in which it was asked, where something else tells."""
        values = self._looks.values(event, query)
        seen = self._looks.state_of(event, values) if sent is None else sent
        if seen is not None and None not in values:
            behind = self._looks.rows_behind(event, query)
            yield _Look(seen, values, self._tables_in(query.sql), query.sql, behind)

    def _tables_in(self, text: str) -> frozenset[str]:
        return frozenset(name.lower().rpartition(".")[2] for name in self._watched.tables if is_named(name, text))

    def _goes_by_what_was(self, event: Event, touched: Touched, keys: Sequence[tuple[Item, ...] | None]) -> bool:
        """Whether its answer tells that what it asked within its condition is as it was when it was sent.

        It has changed the rows that it would have found then, and not those that it would find now; or fewer than both,
        as those that others had changed since then did not fit any more.
        """
        alone = not event.call.many and self._questions.touched(event) == (touched,)
        if not alone or touched.act is not Act.CHANGES or None in keys or event.reply.status != "ok":
            return False
        window = self._looks.windows[id(event)]
        changed = self._changed_by(event)
        then, now = (frozenset(keys[state] or ()) for state in (window.asked, window.at))
        return self._looked_once_more(event, keys) or bool(changed and changed <= then and not changed <= now)

    def _looked_once_more(self, event: Event, keys: Sequence[tuple[Item, ...] | None]) -> bool:
        window, count = self._looks.windows[id(event)], event.reply.rowcount
        return count is not None and count < min(len(frozenset(keys[each] or ())) for each in (window.asked, window.at))

    def _changed_by(self, event: Event) -> frozenset[Item]:
        """The rows that the transaction of a write has changed; none where it has written more than once."""
        for commit in self._commits:
            writes = [each for each, _ in self._watched.transaction_of(commit.event) if each.call.writes]
            if writes == [event]:
                return frozenset(map(item_of, commit.changes))
        return frozenset()

    def _still_standing(self, items: frozenset[Item], since: int) -> Iterator[frozenset[Item]]:
        """In each committed state those of these rows that are as they were."""
        for number in self._numbers():
            gone = {item for commit in self._commits[since:number] for item in map(item_of, commit.changes)}
            yield items - gone

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
        within, behind = self._watched.commit_after(place), self._looks.rows_behind(event, query)
        behind, loose = self._looks.rows_within(event, query, behind)
        read = Read(event, at, answers, own, False, within, writers, scans, found=behind, loose=loose)
        read = replace(read, columns=columns_in(query.sql, self._questions.engine(event), self._columns))
        if not own and not any(scans):
            read = replace(read, scans=self._looks.first_rows(event, query, read))
        if read.is_hidden and not self._writes_there_later(place, query):
            read = replace(read, beside=self._looks.first_seen(event, alone=not writers))
        if read.is_hidden:
            read = replace(read, had_come=self._had_come(place, self._looks.last_seen(event, alone=not writers)))
        return read if asked == key or read.seen is not None else None

    def _had_come(self, place: int, last: int | None) -> Mapping[str, bool]:
        """Whether others had come before a query, by the serial orders.

        Nobody had who had not committed in the last state that it may have seen; if an order says so, its answer is the
        same for another reason: a generated key is the next one in the order of the INSERTs, not of the commits.
        """
        had = self._one_by_one.had_come(self._watched.until(place))
        there = {commit.actor for commit in self._commits if last is None or commit.number <= last}
        return {name: come for name, come in had.items() if name in there or not come}

    def _writes_there_later(self, place: int, query: Query) -> bool:
        """Whether the caller of a query goes on to write what it asks for, before it commits."""
        rest = (event.call for event in self._watched.rest_of(place) if event.call.writes)
        return any(self._tables_in(call.sql) & self._tables_in(query.sql) for call in rest)

    def _numbers(self) -> range:
        return range(len(self._watched.commits) + 1)

    def _writers(self, place: int) -> Iterable[Writer]:
        """The transactions of others that had written before this Call, and ended after it."""
        reader = self._watched.events[place][0].call.actor
        wires = dict.fromkeys(wire_of(event) for event, _ in self._watched.events[:place])
        for wire in wires:
            before = self._watched.open_before(place, wire)
            if wire[0] == reader or not before:
                continue
            rows = {item for event, _ in before for item, _ in self._written_by(event)}
            again = any(
                item in rows for event, _ in self._watched.until_end(place, wire) for item, _ in self._written_by(event)
            )
            yield Writer(wire[0], self._watched.commit_of(before), again)


def _comparable(reads: list[Read]) -> list[Read]:
    """Those whose text gives acidity what it gives its caller.

    Not so where it depends on the session: a variable, a setting, the path of schemas, a policy of the rows. Then it
    got something else already when nobody had written anything.
    """
    others = {read.event.call.sql for read in reads if read.fits_none and not read.at and not read.writers}
    return [read for read in reads if read.event.call.sql not in others]


def _looked(
    seen: int, rows: Sequence[Collection[Item] | None], part: str, others: frozenset[str] = frozenset()
) -> _Look:
    """A look for rows, of which their keys are all that counts."""
    answers = tuple(None if items is None else tuple((str(item),) for item in items) for items in rows)
    return _Look(seen, answers, others, part, tuple(None if it is None else frozenset(it) for it in rows), keys=True)
