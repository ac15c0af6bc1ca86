"""A Call takes place, and its caller gets an error instead of the answer."""

from __future__ import annotations

from acidity.adapters.seam import PendingCall
from acidity.core.call import Kind
from acidity.prove.faults.base import FaultContext, SimpleFault, apply, driver_error


def _strike(pending: PendingCall, context: FaultContext) -> None:
    apply(pending, context)
    context.mode = "simulated"
    pending.answered = not pending.call.autocommit  # its COMMIT went with it
    raise driver_error(context.wire(pending), "OperationalError", "acidity: error after the statement was applied")


FAULT = SimpleFault(
    name="error-after",
    sentence="{call} is applied, then an error is raised",
    kinds=frozenset({Kind.STATEMENT, Kind.BEGIN}),  # reading a result may fail; a savepoint gives none
    ways={"*": _strike},
    persistent=True,
    reason="it has no result that could not be read; a COMMIT that is applied without saying so is answer-lost",
)
