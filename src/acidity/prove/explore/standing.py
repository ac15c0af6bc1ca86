"""What stands of an open transaction: not what its engine took back to a savepoint, or after an error.

After a deadlock nothing of a transaction is left on MariaDB, and whoever goes on does so in another one. On PostgreSQL
an error fails it until ROLLBACK TO a savepoint, and its COMMIT takes back what it has written and says that it is done.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from acidity.adapters.savepoints import name_in
from acidity.core.call import Event, Kind
from acidity.engines.speech import Speech

Placed = tuple[Event, int]  # with how many had committed when it was answered


class Standing(NamedTuple):
    """What stands of the transaction that is open on a connection.

    Attributes:
        calls: those that were not taken back.
        failed: it can only be taken back, and its COMMIT does that.
    """

    calls: list[Placed]
    failed: bool


def ends(event: Event, speech: Speech) -> bool:
    """Whether a Call ends the transaction of its connection, whatever becomes of what that has written."""
    return event.call.commits or event.call.kind is Kind.ROLLBACK or loses_all(event, speech)


def loses_all(event: Event, speech: Speech) -> bool:
    """Whether a Call was answered with an error after which nothing of its transaction is left."""
    return event.reply.status == "error" and speech.errors.get(event.reply.code) in speech.lost_by


def standing(events: Iterable[Placed], speech: Speech) -> Standing:
    """What stands of the transaction that is open on a connection.

    Args:
        events: of this connection, until then.
        speech: of its engine.
    """
    found: list[Placed] = []
    savepoints: list[tuple[str, int]] = []
    failed = False
    for event, at in events:
        call = event.call
        if ends(event, speech) or (failed and call.kind is Kind.BEGIN):
            found, savepoints, failed = [], [], False
        elif event.reply.status != "ok":
            failed |= speech.fails_by_errors and bool(event.reply.code)
        elif call.kind is Kind.SAVEPOINT:
            savepoints.append((name_in(call.sql), len(found)))
        elif call.kind in {Kind.ROLLBACK_TO, Kind.RELEASE}:
            name, back = name_in(call.sql), call.kind is Kind.ROLLBACK_TO
            numbers = [number for number, (known, _) in enumerate(savepoints) if known == name or not name]
            if back and numbers:
                del found[savepoints[numbers[-1]][1] :]
            for number in numbers[-1:]:
                del savepoints[number + (back and bool(name)) :]  # one that a driver has made is over then
            failed &= not back
        else:
            found.append((event, at))
    return Standing(found, failed)
