"""What the drivers of MariaDB have in common: statements that commit unasked, and lost connections."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from acidity.adapters.drivers.base import Answer, DriverCall
from acidity.adapters.drivers.streaming import streamed
from acidity.core.call import Kind

_GONE = {1927, 2006, 2013, 2014, 2045, 2055, 4031}

Says = Callable[..., DriverCall | None]


def autocommitting(in_transaction: Callable[[Any], bool]) -> Says:
    """``connection.autocommit(value)`` is a Call where it commits what is open."""

    def said(self: Any, value: Any, *_: Any, **__: Any) -> DriverCall | None:
        return DriverCall(Kind.COMMIT, "SET autocommit = 1") if value and in_transaction(self) else None

    return said


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
