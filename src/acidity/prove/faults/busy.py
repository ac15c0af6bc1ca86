"""Another connection holds the lock, and the wait for it times out (SQLITE_BUSY)."""

from __future__ import annotations

import sqlite3

from acidity.adapters.seam import Passage
from acidity.core.call import Kind
from acidity.prove.faults.base import Lab, NotApplicable, SimpleFault


def _strike(passage: Passage, lab: Lab) -> None:
    wire = lab.wire(passage)
    other = lab.kept.get("writer")
    if other is None:
        other = lab.sandbox.connect_beside()
        try:
            other.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError:
            raise NotApplicable("the operation holds the lock itself by then") from None
        lab.kept["writer"] = other
    with wire.impatient():
        passage.perform()
    lab.missed = "the Call needed no lock"


FAULT = SimpleFault(
    name="busy",
    sentence="{call} waits for another writer's lock until the time-out",
    kinds=frozenset({Kind.STATEMENT, Kind.BEGIN}),
    ways={"sqlite": _strike},
    persistent=True,
    reason="only a statement or a BEGIN takes a lock; a COMMIT that finds one is commit-left-open",
)
