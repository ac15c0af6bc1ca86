"""The disk is full when COMMIT has work to do: a deferred trigger that sorts more than ``temp_file_limit`` allows."""

from __future__ import annotations

from acidity.adapters.seam import PendingCall
from acidity.core.call import Kind
from acidity.prove.faults.bait import table
from acidity.prove.faults.base import FaultContext, SimpleFault, hosted, require_transaction


def _strike(pending: PendingCall, context: FaultContext) -> None:
    require_transaction(pending, context)
    context.wire(pending).send(f"INSERT INTO {table(hosted(context), 'full')} VALUES (1)")
    pending.perform()
    context.missed = "nothing was sent for this COMMIT"


FAULT = SimpleFault(
    name="disk-full-at-commit",
    sentence="the disk is full at {call}",
    kinds=frozenset({Kind.COMMIT}),
    ways={
        "sqlite": "SQLite takes its pages in the statements; see disk-full",
        "mariadb": "MariaDB takes its pages in the statements; see disk-full",
        "postgresql": _strike,
    },
    reason="only a COMMIT does deferred work",
)
