"""The engine refuses a Call before it takes place."""

from __future__ import annotations

import sqlite3
from typing import Any

from acidity.adapters.seam import Passage
from acidity.core.call import Kind
from acidity.prove.faults.base import Lab, SimpleFault, driver_error


def _deny(*_: Any) -> int:
    return sqlite3.SQLITE_DENY


def _strike(passage: Passage, lab: Lab) -> None:
    wire = lab.wire(passage)
    wire.on_driver(lambda connection: connection.set_authorizer(_deny))
    try:
        passage.perform()
    finally:
        wire.on_driver(lambda connection: connection.set_authorizer(None))
    # Nothing to authorise (a COMMIT without a transaction): say so as an error all the same.
    lab.mode = "simulated"
    raise driver_error(wire, "OperationalError", "acidity: an error after all")


FAULT = SimpleFault(
    name="error-before",
    sentence="the database refuses {call} with an error",
    kinds=frozenset({Kind.STATEMENT, Kind.BEGIN, Kind.SAVEPOINT, Kind.RELEASE, Kind.ROLLBACK_TO}),
    ways={"sqlite": _strike},
    persistent=True,
    reason="a COMMIT has faults of its own, and SQLite refuses no ROLLBACK",
)
