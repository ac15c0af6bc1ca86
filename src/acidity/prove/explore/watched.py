"""What was seen of a run: its Events, and the committed rows and answers before it and after each COMMIT."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from acidity.analysis.fetched import Rows
from acidity.core.call import Event, Kind
from acidity.core.outcome import State, Table
from acidity.engines.speech import Speech, speech_of
from acidity.prove.explore.asking import Key
from acidity.prove.explore.standing import Placed, Standing, ends, standing

Wire = tuple[str, int]  # a caller, and which of its connections
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
        engines: of each database, by name.
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
    engines: Mapping[str, str]
    states: list[State] = field(default_factory=list)
    answers: list[dict[Key, Answer]] = field(default_factory=list)
    commits: list[tuple[Event, int]] = field(default_factory=list)
    events: list[tuple[Event, int]] = field(default_factory=list)
    asked: dict[tuple[str, int], int] = field(default_factory=dict)
    same_call: dict[tuple[str, int, str], Key] = field(default_factory=dict)
    as_it_was: dict[tuple[int, Key], tuple[int, Key]] = field(default_factory=dict)

    def transaction_of(self, commit: Event) -> list[Placed]:
        """The Calls of the transaction that a COMMIT ended, but for those that had been taken back by then."""
        place = self._place(commit)
        found = self._standing(place, wire_of(commit)).calls
        return [*found, self.events[place]] if commit.call.autocommit else found

    def is_done(self, commit: Event) -> bool:
        """Whether a COMMIT that was answered is one, and does not take back a transaction that an error has failed."""
        failed = self._standing(self._place(commit), wire_of(commit)).failed
        return commit.reply.status == "ok" and not (failed and commit.call.kind is Kind.COMMIT)

    def ends(self, event: Event) -> bool:
        """Whether a Call ends the transaction of its connection."""
        return event.call.kind is not Kind.EFFECT and ends(event, self._speech(event))

    def _place(self, event: Event) -> int:
        call = event.call.actor, event.call.index
        return next(
            number for number, (each, _) in enumerate(self.events) if (each.call.actor, each.call.index) == call
        )

    def _standing(self, place: int, wire: Wire) -> Standing:
        asked = (each for each in self.events[:place] if each[0].call.kind is not Kind.EFFECT)
        mine = [each for each in asked if wire_of(each[0]) == wire]
        return standing(mine, self._speech(mine[0][0])) if mine else Standing([], failed=False)

    def _speech(self, event: Event) -> Speech:
        return speech_of(self.engines[event.call.database])

    def undone_by(self, error: Event) -> list[Event]:
        """The writes before an error that its engine took back for it, though the caller has asked for a COMMIT."""
        place = self._place(error)
        last = list(self.rest_of(place))[-1]
        if not self.ends(error) and (not last.call.commits or self.is_done(last)):
            return []
        return [event for event, _ in self.open_before(place, wire_of(error))]

    def by_commit(self, key: Key) -> list[Answer]:
        """What was answered after each number of commits; two in one turn have one state."""
        return [answers.get(key) for answers in (self.answers[0], *(self.answers[place] for _, place in self.commits))]

    def windows(self) -> dict[int, Window]:
        """The Window of each Event, by its identity."""
        return dict(self._windows())

    def _windows(self) -> Iterator[tuple[int, Window]]:
        began: dict[tuple[str, int], int] = {}
        for event, at in self.events:
            wire = wire_of(event)
            asked = self.asked.get((event.call.actor, event.call.index), at)
            yield id(event), Window(began.setdefault(wire, asked), asked, at)
            if self.ends(event):
                began.pop(wire)

    def commit_after(self, place: int) -> int | None:
        """The number of the commit that ends the transaction of a Call; None if that is taken back."""
        end = [*self.rest_of(place)][-1]
        return next((number for number, (event, _) in enumerate(self.commits, start=1) if event is end), None)

    def commit_of(self, written: Iterable[Placed]) -> int | None:
        """The number of the commit that some of these writes of a transaction were part of; None if none was."""
        orders = {event.order for event, _ in written}
        for number, (commit, _) in enumerate(self.commits, start=1):
            if any(event.order in orders for event, _ in self.transaction_of(commit)):
                return number
        return None

    def open_before(self, place: int, wire: Wire) -> list[Placed]:
        """What a connection has written, and not taken back, in a transaction that is still open at this place."""
        return [(event, at) for event, at in self._standing(place, wire).calls if event.call.writes]

    def until(self, place: int) -> list[Event]:
        """What a caller has done until a Call, and that."""
        actor = self.events[place][0].call.actor
        return [event for event, _ in self.events[: place + 1] if event.call.actor == actor]

    def rest_of(self, place: int) -> Iterator[Event]:
        """A Call and what its connection does after it until its transaction ends, the end included."""
        wire = wire_of(self.events[place][0])
        for event, _ in self.events[place:]:
            if wire_of(event) == wire:
                yield event
                if self.ends(event):
                    return

    def until_end(self, place: int, wire: Wire) -> Iterable[Placed]:
        """What a connection does from this place on, until its transaction ends."""
        for event, at in self.events[place:]:
            if wire_of(event) == wire:
                if self.ends(event):
                    return
                if event.reply.status == "ok":
                    yield event, at


def wire_of(event: Event) -> Wire:
    """The connection that a Call went over."""
    return event.call.actor, event.call.connection
