"""A statement is cancelled while it runs (SQLITE_INTERRUPT, 57014, 1317)."""

from __future__ import annotations

import threading

from acidity.adapters.seam import PendingCall
from acidity.core.call import Kind
from acidity.prove.faults.bait import table
from acidity.prove.faults.base import FaultContext, SimpleFault, hosted


def _strike_sqlite(pending: PendingCall, context: FaultContext) -> None:
    wire = context.wire(pending)
    wire.on_driver(lambda connection: connection.set_progress_handler(lambda: 1, 1))
    try:
        pending.perform()
    finally:
        wire.on_driver(lambda connection: connection.set_progress_handler(None, 0))
    context.missed = "it had finished before it could be interrupted"


def _strike_postgresql(pending: PendingCall, context: FaultContext) -> None:
    """The monitor cancels it (pg_cancel_backend) as soon as the server says that it runs."""
    _cancelled(pending, context, "SELECT pg_sleep(60)")


def _strike_mariadb(pending: PendingCall, context: FaultContext) -> None:
    """The monitor cancels it (KILL QUERY); an UPDATE, because SELECT SLEEP ends without an error."""
    _cancelled(pending, context, f"UPDATE {table(hosted(context), 'bait')} SET n = n + SLEEP(60) WHERE id = 1")


def _cancelled(pending: PendingCall, context: FaultContext, slow: str) -> None:
    wire, sandbox = context.wire(pending), hosted(context)
    number = sandbox.session_of(wire.connection)
    assert number is not None, "the connection is open"
    canceller = threading.Thread(target=sandbox.cancel_when_active, args=(number,), daemon=True)
    canceller.start()
    try:
        wire.send(slow)
    finally:
        canceller.join(timeout=10)
    context.missed = "it had finished before it could be cancelled"


FAULT = SimpleFault(
    name="interrupt",
    sentence="{call} is interrupted",
    kinds=frozenset({Kind.STATEMENT}),
    ways={"sqlite": _strike_sqlite, "postgresql": _strike_postgresql, "mariadb": _strike_mariadb},
    reason="only a statement runs long enough",
)
