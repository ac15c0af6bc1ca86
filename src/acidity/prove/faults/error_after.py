"""A Call takes place, and its caller gets an error instead of the answer."""

from __future__ import annotations

from acidity.adapters.seam import Passage
from acidity.core.call import Kind
from acidity.prove.faults.base import Lab, SimpleFault, driver_error


def _strike(passage: Passage, lab: Lab) -> None:
    passage.perform()
    lab.mode = "simulated"
    raise driver_error(lab.wire(passage), "OperationalError", "acidity: error after the statement was applied")


FAULT = SimpleFault(
    name="error-after",
    sentence="{call} is applied, then an error is raised",
    kinds=frozenset({Kind.STATEMENT, Kind.BEGIN, Kind.SAVEPOINT, Kind.RELEASE, Kind.ROLLBACK_TO}),
    ways={"*": _strike},
    persistent=True,
    reason="a COMMIT that is applied without saying so is answer-lost",
)
