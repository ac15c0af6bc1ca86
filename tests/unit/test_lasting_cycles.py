"""Two that seem to wait for each other, and whom the engine does not end, wait for a third one."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from acidity.prove.explore import control as module
from acidity.prove.explore.control import Control
from acidity.prove.explore.gate import Place

CYCLE = {"A": frozenset("BC"), "C": frozenset("AB")}


def gate(name: str, place: Place) -> Any:
    flags = dict.fromkeys(("crowded", "hasty", "brief"), False)
    return SimpleNamespace(name=name, place=place, pending=SimpleNamespace(wire=None), **flags)


def looks(monkeypatch: pytest.MonkeyPatch, seconds: float) -> int:
    """How often it is looked until nobody can go on by himself; each look takes a second."""
    clock = iter(range(100))
    monkeypatch.setattr(module, "_NO_CYCLE_S", seconds)
    monkeypatch.setattr(module, "waiting_of", lambda *_: CYCLE)
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: float(next(clock))))
    gates = [gate("A", Place.FLIGHT), gate("B", Place.GATE), gate("C", Place.FLIGHT)]
    control = Control(gates, lambda _number, able: able[0], lambda _gate: None, lambda _name: [])
    pauses = control._come_to_rest()
    count = 0
    try:
        next(pauses)
        while count < 50:
            count += 1
            pauses.send(False)
    except StopIteration:
        assert control._waiting == CYCLE
    return count


def test_a_cycle_that_stays_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    assert looks(monkeypatch, 2.5) < 10


def test_the_engine_has_time_to_end_one(monkeypatch: pytest.MonkeyPatch) -> None:
    assert looks(monkeypatch, 1000) == 50
