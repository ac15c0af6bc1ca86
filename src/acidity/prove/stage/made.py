"""How many Calls an operation has made: what it keeps in memory outlives runs, and checks of one process."""

from __future__ import annotations

from collections.abc import Iterable
from weakref import WeakValueDictionary

from acidity.core.call import Event, Kind
from acidity.core.scenario import Operation

_known: WeakValueDictionary[int, Operation] = WeakValueDictionary()  # arguments need no hash
_most: dict[int, int] = {}


def note(operation: Operation, events: Iterable[Event]) -> None:
    """A run of it has ended. Most runs keep nothing new here, so as not to provoke a collection of what they left."""
    made = 0
    for event in events:
        made += event.call.kind is not Kind.EFFECT
    if made > most_made(operation):
        _known[id(operation)], _most[id(operation)] = operation, made


def most_made(operation: Operation) -> int:
    """How many Calls asked a database in the run that made most of them; 0 where there was none."""
    return _most[id(operation)] if _known.get(id(operation)) is operation else 0
