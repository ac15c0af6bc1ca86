"""The engine refuses a Call before it takes place."""

from __future__ import annotations

from acidity.adapters.seam import PendingCall
from acidity.core.call import Kind
from acidity.prove.faults.base import FaultContext, SimpleFault, driver_error

_NO_TABLE = {"sqlite": "sqlite_acidity_no_such_table"}  # names with this beginning are the engine's own


def _strike(pending: PendingCall, context: FaultContext) -> None:
    """A statement that the engine must refuse, in place of the user's; no program can create what it names.

    On SQLite an authorizer could refuse the user's own statement, but would stand in the place of the program's.
    """
    wire = context.wire(pending)
    wire.send("SELECT 1 FROM " + _NO_TABLE.get(wire.engine, "information_schema.acidity_no_such_table"))
    context.mode = "simulated"
    raise driver_error(wire, "OperationalError", "acidity: refused")


FAULT = SimpleFault(
    name="error-before",
    sentence="the database refuses {call} with an error",
    kinds=frozenset({Kind.STATEMENT, Kind.BEGIN, Kind.SAVEPOINT, Kind.RELEASE, Kind.ROLLBACK_TO}),
    ways={"*": _strike},
    persistent=True,
    reason="a COMMIT has faults of its own, and no engine refuses a ROLLBACK",
)
