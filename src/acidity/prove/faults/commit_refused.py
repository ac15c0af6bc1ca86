"""COMMIT is refused with an error, and the engine has rolled the transaction back."""

from __future__ import annotations

from acidity.adapters.seam import Passage
from acidity.core.call import Kind
from acidity.prove.faults.base import Lab, SimpleFault, driver_error


def _strike(passage: Passage, lab: Lab) -> None:
    wire = lab.wire(passage)
    wire.rollback()
    lab.mode = "simulated"
    raise driver_error(wire, "OperationalError", "disk I/O error", 10, "SQLITE_IOERR")


FAULT = SimpleFault(
    name="commit-refused",
    sentence="{call} is refused and everything is rolled back",
    kinds=frozenset({Kind.COMMIT}),
    ways={"*": _strike},
    persistent=True,
    reason="only a COMMIT can be refused",
)
