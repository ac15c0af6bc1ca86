"""What a query gives its caller in the serial orders, by which tells who had come before it in another run.

A query that holds what its caller has written, and not committed, cannot be asked again by anybody else. But the caller
has asked it in every serial order, too, where it is known who had come before.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from acidity.analysis.fetched import rows_of
from acidity.analysis.values import encode
from acidity.core.call import Event
from acidity.prove.explore.serial import Serial


class OneByOne:
    """The serial orders of all callers.

    Args:
        serials: each of them.
    """

    def __init__(self, serials: Iterable[Serial]) -> None:
        self._serials = [serial for serial in serials if serial.runs]

    def had_come(self, events: Sequence[Event]) -> Mapping[str, bool]:
        """The other callers of whom it is known whether what they did is in an answer → whether it is.

        It is known where every order that gives the same answer has them before, or every such order after it, and
        some order gives another answer.

        Args:
            events: what a caller has done in a run until it asked, and the query itself.
        """
        same, others = self._orders(events)
        if not (same and others):
            return {}
        names = sorted({name for serial in self._serials for name in serial.order} - {events[-1].call.actor})
        had = {name: {name in before for before in same} for name in names}
        return {name: True in come for name, come in had.items() if len(come) == 1}

    def gives(self, events: Sequence[Event]) -> bool:
        """Whether the caller gets the same answer in one of them, or none of them tells.

        Args:
            events: as above.
        """
        same, others = self._orders(events)
        return bool(same) or not others

    def _orders(self, events: Sequence[Event]) -> tuple[list[frozenset[str]], list[frozenset[str]]]:
        """Who comes before the caller in those that give him the same answer to the same, and in those that do not."""
        actor = events[-1].call.actor
        same: list[frozenset[str]] = []
        others: list[frozenset[str]] = []
        for serial in self._serials:
            there = serial.runs[0].of(actor)[: len(events)]
            if _are_alike(events, there):
                before = frozenset(serial.order[: serial.order.index(actor)])
                (same if _answer(there[-1]) == _answer(events[-1]) else others).append(before)
        return same, others


def _are_alike(some: Sequence[Event], others: Sequence[Event]) -> bool:
    """Whether they ask the same in the end, after they have written the same; what was generated may be different."""
    if len(some) != len(others):
        return False
    one, other = some[-1].call, others[-1].call
    if (one.sql, one.params) != (other.sql, other.params):
        return False
    return [_written(event) for event in some[:-1]] == [_written(event) for event in others[:-1]]


def _written(event: Event) -> tuple[object, ...]:
    call = event.call
    return (call.kind, call.sql, event.reply.rowcount) if call.writes else (call.kind,)


def _answer(event: Event) -> list[list[bytes]]:
    """In no order, for none may have been asked for."""
    return sorted([encode(value) for value in row] for row in rows_of(event))
