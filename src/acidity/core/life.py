"""The life cycle of a transaction, read off a History: in which state each Call left it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from acidity.core.call import Event, Kind

_SQLSTATE = 5  # characters: MariaDB's numbers have four, and SQLite's names have more


class LifeState(StrEnum):
    """The states of a transaction, as textbooks draw them.

    Attributes:
        ACTIVE: it is carrying out its statements.
        PARTIALLY_COMMITTED: its last statement was carried out, or it is prepared, or nobody knows whether its COMMIT
            was applied.
        COMMITTED: its COMMIT was acknowledged.
        FAILED: it cannot go on as it was meant to; nothing was rolled back yet.
        ABORTED: it was rolled back, be it by a COMMIT that came after an error had failed it.
    """

    ACTIVE = "active"
    PARTIALLY_COMMITTED = "partially committed"
    COMMITTED = "committed"
    FAILED = "failed"
    ABORTED = "aborted"


@dataclass(frozen=True, slots=True)
class LivedEvent:
    """An Event, and the state in which it left the transaction of its connection.

    Attributes:
        event: the Call with its Reply.
        state: None for an effect or a ping, which are part of no transaction.
    """

    event: Event
    state: LifeState | None


def lived(history: Sequence[Event]) -> tuple[LivedEvent, ...]:
    """The History with the state after each Call."""
    states = [_after(event) for event in history]
    last: dict[tuple[str, int], int] = {}
    for number, event in enumerate(history):
        connection = event.call.actor, event.call.connection
        before = last.get(connection)
        if event.call.kind is Kind.COMMIT and before is not None and states[before] is LifeState.ACTIVE:
            states[before] = LifeState.PARTIALLY_COMMITTED
        if before is not None and _takes_back(event, history[before]):
            states[number] = LifeState.ABORTED
        if states[number] is not None:
            last[connection] = number
    return tuple(LivedEvent(event, state) for event, state in zip(history, states, strict=True))


def _after(event: Event) -> LifeState | None:
    call, status = event.call, event.reply.status
    if call.kind in {Kind.EFFECT, Kind.PING}:
        return None
    if status == "error":
        return LifeState.FAILED
    if status == "unknown" or call.kind is Kind.PREPARE:
        return LifeState.PARTIALLY_COMMITTED
    if call.kind is Kind.ROLLBACK:
        return LifeState.ABORTED
    return LifeState.COMMITTED if call.commits else LifeState.ACTIVE


def _takes_back(event: Event, before: Event) -> bool:
    """Whether a COMMIT or PREPARE was answered, and rolled back what the error right before it had failed.

    Only PostgreSQL does so, of whose codes each has five characters. Whatever else it carries out after an error, as
    ROLLBACK TO, shows that the transaction goes on, or that there was none.
    """
    ends = event.call.kind in {Kind.COMMIT, Kind.PREPARE} and event.reply.status == "ok"
    failed = before.reply.status == "error" and len(before.reply.code) == _SQLSTATE and not before.call.commits
    return ends and failed
