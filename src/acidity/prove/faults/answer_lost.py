"""COMMIT is applied, and the connection is lost before the answer arrives."""

from __future__ import annotations

from acidity.adapters.seam import Passage
from acidity.core.call import Kind
from acidity.prove.faults.base import Lab, SimpleFault, driver_error


def _strike(passage: Passage, lab: Lab) -> None:
    passage.perform()
    wire = lab.wire(passage)
    wire.close()
    passage.answered = False
    lab.mode = "simulated"
    raise driver_error(wire, "ProgrammingError", "Cannot operate on a closed database.")


FAULT = SimpleFault(
    name="answer-lost",
    sentence="{call} is applied, but its answer is lost",
    kinds=frozenset({Kind.COMMIT}),
    ways={"*": _strike},
    persistent=True,
    reason="only a COMMIT leaves its outcome in doubt",
)
