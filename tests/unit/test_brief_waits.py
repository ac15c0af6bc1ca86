"""Whoever waits for a moment only is not taken for one who waits, whenever that is known."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from acidity.prove.explore import control as module
from acidity.prove.explore.control import Control
from acidity.prove.explore.gate import Place


@pytest.mark.parametrize("brief", [False, True])
def test_how_long_it_waits_may_be_known_after_the_engine_was_asked(
    *, brief: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under load the Call is sent, and waits, between the two."""
    flags: dict[str, Any] = dict.fromkeys(("crowded", "hasty", "brief"), False)
    gate = SimpleNamespace(name="A", place=Place.FLIGHT, pending=SimpleNamespace(wire=None), **flags)
    other = SimpleNamespace(name="B", place=Place.GATE, pending=None, **flags)

    def ask(*_: object) -> dict[str, frozenset[str]]:
        gate.brief = brief
        return {"A": frozenset("B")}

    monkeypatch.setattr(module, "waiting_of", ask)
    gates: Any = [gate, other]
    control = Control(gates, lambda _number, able: able[0], lambda _gate: None, lambda _name: [])
    assert control._all_wait([gates[0]]) is not brief
