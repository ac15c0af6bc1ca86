"""A statement is interrupted while it runs (SQLITE_INTERRUPT)."""

from __future__ import annotations

from acidity.adapters.seam import Passage
from acidity.core.call import Kind
from acidity.prove.faults.base import Lab, SimpleFault


def _strike(passage: Passage, lab: Lab) -> None:
    wire = lab.wire(passage)
    wire.on_driver(lambda connection: connection.set_progress_handler(lambda: 1, 1))
    try:
        passage.perform()
    finally:
        wire.on_driver(lambda connection: connection.set_progress_handler(None, 0))
    lab.missed = "it had finished before it could be interrupted"


FAULT = SimpleFault(
    name="interrupt",
    sentence="{call} is interrupted",
    kinds=frozenset({Kind.STATEMENT}),
    ways={"sqlite": _strike},
    reason="only a statement runs long enough",
)
