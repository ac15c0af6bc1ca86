"""``connection.pgconn``: the connection of libpq below one of psycopg's that was open before the check.

It may be written in C, so its methods cannot be held back. What can be is the way to it: the attribute of the
connection, of its ``info`` and of its cursors. Who has kept the object itself beside these needs no way any more.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Iterable, Iterator
from importlib import import_module
from typing import Any, NoReturn

from acidity.adapters.drivers.base import Hooks
from acidity.engines.orphans import owner_of

_DRIVER = frozenset({"psycopg", "psycopg_binary", "psycopg_c"})
_ASKED = _DRIVER | {"acidity"}


class Handles:
    """Keeps the program from the handles of connections while it is an operation.

    Args:
        is_used: whether the program asks now.
        refuse: says that it may not.
    """

    def __init__(self, is_used: Callable[[], bool], refuse: Callable[[str], NoReturn]) -> None:
        self._is_used = is_used
        self._refuse = refuse
        self._hooks = Hooks()
        self._held: dict[int, Any] = {}  # by the identity of the handle; kept, so that nobody else gets it

    def hold_back(self, connections: Iterable[Any]) -> None:
        """These are open; what acidity itself has opened needs no guard."""
        self._held = {id(handle): handle for handle in map(_handle_of, connections) if not _is_own(handle)}
        if not self._held:
            return
        for module, owner, name in _WAYS:
            kind = getattr(import_module(module), owner)
            self._hooks.put(kind, name, self._guarding(vars(kind).get(name), name))

    def release(self) -> None:
        """Nothing is guarded any more."""
        self._hooks.take_back()
        self._held.clear()

    def _guarding(self, slot: Any, name: str) -> property:
        """Stands for the attribute of that name, which lies in a slot, or in the object's dictionary."""

        def get(owner: Any) -> Any:
            try:
                handle = vars(owner)[name] if slot is None else slot.__get__(owner)
            except KeyError:
                raise AttributeError(name) from None
            if id(handle) in self._held and self._is_used() and _asks_from_outside(sys._getframe(1)):
                self._refuse(f"the operation uses the {name} of a psycopg connection")
            return handle

        def put(owner: Any, handle: Any) -> None:
            if slot is None:
                vars(owner)[name] = handle
            else:
                slot.__set__(owner, handle)

        return property(get, put)


_WAYS = (
    ("psycopg._connection_base", "BaseConnection", "pgconn"),
    ("psycopg._connection_info", "ConnectionInfo", "pgconn"),
    ("psycopg._cursor_base", "BaseCursor", "_pgconn"),
)


def kept_apart(connections: Iterable[Any]) -> Iterator[Any]:
    """The handles of these connections that the program has kept by themselves: in a variable, a list, a closure."""
    handles = [handle for handle in map(_handle_of, connections) if not _is_own(handle)]
    if not handles:
        return
    for handle in handles:
        if any(holder is not handles and not _is_the_drivers(holder) for holder in gc.get_referrers(handle)):
            yield handle


def _is_the_drivers(holder: Any) -> bool:
    """Whether it is psycopg's, or the dictionary of an object of its; a frame is acidity's own, which looks at it."""
    if type(holder).__name__ in {"frame", "generator"} or _top(type(holder).__module__) in _DRIVER:
        return True
    return isinstance(holder, dict) and any(_top(type(each).__module__) in _DRIVER for each in gc.get_referrers(holder))


def _handle_of(connection: Any) -> Any:
    return vars(connection).get("pgconn")


def _is_own(handle: Any) -> bool:
    """Whether it is an administrator's of a Sandbox, or closed: there is nothing to guard."""
    if handle is None or handle.status != 0:
        return True
    return owner_of((handle.parameter_status(b"application_name") or b"").decode(errors="replace")) is not None


def _asks_from_outside(frame: Any) -> bool:
    return _top(frame.f_globals.get("__name__", "")) not in _ASKED


def _top(module: str) -> str:
    return module.partition(".")[0]
