"""COMMIT is refused with an error, and the engine has rolled the transaction back."""

from __future__ import annotations

from acidity.adapters.seam import PendingCall
from acidity.core.call import Kind
from acidity.prove.faults.bait import table
from acidity.prove.faults.base import FaultContext, SimpleFault, driver_error, hosted, require_transaction


def _strike_sqlite(pending: PendingCall, context: FaultContext) -> None:
    require_transaction(pending, context)
    wire = context.wire(pending)
    wire.rollback()
    context.mode = "simulated"
    raise driver_error(wire, "OperationalError", "disk I/O error", 10, "SQLITE_IOERR")


def _strike_postgresql(pending: PendingCall, context: FaultContext) -> None:
    """A row in the same transaction that breaks a deferred foreign key: the server refuses COMMIT with 23503."""
    require_transaction(pending, context)
    context.wire(pending).send(f"INSERT INTO {table(hosted(context), 'late')} VALUES (-1)")
    pending.perform()
    context.missed = "nothing was sent for this COMMIT"


def _strike_mariadb(pending: PendingCall, context: FaultContext) -> None:
    require_transaction(pending, context)
    wire = context.wire(pending)
    wire.rollback()
    context.mode = "simulated"  # MariaDB has no deferred constraint and no other way to refuse COMMIT on demand
    raise wire.errors.OperationalError(1180, "Got error 5 during COMMIT")


FAULT = SimpleFault(
    name="commit-refused",
    sentence="{call} is refused and everything is rolled back",
    kinds=frozenset({Kind.COMMIT}),
    ways={"sqlite": _strike_sqlite, "postgresql": _strike_postgresql, "mariadb": _strike_mariadb},
    persistent=True,
    reason="only a COMMIT can be refused",
)
