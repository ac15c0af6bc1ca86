"""Which callers of a run are between two of their transactions: there, and only there, an order of transactions goes on
with another caller.

A transaction of a caller is what it asks from one end to the next: a COMMIT, a ROLLBACK, or a write that commits by
itself. So a read that the driver leaves outside any transaction, as SQLite's does before the first write, belongs to
the transaction that follows it: that is how the program means it.
"""

from __future__ import annotations

from collections.abc import Sequence

from acidity.core.call import Event, Kind
from acidity.core.turn import Trace, Turn


class Units:
    """Watches one run, turn by turn.

    Attributes:
        order: whose each transaction was, in the order in which they ended.
        mixed: two of them were open at once, or one waited for a lock: this is no order of transactions.
    """

    def __init__(self) -> None:
        self.order: list[str] = []
        self.mixed = False
        self._open: dict[str, set[int]] = {}
        self._waiting: frozenset[str] = frozenset()

    def between(self, name: str) -> bool:
        """Whether this caller has no transaction open."""
        return not self._open.get(name)

    def after_turn(self, turn: Turn) -> None:
        """Take in what was answered in a turn."""
        for event in turn.events:
            if event.call.kind is not Kind.EFFECT:
                self._take(event)
        asks = turn.call is not None and not any(event.call is turn.call for event in turn.events)
        self.mixed |= turn.waits and (asks or not self.between(turn.actor))
        self._waiting = frozenset(turn.waiting)

    def before_turn(self, able: Sequence[str]) -> None:
        """Note who has ended: what such a caller has left open goes with its connections."""
        for name in [each for each in self._open if each not in able and each not in self._waiting]:
            if self._open.pop(name):
                self.order.append(name)

    def _take(self, event: Event) -> None:
        call = event.call
        mine = self._open.setdefault(call.actor, set())
        self.mixed |= any(connections for name, connections in self._open.items() if name != call.actor)
        if call.kind is Kind.ROLLBACK or (_may_end(event) and event.reply.status == "ok"):
            ends_one = call.autocommit or call.connection in mine  # a ROLLBACK of nothing is no transaction
            mine.discard(call.connection)
            if ends_one and not mine:
                self.order.append(call.actor)
        else:
            mine.add(call.connection)


def order_of(trace: Trace) -> tuple[str, ...]:
    """Whose transactions ended in a run, in their order; they may have been open at once."""
    units = Units()
    for turn, able in zip(trace.turns, trace.enabled, strict=True):
        units.before_turn(able)
        units.after_turn(turn)
    units.before_turn(())
    return tuple(units.order)


def _may_end(event: Event) -> bool:
    return event.call.commits or event.call.kind is Kind.PREPARE
