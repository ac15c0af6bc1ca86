"""What a query of a run, or a write in search of its rows, may have seen: asked again in each committed state."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from acidity.analysis.fetched import Rows, are_alike, may_come_of, rows_of
from acidity.analysis.named_columns import ALL
from acidity.analysis.values import encode
from acidity.core.call import Event
from acidity.core.finding import RowChange

Item = tuple[str, tuple[bytes, ...]]
_WORD = re.compile(r"[\w$]+")
_ALL_COLUMNS = re.compile(r"(?:\b(?:select|distinct|all)|[,.])\s*\*", re.IGNORECASE)
_ORDERED = re.compile(r"\border\s+by\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Writer:
    """A transaction that had written, and not committed, when somebody else asked.

    Attributes:
        actor: whose it is.
        number: of its commit; None if it was taken back.
        again: it wrote a row anew afterwards that it had written before.
    """

    actor: str
    number: int | None
    again: bool = False


@dataclass(frozen=True, slots=True)
class Read:
    """A query of the run, or the search of a write for its rows and values.

    Attributes:
        event: the Call, with the rows that the program got.
        at: how many transactions had committed when it was answered.
        answers: what it gives in each committed state; None where it could not be asked.
        own: its caller had written before, and not committed, so that no committed state tells what it may see.
        acts: it is what a write looked for, the keys of its rows or its values, and it found those that were committed.
        within: the number of the commit of its transaction; None where that has none.
        writers: the other transactions that had written, and not committed, when it was answered.
        scans: the rows that it looked for in each committed state, where the answer does not tell them all.
        others: the tables, in lower case, that a write looked at beside the one that it changes.
        kept: a write has put what it saw into a row.
        found: the rows that it goes by in each committed state, where they are known.
        keys: these are all that it gives, so that only a row which comes to them or goes concerns it.
        part: the text of it, where it is a part of its Call.
        columns: those of each table that it names, in lower case and without schemas, where its text can be read.
        loose: the tables of which it may go by other rows, too.
        beside: of a query that may have got what its caller had written and not committed: the first committed state
            that it may have seen beside that; None where that is not known, or its caller went on to write there.
        had_come: of the same: the other callers of whom the serial orders tell whether it saw what they did → it did.
    """

    event: Event
    at: int
    answers: tuple[Rows | None, ...]
    own: bool = False
    acts: bool = False
    within: int | None = None
    writers: tuple[Writer, ...] = ()
    scans: tuple[Rows | None, ...] = ()
    others: frozenset[str] = frozenset()
    kept: bool = False
    beside: int | None = None
    had_come: Mapping[str, bool] = field(default_factory=dict)
    found: tuple[frozenset[Item] | None, ...] = ()
    keys: bool = False
    part: str = ""
    columns: Mapping[str, frozenset[str]] | None = None
    loose: frozenset[str] = frozenset()

    @property
    def actor(self) -> str:
        """Who asked."""
        return self.event.call.actor

    @property
    def text(self) -> str:
        """What was asked."""
        return self.part or self.event.call.sql

    @property
    def is_hidden(self) -> bool:
        """Whether its caller's own writes, not committed yet, are among what it may have got.

        They are not if their commit does not change the answer, and say nothing where it is known what was seen.
        """
        if self.acts or not self.own or self.within is None:
            return self.own and not self.acts
        one, other = self.answers[self.within - 1 : self.within + 1]
        return one is None or other is None or self.is_changed_by(self.within)

    @property
    def seen(self) -> int | None:
        """The last state before the answer that gives what it got; None where none does."""
        if self.acts:
            return self.at
        return next((number for number in range(self.at, -1, -1) if self._fits(number)), None)

    @property
    def ahead(self) -> int | None:
        """The commit, still to come then, of which it got what will be committed; None if there is no such one."""
        if not self.fits_none:
            return None
        mine = (writer.number for writer in self.writers if writer.number is not None and self._fits(writer.number))
        return min(mine, default=None)

    @property
    def fits_none(self) -> bool:
        """Whether it got what no committed state gives until then, although nothing hides what it may have seen."""
        until = self.answers[: self.at + 1]
        known = not self.is_hidden and all(answer is not None for answer in until)
        return known and self.seen is None and are_alike(until, rows_of(self.event))

    def _fits(self, number: int) -> bool:
        answer = self.answers[number] if number < len(self.answers) else None
        return answer is not None and may_come_of(answer, rows_of(self.event))

    def rows_around(self, number: int) -> frozenset[Item]:
        """The rows that it goes by right before this commit or right after it; none where they are not known."""
        before, after = self.found[number - 1 : number + 1] or (None, None)
        if before is None or after is None:
            return frozenset()
        return before ^ after if self.keys else before | after

    def goes_by(self, change: RowChange) -> bool:
        """Whether it may be another answer for this change: of a row that stays, a column must be named in the text."""
        if change.before is None or change.after is None:
            return True
        old, new = dict(change.before), dict(change.after)
        changed = {name.lower() for name in {*old, *new} if old.get(name) != new.get(name)}
        named = None if self.columns is None else self.columns.get(table_of(change))
        if named is not None:
            return ALL in named or not changed.isdisjoint(named)
        return _ALL_COLUMNS.search(self.text) is not None or not words_of(self.text).isdisjoint(changed)

    def may_go_by(self, change: RowChange, rows: frozenset[Item]) -> bool:
        """Whether it may go by a row of which these rows say nothing: of a table that it looks at beside theirs."""
        if self.columns is None or not rows:
            return False
        table = table_of(change)
        return table in self.loose or table not in {last_of(name) for name, _ in rows}

    def is_changed_by(self, number: int) -> bool:
        """Whether this commit changes the answer, or the rows that it looked for; an order must have been asked for."""
        ordered = not self.keys and is_ordered(self.text)
        return _differ(self.answers, number, ordered=ordered) or (
            bool(self.scans) and _differ(self.scans, number, ordered=ordered)
        )


def is_ordered(text: str) -> bool:
    """Whether a text asks for an order."""
    return _ORDERED.search(text) is not None


def table_of(change: RowChange) -> str:
    """The table of a change, in lower case and without its schema."""
    return last_of(change.table)


def last_of(table: str) -> str:
    """A table in lower case and without its schema."""
    return table.lower().rpartition(".")[2]


def words_of(text: str) -> frozenset[str]:
    """All words of a text, in lower case."""
    return frozenset(_WORD.findall(text.lower()))


def _differ(answers: Sequence[Rows | None], number: int, *, ordered: bool) -> bool:
    """Whether a commit makes another one of what was answered before it."""
    one, other = answers[number - 1], answers[number]
    return one is not None and other is not None and _encoded(one, ordered=ordered) != _encoded(other, ordered=ordered)


def _encoded(rows: Rows, *, ordered: bool) -> list[list[bytes]]:
    encoded = [[encode(value) for value in row] for row in rows]
    return encoded if ordered else sorted(encoded)
