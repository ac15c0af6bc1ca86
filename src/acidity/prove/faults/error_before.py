"""The engine refuses a Call before it takes place."""

from __future__ import annotations

import sqlite3
from typing import Any

from acidity.adapters.seam import PendingCall
from acidity.core.call import Kind
from acidity.prove.faults.base import Lab, SimpleFault, driver_error


def _deny(*_: Any) -> int:
    return sqlite3.SQLITE_DENY


def _strike_sqlite(pending: PendingCall, lab: Lab) -> None:
    """An authorizer that denies everything; the engine answers SQLITE_AUTH."""
    wire = lab.wire(pending)
    wire.on_driver(lambda connection: connection.set_authorizer(_deny))
    try:
        pending.perform()
    finally:
        wire.on_driver(lambda connection: connection.set_authorizer(None))
    lab.mode = "simulated"  # nothing had to be authorised
    raise driver_error(wire, "OperationalError", "acidity: refused")


def _strike_server(pending: PendingCall, lab: Lab) -> None:
    """A statement that the server must refuse, in place of the user's."""
    wire = lab.wire(pending)
    wire.send("SELECT 1 FROM information_schema.acidity_no_such_table")
    lab.mode = "simulated"
    raise driver_error(wire, "OperationalError", "acidity: refused")


FAULT = SimpleFault(
    name="error-before",
    sentence="the database refuses {call} with an error",
    kinds=frozenset({Kind.STATEMENT, Kind.BEGIN, Kind.SAVEPOINT, Kind.RELEASE, Kind.ROLLBACK_TO}),
    ways={"sqlite": _strike_sqlite, "*": _strike_server},
    persistent=True,
    reason="a COMMIT has faults of its own, and no engine refuses a ROLLBACK",
)
