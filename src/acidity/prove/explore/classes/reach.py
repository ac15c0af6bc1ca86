"""What is within reach of some values of a program: what they hold, what that holds, and so on.

Looked into are containers, objects and classes of the user's own, functions of theirs with defaults and enclosing
variables, and what Python itself keeps values in: caches, context variables, bound and partial functions. Of an object
of another package those attributes are looked at that the program names: what it keeps for itself beside them changes
from run to run, and tells a caller nothing.
"""

from __future__ import annotations

import gc
import inspect
import threading
from array import array
from collections import OrderedDict, deque
from collections.abc import Iterable, Iterator, Mapping, MutableSequence, MutableSet
from contextlib import suppress
from contextvars import Context, ContextVar
from functools import lru_cache, partial
from types import BuiltinFunctionType, CellType, FunctionType, MethodType, ModuleType, SimpleNamespace
from typing import Any

from acidity.adapters.site import is_user_code

MOST = 50_000  # things, or twenty times as many plain ones
_PLAIN_IN_ONE = 20
_PLAIN = frozenset({str, bytes, int, float, complex, bool, type(None)})
_OF_CONTEXTS = frozenset({"werkzeug.local"})
"""Modules of stand-ins for what each request has for itself, as `flask.request` is."""
_PYTHONS = (dict, list, tuple, set, frozenset, bytearray, array, deque, SimpleNamespace, threading.local)
_CONTAINERS = (tuple, frozenset, array, MutableSequence, MutableSet)
_CACHE = type(lru_cache(len))
_HOLDERS = (_CACHE, partial, ContextVar, MethodType, BuiltinFunctionType, CellType, staticmethod, classmethod, property)


class TooMuchError(Exception):
    """More is within reach than is looked at."""


def is_plain(value: Any) -> bool:
    """Whether it is a text, a number or nothing, which nobody can change."""
    return type(value) in _PLAIN


def told_apart_by(value: Any) -> object:
    """What tells a value from another one: plain ones what they are, all others which one it is."""
    return (type(value), value) if is_plain(value) else id(value)


class Reach:
    """Looks into values.

    Args:
        context: that in which callers begin.
        unlooked: packages of whose objects nothing is looked at.
        in_one_thread: what a thread has for itself is shared, since callers are tasks of this one.

    Attributes:
        names: those that the program's code has.
    """

    def __init__(self, context: Context, unlooked: frozenset[str], *, in_one_thread: bool) -> None:
        self.names: set[str] = set()
        self._context = context
        self._unlooked = unlooked
        self._in_one_thread = in_one_thread
        self._users: dict[type, bool] = {}

    def of(self, values: Iterable[Any]) -> Iterator[tuple[Any, list[Any]]]:
        """Everything within reach of some values that is neither plain nor a module, each once, with what it holds.

        Raises:
            TooMuchError: it is more than `MOST`.
        """
        todo = [value for value in values if not is_plain(value)]
        known: dict[int, Any] = {}  # what was made only to be looked at is kept, too, so that nothing else gets its id
        size = 0
        while todo:
            value = todo.pop()
            if id(value) in known or type(value).__module__ in _OF_CONTEXTS:
                continue
            known[id(value)] = value
            parts = self._parts(value)
            more = [each for each in parts if not is_plain(each) and not issubclass(type(each), ModuleType)]
            size += 1 + len(more) + len(parts) // _PLAIN_IN_ONE
            if size > MOST:
                raise TooMuchError
            yield value, parts
            todo += more

    def _parts(self, value: Any) -> list[Any]:
        kind = type(value)
        if issubclass(kind, threading.local) and not self._in_one_thread:
            return []
        found: list[Any] = []
        with suppress(Exception):  # it stands for what is not there yet
            if issubclass(kind, ContextVar):
                found.append(self._context.get(value))
            if issubclass(kind, _PYTHONS) or not self._is_users(kind):
                found += _held(value, kind)
        if issubclass(kind, type):
            for each in filter(self._is_users, value.__mro__):
                found += _own(vars(each).items())
        elif self._is_users(kind):
            found += [kind, *_own(_attributes(value))]
        elif kind.__module__.partition(".")[0] not in self._unlooked:
            found += self._named(value)
        return found

    def _named(self, value: Any) -> list[Any]:
        """What the program names of another's object; of one that only holds what is put to it, where it is put."""
        own: dict[str, Any] = {}
        with suppress(Exception):  # it has none, or stands for another one
            own = dict(value.__dict__)
        held = [each for each in own.values() if isinstance(each, dict) and not self.names.isdisjoint(each)]
        return [*_own((name, own[name]) for name in self.names & own.keys()), *(held if _gives(type(value)) else ())]

    def _is_users(self, kind: type) -> bool:
        if kind not in self._users:
            self._users[kind] = False
            with suppress(TypeError, OSError):  # a class of no file
                self._users[kind] = is_user_code(inspect.getfile(kind))
        return self._users[kind]


def _gives(kind: type) -> bool:
    """Whether objects of a class give and take what they hold by names, as attributes."""
    return all(any(name in vars(each) for each in kind.__mro__[:-1]) for name in ("__getattr__", "__setattr__"))


def _held(value: Any, kind: type) -> Iterable[Any]:
    """What Python's own kinds hold, and those that behave like them."""
    if issubclass(kind, FunctionType):
        return _of_function(value)
    if issubclass(kind, dict):
        pairs = list(OrderedDict.items(value) if issubclass(kind, OrderedDict) else dict.items(value))
        return [each for pair in pairs for each in pair] if "__builtins__" not in value else _own(pairs)
    if issubclass(kind, Mapping):
        return [*value, *value.values()]
    if issubclass(kind, bytearray | memoryview):
        return [bytes(value)]
    if issubclass(kind, _CONTAINERS):
        return list(value)
    if issubclass(kind, SimpleNamespace | threading.local):
        return _own(vars(value).items())
    if issubclass(kind, _HOLDERS):
        return sorted(gc.get_referents(value), key=id)  # a cache has them in the order in which they were asked for
    return [value.cache_info().currsize] if hasattr(kind, "cache_info") else ()


def _of_function(function: FunctionType) -> list[Any]:
    held = [*_own(vars(function).items()), vars(function).get("__wrapped__")]
    if is_user_code(function.__code__.co_filename):
        held += [*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()]
        for cell in function.__closure__ or ():
            with suppress(ValueError):  # it is not filled yet
                held.append(cell.cell_contents)
    return held


def _own(named: Iterable[tuple[str, Any]]) -> list[Any]:
    """Values by their names, but for those that Python or SQLAlchemy keeps there for itself."""
    own = {name: each for name, each in named if not name.startswith(("_sa_", "__"))}
    return [part for name in sorted(own) for part in (name, own[name])]


def _attributes(value: Any) -> Iterator[tuple[str, Any]]:
    """Those that the object itself has, in its dictionary or in slots."""
    with suppress(Exception):  # it stands for another one
        yield from list(value.__dict__.items())
    for kind in type(value).__mro__:
        slots = vars(kind).get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            with suppress(AttributeError):  # it is not filled
                yield name, getattr(value, name)
