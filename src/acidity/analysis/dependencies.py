"""Who depends on whom: the direct serialization graph of one run (Adya, *Weak Consistency*, MIT 1999, §3).

Nothing here reads SQL. What a transaction wrote is the difference between the committed rows before and after its
COMMIT, so the order of versions is known and not inferred. What a query read is known by asking it again in each
committed state: a commit concerns the query exactly if it changes the answer, whether by a value, by a row that appears
or by one that goes (a predicate). The nodes are callers, for a caller is what a serial order moves.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from itertools import pairwise

from acidity.analysis.fetched import are_alike, may_come_of, rows_of
from acidity.analysis.reads import Item, Read, last_of, table_of, words_of
from acidity.analysis.values import encode
from acidity.core.call import Event
from acidity.core.finding import RowChange


@dataclass(frozen=True, slots=True)
class Written:
    """A row that a transaction wrote, perhaps with the values that it had.

    Attributes:
        item: which row.
        columns: those that got a value.
        blind: those whose new value the program had computed, whatever stood there.
        order: the place of the last statement that wrote it among all Events; 0 where that is not known.
    """

    item: Item
    columns: frozenset[str]
    blind: frozenset[str]
    order: int = 0


@dataclass(frozen=True, slots=True)
class Commit:
    """What one transaction made visible.

    Attributes:
        event: its COMMIT.
        number: of the states; state 0 are the rows before the run.
        changes: the rows that differ from the committed rows before it.
        writes: the rows that it wrote, those among them.
        stands_for: a row with a key of its own → the row in whose place a REPLACE has put it, and that one itself.
    """

    event: Event
    number: int
    changes: tuple[RowChange, ...]
    writes: tuple[Written, ...]
    stands_for: Mapping[Item, Item] = field(default_factory=dict)

    @property
    def actor(self) -> str:
        """Whose it was."""
        return self.event.call.actor

    def to(self, item: Item) -> Written | None:
        """What it wrote to a row."""
        return next((written for written in self.writes if written.item == item), None)

    def item_of(self, change: RowChange) -> Item:
        """The row that a change is of: where one is put in the place of another, the first that stood there."""
        return self.stands_for.get(item_of(change), item_of(change))

    def came_or_went(self, change: RowChange) -> bool:
        """Whether a row was added or removed, and not put in the place of another.

        In a table without a primary key a row that is changed is another one. So as many as were added there as were
        removed have been changed, as far as anybody can tell.
        """
        if change.before is not None and change.after is not None:
            return False
        return item_of(change) not in self.stands_for and (bool(change.key) or not self._is_balanced(change.table))

    def _is_balanced(self, table: str) -> bool:
        there = [change for change in self.changes if change.table == table]
        return sum(change.before is None for change in there) == sum(change.after is None for change in there)


@dataclass(frozen=True, slots=True)
class Refused:
    """What the database refused for what was written, not for who was there.

    Attributes:
        event: the Call with its error.
        at: how many transactions had committed when it was answered.
    """

    event: Event
    at: int


class Kind(Enum):
    """Why one caller must come before another.

    Attributes:
        WW: it wrote a row that the other one wrote next.
        WR: it wrote what the other one read.
        RW: it read what the other one changed afterwards.
    """

    WW = "ww"
    WR = "wr"
    RW = "rw"


@dataclass(frozen=True, slots=True)
class Edge:
    """A dependency: `source` must come before `target` in any serial order that fits the run.

    Attributes:
        kind: why.
        first: the commit of the source; None for RW.
        second: the commit of the target; None for WR.
        read: the query; None for WW.
        items: the row; for a query, those by which its answer was changed.
        predicate: the answer was changed by rows that came or went.
    """

    kind: Kind
    source: str
    target: str
    first: Commit | None = None
    second: Commit | None = None
    read: Read | None = None
    items: tuple[Item, ...] = ()
    predicate: bool = False

    @property
    def item(self) -> Item | None:
        """The first of the rows; None where none is known."""
        return self.items[0] if self.items else None


@dataclass(frozen=True, slots=True)
class Dependencies:
    """The graph of one run.

    Attributes:
        commits: in their order.
        reads: in the order of their answers.
        edges: all dependencies between two callers.
        errors: what the database refused.
    """

    commits: tuple[Commit, ...]
    reads: tuple[Read, ...]
    edges: tuple[Edge, ...]
    errors: tuple[Refused, ...] = ()

    def between(self, source: str, target: str, *kinds: Kind) -> tuple[Edge, ...]:
        """The dependencies of one caller on another, of these kinds or of any."""
        return tuple(
            edge
            for edge in self.edges
            if edge.source == source and edge.target == target and (not kinds or edge.kind in kinds)
        )

    @property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        """All ordered pairs of callers between whom there is an edge."""
        return tuple(dict.fromkeys((edge.source, edge.target) for edge in self.edges))

    def circles(self, *kinds: Kind) -> Iterator[tuple[Edge, Edge]]:
        """Two callers, each of whom must come before the other; the first edge is of these kinds, or of any."""
        for source, target in self.pairs:
            for edge in self.between(source, target, *kinds):
                for back in self.between(target, source):
                    yield edge, back


def dependencies_of(commits: Sequence[Commit], reads: Sequence[Read], errors: Sequence[Refused] = ()) -> Dependencies:
    """The graph of a run."""
    edges = [*_of_writes(commits), *(edge for read in reads for edge in _of_read(read, commits))]
    return Dependencies(tuple(commits), tuple(reads), tuple(edges), tuple(errors))


def _of_writes(commits: Sequence[Commit]) -> Iterator[Edge]:
    """The versions of a row are in the order of their writes, which is that of the commits wherever writers wait."""
    versions: dict[Item, list[tuple[int, Commit]]] = {}
    for commit in commits:
        for written in commit.writes:
            versions.setdefault(written.item, []).append((written.order or commit.event.order, commit))
    for item, every in versions.items():
        ordered = [commit for _, commit in sorted(every, key=lambda each: each[0])]
        for before, after in pairwise(ordered):
            if before.actor != after.actor and not _is_beside(before, after, item):
                yield Edge(Kind.WW, before.actor, after.actor, before, after, None, (item,))


def _is_beside(before: Commit, after: Commit, item: Item) -> bool:
    """Whether the later one added a row without a primary key to one that is equal: it has written over none.

    Where the earlier one had removed that, it may stand in its place, by a key that is unique and not the primary one.
    """
    added, written = _change_of(after, item), after.to(item)
    if added is None or added.key or added.before is not None or (written is not None and written.order):
        return False
    earlier = _change_of(before, item)
    return earlier is None or earlier.after is not None


def _change_of(commit: Commit, item: Item) -> RowChange | None:
    return next((change for change in commit.changes if item_of(change) == item), None)


def _of_read(read: Read, commits: Sequence[Commit]) -> Iterator[Edge]:
    others = [each for each in commits if each.actor != read.actor and read.is_changed_by(each.number)]
    seen, ahead = read.seen, read.ahead
    until = ahead if seen is None else seen
    come = [each for each in others if until is not None and each.number <= until]
    if read.is_hidden:
        until, come = 0, [each for each in others if _had_come(read, each, others) is True]
        others = [each for each in others if _had_come(read, each, others) is not None] or list(_unseen(read, others))
    for commit in others if until is not None else ():
        changes = relevant(read, commit)
        items = tuple(map(commit.item_of, changes))
        predicate = bool(changes) and all(map(commit.came_or_went, changes))
        if commit in come:
            yield Edge(Kind.WR, commit.actor, read.actor, commit, None, read, items, predicate)
        else:
            yield Edge(Kind.RW, read.actor, commit.actor, None, commit, read, items, predicate)


def _had_come(read: Read, commit: Commit, others: Sequence[Commit]) -> bool | None:
    """Whether a query that may hold its caller's own writes saw a commit; None where that is not known.

    The serial orders tell it of a caller, so of a commit where that is the only one of its caller.
    """
    return read.had_come.get(commit.actor) if [each.actor for each in others].count(commit.actor) == 1 else None


def _unseen(read: Read, others: Sequence[Commit]) -> Iterator[Commit]:
    """Of the commits that change the answer, those that a query has not seen which holds its caller's own writes.

    In the state after its caller's commit these are there as they were for the query. So where the answer is another
    one there, a commit before that has changed it; which one is known if there is only one.
    """
    if read.beside is None or read.within is None:
        return
    before = [each for each in others if read.beside < each.number < read.within]
    answer, rows = read.answers[read.within], rows_of(read.event)
    if len(before) == 1 and answer is not None and are_alike([answer], rows) and not may_come_of(answer, rows):
        yield before[0]
    yield from (each for each in others if each.number > read.within)


def relevant(read: Read, commit: Commit) -> tuple[RowChange, ...]:
    """The changes by which a commit changed the answer: those of rows that the query goes by, as far as they are known.

    With them those in tables that it looks at beside these; otherwise those in all tables that it names. Of a write
    these are rather the tables that it looks at than the one that it changes itself, where a row may be found no more
    for the sake of another. Of all these rather those of columns that it names.
    """
    rows = read.rows_around(commit.number)
    named = tuple(change for change in commit.changes if is_named(change.table, read.event.call.sql))
    mine = tuple(change for change in named if item_of(change) in rows or read.may_go_by(change, rows))
    found_in = {table for table, _ in rows}
    other = tuple(it for it in named if table_of(it) in read.others and it.table not in found_in)
    by_columns = [tuple(filter(read.goes_by, changes)) for changes in (other, mine, named)]
    return next(filter(None, (*by_columns[:2], other, mine, by_columns[2], named)), commit.changes)


def is_named(table: str, text: str) -> bool:
    """Whether a text names a table, with or without its schema."""
    return words_of(text).issuperset(words_of(last_of(table)))


def item_of(change: RowChange) -> Item:
    """What tells a row from all others."""
    cells = change.key or (change.before if change.after is None else change.after) or ()
    return change.table, tuple(encode(value) for _, value in cells)
