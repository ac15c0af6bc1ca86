"""What was seen of a run: its Events, and the committed rows and answers before it and after each COMMIT."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from acidity.analysis.fetched import Rows
from acidity.core.call import Event, Kind
from acidity.core.outcome import State, Table
from acidity.prove.explore.asking import Key

Answer = tuple[tuple[str, ...], Rows] | None  # columns and rows


@dataclass(frozen=True, slots=True)
class Window:
    """How many had committed when the transaction of a Call began, when it was sent, and when it was answered."""

    began: int
    asked: int
    at: int

    @property
    def states(self) -> range:
        """The committed states in which it may have looked for rows."""
        return range(min(self.began, self.asked), self.at + 1)


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

    def windows(self) -> dict[int, Window]:
        """The Window of each Event, by its identity."""
        return dict(self._windows())

    def _windows(self) -> Iterator[tuple[int, Window]]:
        began: dict[tuple[str, int], int] = {}
        for event, at in self.events:
            wire = (event.call.actor, event.call.connection)
            asked = self.asked.get((event.call.actor, event.call.index), at)
            yield id(event), Window(began.setdefault(wire, asked), asked, at)
            if event.call.commits or event.call.kind is Kind.ROLLBACK:
                began.pop(wire)

    def commit_after(self, place: int) -> int | None:
        """The number of the commit that ends the transaction of a Call; None if it is taken back."""
        call = self.events[place][0].call
        for event, _ in self.events[place:]:
            if (event.call.actor, event.call.connection) == (call.actor, call.connection):
                if event.call.commits:
                    numbers = (n for n, (each, _) in enumerate(self.commits, start=1) if each is event)
                    return next(numbers, None)
                if event.call.kind is Kind.ROLLBACK:
                    return None
        return None

    def open_before(self, place: int, wire: tuple[str, int]) -> list[tuple[Event, int]]:
        """What a connection has written in a transaction that is still open at this place."""
        found: list[tuple[Event, int]] = []
        for event, at in self.events[:place]:
            if (event.call.actor, event.call.connection) == wire:
                if event.call.commits or event.call.kind is Kind.ROLLBACK:
                    found = []
                elif event.call.writes and event.reply.status == "ok":
                    found.append((event, at))
        return found

    def until(self, place: int) -> list[Event]:
        """What a caller has done until a Call, and that."""
        actor = self.events[place][0].call.actor
        return [event for event, _ in self.events[: place + 1] if event.call.actor == actor]

    def rest_of(self, place: int) -> Iterator[Event]:
        """A Call and what its connection does after it until its transaction ends, the end included."""
        call = self.events[place][0].call
        for event, _ in self.events[place:]:
            if (event.call.actor, event.call.connection) == (call.actor, call.connection):
                yield event
                if event.call.commits or event.call.kind is Kind.ROLLBACK:
                    return

    def until_end(self, place: int, wire: tuple[str, int]) -> Iterable[tuple[Event, int]]:
        """What a connection does from this place on, until its transaction ends."""
        for event, at in self.events[place:]:
            if (event.call.actor, event.call.connection) == wire:
                if event.call.commits or event.call.kind is Kind.ROLLBACK:
                    return
                if event.reply.status == "ok":
                    yield event, at
