"""The connection is gone before a Call is made; the engine rolls back what was open on it."""

from __future__ import annotations

from acidity.adapters.seam import Passage
from acidity.prove.faults.base import SENT, Lab, SimpleFault, driver_error


def _strike(passage: Passage, lab: Lab) -> None:
    wire = lab.wire(passage)
    wire.close()
    passage.answered = False
    try:
        passage.perform()
    except ValueError as error:  # aiosqlite's word for a closed connection, which SQLAlchemy knows too
        raise error from None
    lab.mode = "simulated"
    raise driver_error(wire, "ProgrammingError", "Cannot operate on a closed database.")


FAULT = SimpleFault(
    name="connection-lost",
    sentence="the connection is lost before {call}",
    kinds=SENT,
    ways={"*": _strike},
    persistent=True,
    reason="an effect has no connection to the database",
)
