"""The program was idle in its transaction for too long, and the server ended its session (25P03)."""

from __future__ import annotations

from acidity.adapters.seam import PendingCall
from acidity.prove.faults.base import SENT, FaultContext, Rarity, SimpleFault, hosted


def _strike(pending: PendingCall, context: FaultContext) -> None:
    wire, sandbox = context.wire(pending), hosted(context)
    if not sandbox.in_transaction(wire.connection):
        context.missed = "no transaction was open"
        pending.perform()
        return
    number = sandbox.session_of(wire.connection)
    assert number is not None, "the connection is open"
    pending.answered = False
    wire.send("SET LOCAL idle_in_transaction_session_timeout = '1ms'")
    sandbox.wait_until_gone(number)
    pending.perform()  # a ROLLBACK on a dead connection may pass in silence


FAULT = SimpleFault(
    name="idle-timeout",
    sentence="the server ends the idle transaction before {call}",
    rarity=Rarity.LOST,
    kinds=SENT,
    ways={
        "sqlite": "a file ends no session",
        "postgresql": _strike,
        "mariadb": "idle_transaction_timeout counts whole seconds and closes without a word; see connection-lost",
    },
    reason="an effect has no connection to the database",
)
