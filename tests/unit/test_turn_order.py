"""The order of what is answered in one turn: threads note it in any order, and one comes of the other at the database."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from acidity.core.call import Call, Event, Kind, Reply
from acidity.prove.explore.control import Control


def test_who_was_woken_comes_after_the_commit_that_woke_him() -> None:
    """The server lets a lock go before it answers the COMMIT."""
    told = {
        "A": [Event(Call("A", 1, Kind.COMMIT), Reply("ok"), order=8)],
        "B": [
            Event(Call("B", 1, Kind.STATEMENT, "SELECT"), Reply("ok"), order=3),
            Event(Call("B", 2, Kind.STATEMENT, "UPDATE"), Reply("ok"), order=7),
        ],
    }
    gates: Any = [SimpleNamespace(name=name) for name in told]
    control = Control(gates, lambda _number, able: able[0], lambda _gate: None, told.__getitem__)
    control._seen = 3
    events = control._new_events("A")
    assert [(event.call.actor, event.order) for event in events] == [("A", 7), ("B", 8)]
    assert told["A"] == [events[0]]
    assert (told["B"][0].order, told["B"][1]) == (3, events[1])
    assert control._new_events("A") == ()
