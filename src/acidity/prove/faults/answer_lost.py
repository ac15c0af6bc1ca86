"""COMMIT is applied, and the connection is lost before the answer arrives."""

from __future__ import annotations

from acidity.adapters.seam import PendingCall
from acidity.core.call import Kind
from acidity.prove.faults.base import Lab, SimpleFault, apply, driver_error, hosted


def _strike_sqlite(pending: PendingCall, lab: Lab) -> None:
    apply(pending, lab)
    wire = lab.wire(pending)
    wire.close()
    pending.answered = False
    lab.mode = "simulated"
    raise driver_error(wire, "ProgrammingError", "Cannot operate on a closed database.")


def _strike_server(pending: PendingCall, lab: Lab) -> None:
    """The proxy forwards COMMIT, waits for the server's answer, drops it and breaks the connection."""
    proxy = hosted(lab).proxy()
    proxy.cut("after")
    pending.answered = False
    pending.perform()
    proxy.disarm()
    pending.answered = True
    lab.missed = "nothing was sent for this COMMIT"


FAULT = SimpleFault(
    name="answer-lost",
    sentence="{call} is applied, but its answer is lost",
    kinds=frozenset({Kind.COMMIT}),
    ways={"sqlite": _strike_sqlite, "*": _strike_server},
    persistent=True,
    through_proxy=True,
    reason="only a COMMIT leaves its outcome in doubt",
)
