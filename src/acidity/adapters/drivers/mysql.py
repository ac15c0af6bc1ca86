"""What the drivers of MariaDB have in common: what switches autocommit on, and lost connections."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from acidity.adapters.drivers.base import Said
from acidity.core.call import Kind

_GONE = {1927, 2006, 2013, 2014, 2045, 2055, 4031}

Says = Callable[..., Said | None]


def autocommitting(in_transaction: Callable[[Any], bool]) -> Says:
    """``connection.autocommit(value)`` is a Call where it commits what is open."""

    def said(self: Any, value: Any, *_: Any, **__: Any) -> Said | None:
        return Said(Kind.COMMIT, "SET autocommit = 1") if value and in_transaction(self) else None

    return said


def gone(error: BaseException) -> bool:
    """Whether the error's number says that the connection is gone."""
    return bool(error.args) and error.args[0] in _GONE
