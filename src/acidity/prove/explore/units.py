"""Which callers of a run are between two of their transactions: there, and only there, an order of transactions goes on
with another caller.

A transaction of a caller is what it asks from one end to the next: a COMMIT, a ROLLBACK, or a write that commits by
itself. So a read that the driver leaves outside any transaction, as SQLite's does before the first write, belongs to
the transaction that follows it: that is how the program means it.
"""

from __future__ import annotations

from collections.abc import Sequence

from acidity.core.call import Call, Event, Kind
from acidity.core.turn import Trace, Turn

Unit = tuple[str, bool]
"""Whose it was, and whether it was an effect between two transactions; one within a transaction is a part of that."""


class Units:
    """Watches one run, turn by turn.

    Attributes:
        whole: all units, in the order in which they ended.
        mixed: two of them were open at once, or one waited for a lock: this is no order of transactions.
        idle: ROLLBACKs of nothing, by identity: whether another caller goes on before or after one is the same.
    """

    def __init__(self) -> None:
        self.whole: list[Unit] = []
        self.mixed = False
        self.idle: list[Call] = []
        self._open: dict[str, set[int]] = {}
        self._waiting: frozenset[str] = frozenset()

    @property
    def order(self) -> tuple[str, ...]:
        """Whose each transaction was."""
        return tuple(name for name, is_effect in self.whole if not is_effect)

    def between(self, name: str) -> bool:
        """Whether this caller has no transaction open."""
        return not self._open.get(name)

    def after_turn(self, turn: Turn) -> None:
        """Take in what was answered in a turn."""
        for event in turn.events:
            if event.call.kind is not Kind.EFFECT:
                self.take(event)
            elif self.between(event.call.actor):
                self.whole.append((event.call.actor, True))
        asks = turn.call is not None and not any(event.call is turn.call for event in turn.events)
        self.mixed |= turn.waits and (asks or not self.between(turn.actor))
        self._waiting = frozenset(turn.waiting)

    def before_turn(self, able: Sequence[str]) -> None:
        """Note who has ended: what such a caller has left open goes with its connections."""
        for name in [each for each in self._open if each not in able and each not in self._waiting]:
            if self._open.pop(name):
                self.whole.append((name, False))

    def take(self, event: Event) -> None:
        """Take in one answer of the database."""
        call = event.call
        mine = self._open.setdefault(call.actor, set())
        self.mixed |= any(connections for name, connections in self._open.items() if name != call.actor)
        if call.kind is Kind.ROLLBACK or (_may_end(event) and event.reply.status == "ok"):
            if not (call.autocommit or call.connection in mine):
                self.idle.append(call)
                return
            mine.discard(call.connection)
            if not mine:
                self.whole.append((call.actor, False))
        else:
            mine.add(call.connection)


def order_of(trace: Trace) -> tuple[Unit, ...]:
    """The units of a run as they ended; they may have been open at once."""
    units = Units()
    for turn, able in zip(trace.turns, trace.enabled, strict=True):
        units.before_turn(able)
        units.after_turn(turn)
    units.before_turn(())
    return tuple(units.whole)


def _may_end(event: Event) -> bool:
    return event.call.commits or event.call.kind is Kind.PREPARE
