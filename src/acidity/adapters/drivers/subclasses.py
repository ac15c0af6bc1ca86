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


class Lookalike(type):
    """The type of a class that stands in a module for a C driver's own, whose instances count as its own."""

    _acidity_original: type | None = None

    def __instancecheck__(cls, instance: Any) -> bool:
        stands_for = vars(cls).get("_acidity_original")
        return isinstance(instance, stands_for) if stands_for is not None else super().__instancecheck__(instance)

    def __subclasscheck__(cls, subclass: type) -> bool:
        stands_for = vars(cls).get("_acidity_original")
        return issubclass(subclass, stands_for) if stands_for is not None else super().__subclasscheck__(subclass)


def standing_for(original: type, **attributes: Any) -> Any:
    """A class with other attributes that goes for `original`, which is written in C and takes none."""
    namespace = {"__module__": original.__module__, "__qualname__": original.__qualname__, "__slots__": ()}
    return Lookalike(original.__name__, (original,), {**namespace, "_acidity_original": original, **attributes})


def is_python(kind: type) -> bool:
    """Whether a class takes other attributes: it was made by a class statement."""
    heap_type, immutable = 1 << 9, 1 << 8
    return bool(kind.__flags__ & heap_type) and not kind.__flags__ & immutable
