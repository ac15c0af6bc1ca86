"""What the drivers of MariaDB have in common: statements that commit unasked, pings, and lost connections."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, wraps
from inspect import signature
from typing import Any

from acidity.adapters.drivers.base import Answer, DriverCall, Hooks, Seam
from acidity.adapters.drivers.streaming import streamed
from acidity.core.call import Kind

_GONE = {1927, 2006, 2013, 2014, 2045, 2055, 4031}

Says = Callable[..., DriverCall | None]


def autocommitting(in_transaction: Callable[[Any], bool]) -> Says:
    """``connection.autocommit(value)`` is a Call where it commits what is open."""

    def said(self: Any, value: Any, *_: Any, **__: Any) -> DriverCall | None:
        return DriverCall(Kind.COMMIT, "SET autocommit = 1") if value and in_transaction(self) else None

    return said


def hook_ping(connection: Any, seam: Seam, hooks: Hooks) -> None:
    """``ping(reconnect)`` of PyMySQL: what it asks of the connection that is there is a Call, as is what it asks anew.

    In between it connects again, which is for the seam to see.
    """
    original = connection.ping

    @wraps(original)
    def ping(self: Any, reconnect: bool = _reconnects(original)) -> Any:  # noqa: FBT001  # as the driver has it
        wire = seam.wire_if_ours(self) if self.open else None
        if wire is None:
            return original(self, reconnect)
        try:
            return seam.bring(wire, _PING.made(self, (False,), {}), partial(original, self))
        except Exception:
            if not reconnect:
                raise
            self.connect()
            return self.ping(False)

    hooks.put(connection, "ping", ping)


def hook_ping_async(connection: Any, seam: Seam, hooks: Hooks) -> None:
    """The same of aiomysql."""
    original = connection.ping

    @wraps(original)
    def ping(self: Any, reconnect: bool = _reconnects(original)) -> Any:  # noqa: FBT001
        wire = None if self.closed else seam.wire_if_ours(self)
        return original(self, reconnect) if wire is None else asked(self, wire, reconnect=reconnect)

    async def asked(self: Any, wire: Any, *, reconnect: bool) -> Any:
        try:
            return await seam.bring_async(wire, _PING.made(self, (False,), {}), partial(original, self))
        except Exception:
            if not reconnect:
                raise
            await self._connect()
            return await self.ping(False)

    hooks.put(connection, "ping", ping)


_PING = DriverCall(Kind.PING)


def _reconnects(ping: Any) -> Any:
    """Whether it does so unasked, which differs from version to version."""
    return signature(ping).parameters["reconnect"].default


def rows_held(subject: Any) -> Answer:
    """Rows and row count of a cursor, from where PyMySQL, aiomysql and mysqlclient keep them; a connection has none."""
    rowcount = getattr(subject, "rowcount", None)
    if not getattr(subject, "description", None):
        return None, rowcount
    rows = getattr(subject, "_rows", None)
    return (streamed(subject), None) if rows is None else (list(rows), rowcount)


def gone(error: BaseException) -> bool:
    """Whether the error's number says that the connection is gone."""
    return bool(error.args) and error.args[0] in _GONE
