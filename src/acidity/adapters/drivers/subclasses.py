"""Subclasses of a C driver's classes that pass the seam, one for every class that a program asks for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from acidity.adapters.drivers.base import DriverCall, Seam


class Subclasses:
    """Makes them.

    Args:
        base: has the seam's methods.
        driver: the driver's own class, which `base` is made of.
        attributes: what the subclasses need to know.
    """

    def __init__(self, base: type, driver: type, **attributes: Any) -> None:
        self._base = base
        self._driver = driver
        self._attributes = attributes
        self._made: dict[type, type] = {}

    def of(self, wanted: Any) -> Any:
        """The subclass; what is not a class is left as it is, and what it makes bypasses the seam."""
        if not isinstance(wanted, type) or issubclass(wanted, self._base) or not issubclass(wanted, self._driver):
            return wanted
        if wanted not in self._made:
            bases = (self._base,) if wanted is self._driver else (wanted, self._base)
            namespace = {"__module__": wanted.__module__, "__qualname__": wanted.__qualname__, **self._attributes}
            self._made[wanted] = type(wanted.__name__, bases, namespace)
        return self._made[wanted]


def through(
    seam: Seam, subject: Any, said: Callable[..., DriverCall], original: Any, *arguments: Any, **keywords: Any
) -> Any:
    """Call the driver's own method of this connection or cursor, as a Call if its connection's calls are."""
    wire = seam.wire_if_ours(getattr(subject, "connection", subject))
    if wire is None:
        return original(*arguments, **keywords)
    return seam.bring(wire, said(None, *arguments, **keywords).made(subject, arguments, keywords), original)
