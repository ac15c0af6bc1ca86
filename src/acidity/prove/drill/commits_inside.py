"""Calls that commit on their way: what is struck between two commits of one Call, no fault at the seam can reach.

In the clean runs the database is asked how often such a Call committed. One that did so several times makes the
operation unknown, because between its commits others see half of it, and a crash leaves half of it. So does one that
sets a sequence: it takes effect at once, like a commit of its own, and is in no rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from acidity.adapters.seam import Interceptor, Layer, PendingCall
from acidity.core.call import Call, Kind
from acidity.engines.base import Sandbox
from acidity.engines.committing import Commits, asking
from acidity.engines.own_calls import own_calls
from acidity.engines.speech import speech_of

_LABEL_MAX = 60


class CommitsInside:
    """What was seen of all clean runs of an operation; one that proves *once* is enough, as all make the same Calls.

    Args:
        parts: the databases by name.
    """

    def __init__(self, parts: Mapping[str, Sandbox]) -> None:
        self.parts = parts
        self._found: dict[int, tuple[Call, set[Commits]]] = {}
        self._ended: dict[int, Call] = {}
        self._set: dict[int, Call] = {}

    def over(self, inner: Interceptor) -> Interceptor:
        """An Interceptor that does what `inner` does, and asks."""
        return _Asking(self, inner=inner)

    def note(self, call: Call, commits: Commits) -> None:
        """How often it committed in one run."""
        self._found.setdefault(call.index, (call, set()))[1].add(commits)

    def ended(self, call: Call) -> None:
        """A transaction was open before it and is not any more."""
        self._ended[call.index] = call

    def sets_position(self, call: Call) -> None:
        """It sets where a sequence goes on, outside every transaction."""
        self._set[call.index] = call

    def several(self) -> list[Call]:
        """The Calls that committed more than once, or may have."""
        return [call for call, seen in self._found.values() if Commits.SEVERAL in seen or Commits.ONCE not in seen]

    def doubts(self) -> list[str]:
        """Why the operation cannot be judged to its end, in words."""
        said = [
            f"the database commits inside this call, {_described(call)}: no fault reaches between"
            for call in self.several()
        ]
        ended = (call for index, call in self._ended.items() if index not in self._found)
        said += [f"the database ended the transaction inside this call, {_described(call)}" for call in ended]
        what = "sets a sequence, which no rollback takes back and acidity does not compare"
        return said + [f"this call, {_described(call)}, {what}" for call in self._set.values()]


class _Asking(Layer):
    """Asks around the Calls of one run; all others cost a look at what the driver knows."""

    def __init__(self, about: CommitsInside, *, inner: Interceptor) -> None:
        super().__init__(inner=inner)
        self._about = about

    def intercept(self, pending: PendingCall) -> None:
        """Ask before and after a Call that may commit inside."""
        call, wire = pending.call, pending.wire
        if wire is not None and speech_of(wire.engine).sets_position(call.sql):
            self._about.sets_position(call)
        if wire is None or call.kind is Kind.EFFECT:
            self.inner.intercept(pending)
        elif call.opaque:
            part = self._about.parts[call.database]
            with own_calls():
                answer = asking(part, wire.connection, call)
            try:
                self.inner.intercept(pending)
            except BaseException:
                with suppress(Exception), own_calls():
                    answer()  # takes back what it has put in place
                raise
            with own_calls():
                self._about.note(call, answer())
        else:
            was_open = call.kind is Kind.STATEMENT and not call.commits and is_open(wire.connection)
            self.inner.intercept(pending)
            if was_open and is_open(wire.connection) is False:
                self._about.ended(call)


def is_open(connection: Any) -> bool | None:
    """Whether a transaction is open, as far as the driver knows without asking the database; None where it does not."""
    driver = getattr(connection, "driver_connection", None) or connection
    for name in ("in_transaction", "server_status"):  # sqlite3 and PyMySQL
        found = getattr(driver, name, None)
        if isinstance(found, int):
            return bool(found & 1)
    known = getattr(getattr(driver, "info", None), "transaction_status", None)  # psycopg and psycopg2
    return None if known is None else bool(known)


def _described(call: Call) -> str:
    label = call.label if len(call.label) <= _LABEL_MAX else f"{call.label[:_LABEL_MAX]}…"
    return f"{label!r}" + (f" at {call.site}" if call.site else "")
