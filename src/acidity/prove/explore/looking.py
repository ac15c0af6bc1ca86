"""In which committed state a write looked for its rows, and which those are in each of them.

What a write finds shows in no answer, so it is asked again in each committed state. In which of these the database
looked differs: PostgreSQL goes by the rows as they were when the statement was sent, or when its transaction began, and
looks once more at one that it has waited for; SQLite begins anew; MariaDB goes by what is committed when it has waited.

Sources: PostgreSQL manual, 13.2 *Transaction Isolation*; MariaDB documentation, *SET TRANSACTION* and *InnoDB Lock
Modes*; SQLite, *Isolation In SQLite*.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from acidity.analysis.dependencies import is_named
from acidity.analysis.fetched import Rows, rows_of
from acidity.analysis.questions import Query, unlimited
from acidity.analysis.reads import Item, Read, is_ordered, last_of
from acidity.analysis.scanned import rows_behind
from acidity.analysis.sub_selects import sub_selects_in
from acidity.analysis.touched import Act, Touched
from acidity.analysis.values import encode
from acidity.core.call import Event
from acidity.core.outcome import Table
from acidity.prove.explore.asking import Questions, key_of
from acidity.prove.explore.tables import table_called
from acidity.prove.explore.watched import Answer, Watched

_AS_IT_BEGAN = frozenset({"postgresql"})  # what a statement sees there was committed before it, also if it has waited
_SELECTS_FIRST = frozenset({"mariadb"})  # there the SELECT of an INSERT takes no locks where each sees for itself
_ANEW = frozenset({"sqlite"})  # a statement that has waited there begins once more, and finds what is committed then
_DIRTY = frozenset({"mariadb"})  # there READ UNCOMMITTED shows what others have not committed
_SNAPSHOT_EACH = ("READ UNCOMMITTED", "READ COMMITTED")  # each statement sees there what is committed when it is sent
_SNAPSHOT_ONCE = ("REPEATABLE READ", "SERIALIZABLE")  # all see what was committed at the first one


class Looks:
    """What the writes of a run looked for.

    Args:
        watched: what was seen of it.
        questions: about its Calls.
        level_of: the isolation level of a caller's transactions; empty where that is not one.

    Attributes:
        windows: of each of its Events, by its identity.
    """

    def __init__(self, watched: Watched, questions: Questions, level_of: Callable[[str], str]) -> None:
        self._watched = watched
        self._questions = questions
        self._level_of = level_of
        self.windows = watched.windows()

    def keys(self, event: Event, touched: Touched) -> list[tuple[Item, ...] | None]:
        """The rows that it finds in each committed state; None where they are not known."""
        tables = self._watched.tables
        name = table_called(touched.rows.table, event.call.database, tables)
        found: list[tuple[Item, ...] | None] = []
        for answers in self.answers(event, touched.rows):
            each = [tuple(_items(name, tables[name], answer)) for answer in answers if answer is not None and name]
            known = len(each) == len(answers) and not (touched.single and len(each[0]) > 1)
            found.append(tuple(item for items in each for item in items) if known else None)
        return found

    def answers(self, event: Event, query: Query) -> list[tuple[Answer, ...]]:
        """What was answered in each committed state; from its own commit on, also of the rows as they stood before."""
        key = key_of(event, query)
        found: list[tuple[Answer, ...]] = [(answer,) for answer in self._watched.by_commit(key)]
        number, again = self._watched.as_it_was.get((id(event), key), (0, None))
        later = [] if again is None else self._watched.by_commit(again)[number:]
        if later and None not in later:
            found[number:] = [(*answers, other) for answers, other in zip(found[number:], later, strict=True)]
        return found

    def values(self, event: Event, query: Query) -> tuple[Rows | None, ...]:
        """The rows that a query of a write gives in each committed state."""
        return tuple(
            None if None in answers else tuple(row for answer in answers if answer is not None for row in answer[1])
            for answers in self.answers(event, query)
        )

    def found_in(self, event: Event, touched: Touched, keys: Sequence[tuple[Item, ...] | None]) -> int | None:
        """The committed state in which a write found its rows; None if that is not certain.

        On PostgreSQL one that waited at its own row goes by that as it is, and by others as they were when it was sent;
        how many rows it changed tells which of both counted. Elsewhere it goes by what is committed when it has waited.
        """
        window, certain = self.windows[id(event)], self._certain(event, keys)
        if certain is not None or touched.by_key or keys[window.at] is None:
            return window.at if touched.by_key else certain
        snapshot, unknown = self.snapshot_of(event), None if touched.joined else window.at
        if snapshot is None or snapshot < window.asked or window.asked == window.at:
            return unknown if snapshot is None else snapshot
        if touched.joined and touched.search is None and touched.act is not Act.LOOKS:
            return None  # what is met by a key that was asked for is there now, and the key is as it was
        if touched.act is Act.LOOKS and keys[window.asked] == ():
            return snapshot  # there was no row to wait for, and to look at once more
        alone = not event.call.many and self._questions.touched(event) == (touched,)
        then, now, count = keys[window.asked], keys[window.at], event.reply.rowcount
        if not alone or touched.act is not Act.CHANGES or then is None or now is None or count is None:
            return unknown
        counts = {len(set(then)): window.asked, len(set(now)): window.at}
        return counts.get(count) if len(counts) > 1 else None

    def _certain(self, event: Event, answers: Sequence[object]) -> int | None:
        """The state in which a write looked for rows, where all that may be it are alike; None if not certain.

        PostgreSQL looks once more at a row that it has waited for, and at others as they were; SQLite starts anew. Only
        PostgreSQL goes by what was committed before it was sent: what a write of MariaDB reads it locks, or it sees for
        itself what is committed then.
        """
        window = self.windows[id(event)]
        since = window.states if self._questions.engine(event) in _AS_IT_BEGAN else range(window.asked, window.at + 1)
        same = all(answers[state] == answers[window.at] for state in since)
        known = same or self._questions.engine(event) in _ANEW
        return window.at if known and answers[window.at] is not None else None

    def state_of(self, event: Event, answers: Sequence[object]) -> int | None:
        """In which committed state a write looked for rows; None where it may have been one that has other rows.

        Args:
            event: the write.
            answers: the rows in each state.
        """
        certain = self._certain(event, answers)
        return certain if certain is not None or None in answers else self.snapshot_of(event)

    def snapshot_of(self, event: Event) -> int | None:
        """The committed state that a statement of PostgreSQL sees; None where it is not known, and elsewhere."""
        window = self.windows[id(event)]
        if self._questions.engine(event) not in _AS_IT_BEGAN:
            return None
        if window.began == window.asked:
            return window.asked
        return {**dict.fromkeys(_SNAPSHOT_EACH, window.asked), **dict.fromkeys(_SNAPSHOT_ONCE, window.began)}.get(
            self._level_of(event.call.actor)
        )

    def first_seen(self, event: Event, *, alone: bool) -> int | None:
        """The first committed state that a query may have seen beside what its caller had written.

        Args:
            event: the query.
            alone: nobody else had written, and not committed, when it was answered.

        Returns:
            None where it may have seen what others had not committed.
        """
        window, engine = self.windows[id(event)], self._questions.engine(event)
        if engine in _ANEW:  # who has written there has begun from what is committed now, and nobody else commits
            return window.asked
        if self._may_be_dirty(event) and not alone:
            return None
        return window.asked if self._level_of(event.call.actor) in _SNAPSHOT_EACH else window.began

    def last_seen(self, event: Event, *, alone: bool) -> int | None:
        """The last committed state that a query may have seen.

        Args:
            event: the query.
            alone: as above.

        Returns:
            None where it may have seen what others had not committed.
        """
        window = self.windows[id(event)]
        if self._may_be_dirty(event) and not alone:
            return None
        as_it_began = self._questions.engine(event) in _AS_IT_BEGAN
        return window.began if as_it_began and self._level_of(event.call.actor) in _SNAPSHOT_ONCE else window.at

    def _may_be_dirty(self, event: Event) -> bool:
        """Whether a query may see what others have not committed."""
        level = self._level_of(event.call.actor) if self._questions.engine(event) in _DIRTY else None
        return level in {"", "READ UNCOMMITTED"}

    def scans(self, event: Event) -> tuple[Rows | None, ...]:
        """The rows that it looked for in each committed state, where it does not say which it found."""
        keys = [key_of(event, query) for query in self._questions.scanned(event)]
        found = [self._watched.by_commit(key) for key in keys]
        asked = [each for each in found if None not in each]  # what needs more than itself cannot be asked alone
        return tuple(tuple(row for one in every if one for row in one[1]) for every in zip(*asked, strict=True))

    def first_rows(self, event: Event, question: Query, read: Read) -> tuple[Rows | None, ...]:
        """Of a question that takes the first few of its rows: in each committed state all up to the last that it got.

        A row that comes before that would have been in its answer, also where another one has come before both since.
        Nothing where that is not known, or no order says which are the first.
        """
        whole = unlimited(question)
        found = () if whole is None or read.seen is None else self._watched.by_commit(key_of(event, whole))
        if read.seen is None or not found or None in found:
            return ()
        got = (read.answers[read.seen] or ())[: len(rows_of(event))]
        if got and not is_ordered(question.sql):
            return ()
        return tuple(_up_to(got, answer[1]) for answer in found if answer is not None)

    def rows_behind(self, event: Event, question: Query) -> tuple[frozenset[Item] | None, ...]:
        """The rows that a question goes by in each committed state, where they are of one table and tell their keys."""
        query, tables = rows_behind(question), self._watched.tables
        names = [name for name in tables if query is not None and is_named(name, query.sql)]
        if query is None or len(names) != 1:
            return ()
        found = self._watched.by_commit(key_of(event, query))
        table = tables[names[0]]
        return tuple(
            None if answer is None else frozenset(_items(names[0], table, answer)) if _tells(table, answer) else None
            for answer in found
        )

    def rows_within(
        self, event: Event, question: Query, behind: tuple[frozenset[Item] | None, ...]
    ) -> tuple[tuple[frozenset[Item] | None, ...], frozenset[str]]:
        """With them those of the SELECTs within it, and the tables of which it may go by others, too."""
        within, tables = sub_selects_in(question, self._questions.engine(event)), self._watched.tables
        known_behind = bool(behind) and None not in behind
        found, loose = [behind] if known_behind else [], set(within.loose)
        if not known_behind and rows_behind(question) is not None:
            loose |= {last_of(name) for name in tables if is_named(name, question.sql)}
        for query in within.asked:
            name = table_called(query.table, event.call.database, tables)
            answers = self._watched.by_commit(key_of(event, query))
            known = [answer for answer in answers if answer is not None and name and _tells(tables[name], answer)]
            if name and len(known) == len(answers):
                found.append(tuple(frozenset(_items(name, tables[name], answer)) for answer in known))
            else:
                loose.add(query.table)
        together = tuple(frozenset(item for items in each for item in items or ()) for each in zip(*found, strict=True))
        return together or behind, frozenset(loose)

    def selects_first(self, event: Event) -> bool:
        """Whether the SELECT of an INSERT takes no locks, and so never waits."""
        each_for_itself = self._level_of(event.call.actor) in _SNAPSHOT_EACH
        return each_for_itself and self._questions.engine(event) in _SELECTS_FIRST


def _up_to(got: Rows, rows: Rows) -> Rows:
    """The first of some rows, up to the last of those that somebody got; as many as these where that is gone."""
    if not got:
        return rows
    places = [place for place, row in enumerate(rows, start=1) if row == got[-1]]
    often = got.count(got[-1])
    return rows[: places[often - 1] if len(places) >= often else len(got)]


def _tells(table: Table, answer: tuple[tuple[str, ...], Rows]) -> bool:
    """Whether the columns of the key stand there, each once: a table may be joined with itself."""
    return all(answer[0].count(column) == 1 for column in table.key or table.columns)


def _items(name: str, table: Table, answer: tuple[tuple[str, ...], Rows]) -> Iterable[Item]:
    columns, rows = answer
    key = table.key or table.columns
    if all(column in columns for column in key):
        for row in rows:
            cells = [row[columns.index(column)] for column in key]
            if any(cell is not None for cell in cells):  # a join may find none
                yield name, tuple(map(encode, cells))
