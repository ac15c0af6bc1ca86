"""Which run of a cause is shown: real before simulated, ordinary before exotic, few Calls, then the simplest Schedule."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from acidity.core.call import Call, Event, Kind, Reply
from acidity.core.outcome import Ending, Rows, State, Told
from acidity.core.schedule import Schedule
from acidity.prove.drill.judge import Judged, Judgement
from acidity.prove.drill.plainest import plainness
from acidity.prove.faults import FAULTS
from acidity.prove.faults.base import Rarity
from acidity.prove.stage.run import Run

NOTHING = State({})


def judged(schedule: str, *, calls: int = 5, mode: Any = "real", severity: Any = "error") -> Judged:
    history = tuple(Event(Call("A", number, Kind.STATEMENT), Reply("ok")) for number in range(1, calls + 1))
    run = Run(Schedule.parse(schedule), Ending(), history, NOTHING, NOTHING, mode=mode)
    return Judged(run, Judgement(Told.FAILED, Rows.TORN, "torn", severity))


IN_ORDER = [
    judged("ac1:"),
    judged("ac1:A3!error-before", calls=3),
    judged("ac1:A3!error-before", calls=4),
    judged("ac1:A3!error-before*", calls=4),
    judged("ac1:A3!busy", calls=4),
    judged("ac1:A2!connection-lost", calls=2),
    judged("ac1:A2!kill-after", calls=2),
    judged("ac1:A!server-restarted", calls=1),
    judged("ac1:A!error-after", calls=1, mode="simulated"),
    judged("ac1:A!answer-lost", calls=1, mode="simulated"),
    judged("ac1:", severity="warning"),
]


def test_the_order() -> None:
    assert sorted([*IN_ORDER[5:], *IN_ORDER[:5]], key=plainness) == IN_ORDER
    assert all(plainness(one) < plainness(other) for one, other in pairwise(IN_ORDER))


def test_every_rarity_has_a_fault() -> None:
    assert {FAULTS[name].rarity for name in FAULTS} == set(Rarity)
    assert {name for name in FAULTS if FAULTS[name].leaves_open} == {"commit-left-open"}
