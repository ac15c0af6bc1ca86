"""The transaction is the victim of a real deadlock with a second session (40P01, 1213)."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from acidity.adapters.seam import PendingCall
from acidity.core.call import Kind
from acidity.prove.faults.bait import WAIT_MS_MAX, advisory_key, hold, table
from acidity.prove.faults.base import FaultContext, SimpleFault, hosted, one_transaction


def _strike_postgresql(pending: PendingCall, context: FaultContext) -> None:
    """Two advisory locks taken crosswise; the second session is patient, so the user's is the one that is told."""
    wire, other = context.wire(pending), context.sandbox.connect_beside()
    keys = [advisory_key(hosted(context).database, number) for number in (1, 2)]
    first, second = (f"SELECT pg_advisory_xact_lock({key})" for key in keys)
    closing = f"SELECT {table(hosted(context), 'wait_for')}({keys[1]})"
    other.execute(f"SET lock_timeout = {WAIT_MS_MAX}")
    other.execute("SET deadlock_timeout = '60s'")
    other.execute("BEGIN")
    hold(lambda: other.execute(second))
    with one_transaction(wire, hosted(context)):
        wire.send(first)
        _cross(context, other.info.backend_pid, lambda: other.execute(first), lambda: wire.send(closing))
    pending.perform()
    context.missed = "the engine saw no deadlock"


def _strike_mariadb(pending: PendingCall, context: FaultContext) -> None:
    """Two rows locked crosswise; the second session has changed more rows, so the user's is the victim."""
    wire, other = context.wire(pending), context.sandbox.connect_beside()
    bait = table(hosted(context), "bait")
    with other.cursor() as cursor:
        cursor.execute("BEGIN")
        hold(lambda: cursor.execute(f"UPDATE {bait} SET n = n + 1 WHERE id > 1"))

    def take_the_first() -> None:
        with other.cursor() as cursor:
            cursor.execute(f"SELECT n FROM {bait} WHERE id = 1 FOR UPDATE")

    with one_transaction(wire, hosted(context)):
        wire.send(f"SELECT n FROM {bait} WHERE id = 1 FOR UPDATE")
        _cross(
            context,
            other.thread_id(),
            take_the_first,
            lambda: wire.send(f"SELECT n FROM {bait} WHERE id = 2 FOR UPDATE"),
        )
    pending.perform()
    context.missed = "the engine saw no deadlock"


def _cross(context: FaultContext, number: int, theirs: Callable[[], Any], ours: Callable[[], Any]) -> None:
    """Let the second session wait first, as the server says it does, and then close the circle."""
    waiting = threading.Thread(target=_quietly, args=(theirs,), daemon=True)
    waiting.start()
    hosted(context).wait_until_blocked(number)
    try:
        ours()
    finally:
        hosted(context).end_session(number)
        waiting.join(timeout=10)


def _quietly(action: Callable[[], Any]) -> None:
    with suppress(Exception):  # its session is ended when it is no longer needed
        action()


FAULT = SimpleFault(
    name="deadlock",
    sentence="{call} is the victim of a deadlock",
    kinds=frozenset({Kind.STATEMENT}),
    ways={
        "sqlite": "SQLite has one lock, and answers BUSY; see busy",
        "postgresql": _strike_postgresql,
        "mariadb": _strike_mariadb,
    },
    persistent=True,
    writes_only=True,
    reason="only a write takes locks that others wait for",
)
