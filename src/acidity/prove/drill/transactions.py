"""The transactions in a History: what was written in each, and whether it was committed, taken back or only left. Pure.

A ROLLBACK that the program asks for takes writes back, and so does one to a savepoint. Who closes a Session or a
connection without COMMIT leaves what was written there, unless an error was on its way or had failed a statement of the
transaction, after which nothing was written any more.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Literal

from acidity.adapters.savepoints import name_in
from acidity.core.call import Call, Event, History, Kind

Fate = Literal["committed", "taken back", "left"]


@dataclass(frozen=True, slots=True)
class Transaction:
    """What was written between one end and the next on a connection.

    Attributes:
        writes: the writes that were answered, without those that a ROLLBACK to a savepoint took back.
        fate: what became of them.
        last: the Call that ended it; where none did, the last one on its connection.
        ended: whether a Call ended it.
    """

    writes: tuple[Event, ...]
    fate: Fate
    last: Call
    ended: bool


@dataclass(slots=True)
class _Open:
    """A transaction that may still write.

    Attributes:
        writes: those that still count.
        excused: so many of them may be left: an error came after them, or they are prepared.
        savepoints: name, how many writes had been made before it, and how many of those were excused.
        last: the last Call on its connection.
    """

    writes: list[Event] = field(default_factory=list)
    excused: int = 0
    savepoints: list[tuple[str, int, int]] = field(default_factory=list)
    last: Call | None = None

    def back_to(self, name: str) -> None:
        """A ROLLBACK to this savepoint, or to the last one where no text names it."""
        for position in range(len(self.savepoints) - 1, -1, -1):
            known, count, excused = self.savepoints[position]
            if known == name or not name:
                del self.savepoints[position + 1 :], self.writes[count:]
                self.excused = excused
                return

    def release(self, name: str) -> None:
        """A savepoint is over, and with it those that were made after it."""
        for position in range(len(self.savepoints) - 1, -1, -1):
            if self.savepoints[position][0] == name or not name:
                del self.savepoints[position:]
                return

    def taking(self, event: Event) -> None:
        """A Call that ends nothing."""
        call = event.call
        if event.reply.status != "ok" or call.kind is Kind.PREPARE:
            self.excused = len(self.writes)
        elif call.kind is Kind.SAVEPOINT:
            self.savepoints.append((name_in(call.sql), len(self.writes), self.excused))
        elif call.kind is Kind.ROLLBACK_TO:
            self.back_to(name_in(call.sql))
        elif call.kind is Kind.RELEASE:
            self.release(name_in(call.sql))


def transactions(
    history: History,
    unasked: Collection[int] = (),
    given_up: Sequence[tuple[int, int]] = (),
    resets: Sequence[tuple[int, int]] = (),
) -> list[Transaction]:
    """Those in which something was written and not taken back to a savepoint, in the order in which they ended.

    Args:
        history: of one caller.
        unasked: the Calls that are a ROLLBACK nobody asked for, but who closed a Session or Connection.
        given_up: a connection that was closed while an error was on its way, with how many Calls had been made by then.
        resets: a connection that its pool rolled back, with the same; somebody else may have it after that.
    """
    found: list[Transaction] = []
    still: dict[int, _Open] = {}

    def left(current: _Open, number: int) -> list[Transaction]:
        written = current.writes[-1].call.index if current.writes else 0
        is_given_up = any(each == number and made >= written for each, made in given_up)
        return _ended(current, "taken back" if is_given_up else "left", ended=False)

    for event in history:
        call = event.call
        if call.kind is Kind.EFFECT:
            continue
        known = still.get(call.connection)
        if known is not None and known.last is not None and _is_reset(known.last, call, resets):
            found += left(still.pop(call.connection), call.connection)
        current = still.setdefault(call.connection, _Open())
        current.last = call
        answered = event.reply.status == "ok"
        if call.writes and answered:
            current.writes.append(event)
        if answered and call.commits:
            found += _ended(current, "committed", ended=True)
            del still[call.connection]
        elif call.kind is Kind.ROLLBACK:
            found += _ended(current, "left" if call.index in unasked else "taken back", ended=True)
            del still[call.connection]
        else:
            current.taking(event)
    for number, current in still.items():
        found += left(current, number)
    return found


def _is_reset(last: Call, now: Call, resets: Sequence[tuple[int, int]]) -> bool:
    """Whether a pool rolled a connection back between two Calls on it."""
    return any(number == now.connection and last.index <= made < now.index for number, made in resets)


def _ended(current: _Open, fate: Fate, *, ended: bool) -> list[Transaction]:
    assert current.last is not None, "it has had a Call"
    writes = current.writes[current.excused :] if fate == "left" else current.writes
    return [Transaction(tuple(writes), fate, current.last, ended)] if writes else []
