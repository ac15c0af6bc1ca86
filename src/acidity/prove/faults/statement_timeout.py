"""A statement takes longer than it may (57014, 1969)."""

from __future__ import annotations

from acidity.adapters.seam import PendingCall
from acidity.core.call import Kind
from acidity.prove.faults.base import FaultContext, SimpleFault, hosted, one_transaction


def _strike_postgresql(pending: PendingCall, context: FaultContext) -> None:
    wire = context.wire(pending)
    with one_transaction(wire, hosted(context)):
        wire.send("SET LOCAL statement_timeout = '1ms'")
        wire.send("SELECT pg_sleep(60)")
    context.missed = "it was in time"


def _strike_mariadb(pending: PendingCall, context: FaultContext) -> None:
    wire = context.wire(pending)
    many = "information_schema.columns a, information_schema.columns b, information_schema.columns c"
    wire.send(f"SET STATEMENT max_statement_time = 0.002 FOR SELECT count(*) FROM {many}")
    context.missed = "it was in time"


FAULT = SimpleFault(
    name="statement-timeout",
    sentence="{call} takes longer than the time-out allows",
    kinds=frozenset({Kind.STATEMENT}),
    ways={
        "sqlite": "SQLite has no statement time-out; see interrupt",
        "postgresql": _strike_postgresql,
        "mariadb": _strike_mariadb,
    },
    reason="only a statement can time out",
)
