"""The server has become read-only (25006, 1290, SQLITE_READONLY)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from acidity.adapters.seam import PendingCall
from acidity.adapters.wire import LiveConnection
from acidity.core.call import Kind
from acidity.engines.hosted_facts import asked_of
from acidity.engines.speech import speech_of
from acidity.prove.faults.base import FaultContext, NotApplicable, Rarity, SimpleFault, hosted

_DEFAULT = "default_transaction_read_only"


def _strike_sqlite(pending: PendingCall, context: FaultContext) -> None:
    wire = context.wire(pending)
    old = wire.on_driver(lambda connection: connection.execute("PRAGMA query_only").fetchone()[0])
    wire.send("PRAGMA query_only = ON")
    try:
        pending.perform()
    finally:
        wire.send(f"PRAGMA query_only = {old}")  # the program may have set it itself
    context.unheard = "it changed nothing"


def _strike_postgresql(pending: PendingCall, context: FaultContext) -> None:
    """The transaction is; a Call that makes its own gets one by the default of its session."""
    wire, sandbox = context.wire(pending), hosted(context)
    if sandbox.commits_by_itself(wire.connection) and not sandbox.in_transaction(wire.connection):
        _require_no_begin(pending)
        with _read_only_by_default(wire):
            pending.perform()
    else:
        wire.send("SET TRANSACTION READ ONLY")
        pending.perform()
    context.unheard = "it changed nothing"


def _require_no_begin(pending: PendingCall) -> None:
    """A transaction that a text has begun stays open when it fails, and the default could not be put back in it."""
    speech = speech_of("postgresql")
    if any(speech.kind(statement) is Kind.BEGIN for statement in speech.statements(pending.sql)):
        raise NotApplicable("the text begins a transaction by itself")


@contextmanager
def _read_only_by_default(wire: LiveConnection) -> Iterator[None]:
    old = asked_of(wire.connection, f"SHOW {_DEFAULT}") or "DEFAULT"
    wire.send(f"SET {_DEFAULT} = on")
    try:
        yield
    finally:
        with suppress(Exception):  # the session may have ended
            wire.send(f"SET {_DEFAULT} = {old}")  # the program may have set it itself


def _strike_mariadb(pending: PendingCall, context: FaultContext) -> None:
    context.mode = "simulated"  # read_only is a switch of the whole server, which others use too
    raise context.wire(pending).errors.OperationalError(
        1290, "The MariaDB server is running with the --read-only option so it cannot execute this statement"
    )


FAULT = SimpleFault(
    name="read-only",
    sentence="the database is read-only at {call}",
    rarity=Rarity.RARE,
    kinds=frozenset({Kind.STATEMENT}),
    ways={"sqlite": _strike_sqlite, "postgresql": _strike_postgresql, "mariadb": _strike_mariadb},
    writes_only=True,
    reason="only a write is refused",
)
