"""COMMIT is refused for what others have read and written meanwhile (40001), as SERIALIZABLE of PostgreSQL does.

A transaction that did not see what another one has committed, and that a third one did not see, may have no place in
any order: it is a *pivot*, and is refused when it commits (D. Ports, K. Grittner, Serializable Snapshot Isolation in
PostgreSQL, VLDB 2012).
"""

from __future__ import annotations

from acidity.adapters.seam import PendingCall
from acidity.core.call import Kind
from acidity.prove.faults.bait import table
from acidity.prove.faults.base import FaultContext, NotApplicable, SimpleFault, hosted, require_transaction

_LEVEL = "SERIALIZABLE"


def _strike(pending: PendingCall, context: FaultContext) -> None:
    """It does not see what a second session commits, and a third one does not see what it writes."""
    require_transaction(pending, context)
    wire, bait = context.wire(pending), table(hosted(context), "bait")
    if wire.level() != _LEVEL:
        raise NotApplicable("only SERIALIZABLE refuses a COMMIT for what others have read and written")
    taking_part = f"SELECT n FROM {bait} WHERE id = 2", f"UPDATE {bait} SET n = n + 1 WHERE id = 1"
    if not all(map(wire.sends, taking_part)):
        raise NotApplicable("the transaction takes no more writes")
    reads, writes = context.sandbox.connect_beside(), context.sandbox.connect_beside()
    for other in (reads, writes):
        other.execute(f"BEGIN ISOLATION LEVEL {_LEVEL}")
    reads.execute(f"SELECT n FROM {bait} WHERE id = 1")
    writes.execute(f"UPDATE {bait} SET n = n + 1 WHERE id = 2")
    writes.execute("COMMIT")  # the other one stays open: who only reads, and has ended, is in nobody's way
    pending.perform()
    context.missed = "the engine saw no conflict"


FAULT = SimpleFault(
    name="serialization-at-commit",
    sentence="{call} is refused for what others have read and written meanwhile",
    kinds=frozenset({Kind.COMMIT}),
    ways={
        "sqlite": "SQLite has one writer; see busy-snapshot",
        "postgresql": _strike,
        "mariadb": "MariaDB refuses no COMMIT for what others have read",
    },
    persistent=True,
    reason="only a COMMIT is refused so",
)
