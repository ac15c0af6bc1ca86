"""What an operation shares with others beside the database: locks, counters, caches and other state of its program.

Schedules are put into classes by what they do to rows. A lock of the program, or a dictionary that two callers change,
makes an order tell where no row does; then every schedule has to be run. What is looked at are the globals, the
enclosing variables, the arguments and the objects that the user's own code names; and whether it opens or locks files
or talks to somebody over a socket of its own. State that it reaches in another way is not seen: a report says that its
callers share nothing but the database.
"""

from __future__ import annotations

import asyncio
import dis
import functools
import inspect
import sys
import threading
from _socket import socket as _socket
from collections.abc import Iterable, Iterator, Mapping, MutableMapping, MutableSequence, MutableSet
from contextlib import contextmanager, suppress
from types import CodeType, FrameType, FunctionType, MethodType, ModuleType, SimpleNamespace
from typing import Any

from acidity.adapters.site import is_user_code
from acidity.core.effect import Effect
from acidity.core.scenario import Operation
from acidity.prove.stage.effects import WITHIN, resolved, taken_apart
from acidity.prove.stage.naps import asks_the_time

_DEPTH = 3  # an object, its dictionary of locks, a lock
_MANY = 200  # entries of a container that are looked at
_OF_FILES = frozenset({"open", "flock", "lockf", "mkdir", "link", "symlink", "rename", "replace", "unlink"})
_OF_SYSTEM = frozenset({"io", "_io", "posix", "nt", "fcntl"})
_FOR_FILES = frozenset({"pathlib", "filelock", "portalocker", "fasteners"})
_WHO = frozenset({"get_ident", "get_native_id", "getpid", "gettid", "current_task"})
_WHO_CODES = frozenset(
    each.__code__ for each in (threading.current_thread, asyncio.current_task) if isinstance(each, FunctionType)
)
_INCURIOUS = frozenset(
    {"acidity", "threading", "_thread", "queue", "concurrent", "logging", "asyncio", "anyio", "sniffio", "random"}
    | {"sqlalchemy", "greenlet", "sqlite3", "aiosqlite", "psycopg", "psycopg_pool", "psycopg2", "asyncpg", "pymysql"}
    | {"aiomysql", "MySQLdb", "weakref", "contextlib", "tempfile", "ssl", "asgiref", "reprlib", "dataclasses"}
)
"""Modules that tell a thread, task or process from another one, and nobody which it is."""
_TOGETHER = (("acquire", "release"), ("put_nowait", "get_nowait"), ("set", "is_set"), ("set_result", "done"))
"""Methods that tell what callers do together: of a lock, a queue, an event, a future."""
_OF_CONTEXTS = frozenset({"werkzeug.local"})
"""Modules of stand-ins for what each request has for itself, as `flask.request` is."""


class Shared:
    """The state beside the database that some operations come by.

    Attributes:
        writes_global: a function of theirs assigns a global variable, or one of the function around it.
        unseen: a profiler of the user's is in the place from which the code would be seen that runs.
        asks_who: it was asked in which thread, task or process it runs, which no two callers share.
        asks_time: it was asked for the time, by the program or a package of others.
        goes_elsewhere: it opened or locked a file, or used a socket, other than for the database or within an effect.
        asks_outside: an object to which an effect belongs was asked for something else.

    Args:
        operations: their operations.
        effects: of their scenario. What their own code names is not looked at: the order of effects is kept.
    """

    def __init__(self, operations: Iterable[Operation], effects: Iterable[Any] = ()) -> None:
        self.writes_global = False
        self.unseen = False
        self.asks_who = False
        self.asks_time = False
        self.asks_outside = False
        self.goes_elsewhere = False
        self._outside = frozenset().union(*map(_methods_beside, effects))
        self._codes: set[CodeType] = set()
        self._values: dict[int, Any] = {}
        self._places: dict[tuple[int, str], tuple[Mapping[str, Any], str]] = {}  # names, read anew for each mark
        self._kept: list[Any] = []  # what was marked, so that nothing else gets its id
        for operation in operations:
            self._add_all([*operation.arguments, *operation.keywords.values()])
            self._add_function(operation.function)

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Note what the user's code names that is run meanwhile."""
        if sys.getprofile() is not None or threading.getprofile() is not None:
            self.unseen = True
            yield
            return
        sys.setprofile(self._entered)
        threading.setprofile(self._entered)
        try:
            yield
        finally:
            sys.setprofile(None)
            threading.setprofile(None)

    def _entered(self, frame: FrameType, event: str, argument: object) -> None:
        code = frame.f_code
        if not self.asks_who and _asks_who(frame, event, argument):
            self.asks_who = True
        if not self.asks_time and asks_the_time(frame, event, argument):
            self.asks_time = True
        if WITHIN.get():
            return
        self.goes_elsewhere = self.goes_elsewhere or (event == "c_call" and _goes_elsewhere(frame, argument))
        if code in self._outside:
            self.asks_outside = True
        if event != "call" or code in self._codes or not is_user_code(code.co_filename):
            return
        self._codes.add(code)
        self.writes_global |= any(
            each.opname in {"STORE_GLOBAL", "DELETE_GLOBAL"}
            or (each.opname in {"STORE_DEREF", "DELETE_DEREF"} and each.argval in code.co_freevars)
            for each in dis.get_instructions(code)
        )
        for name in code.co_names:
            self._add_named(frame.f_globals, name, code.co_names)
        if code.co_freevars:
            local = frame.f_locals
            self._add_all([local[name] for name in code.co_freevars if name in local])

    def _add_named(self, names: Mapping[str, Any], name: str, all_names: Iterable[str]) -> None:
        """A variable of a module, or of one that it names."""
        value = names.get(name, sys.modules.get(name))
        if not isinstance(value, ModuleType):
            if name in names:
                self._places[id(names), name] = names, name
        elif is_user_code(getattr(value, "__file__", None) or ""):
            inside = vars(value)
            self._places |= {(id(inside), each): (inside, each) for each in all_names if each in inside}

    def _add_function(self, function: Any) -> None:
        if isinstance(function, functools.partial):
            self._add_all([*function.args, *function.keywords.values()])
            self._add_function(function.func)
        elif isinstance(function, MethodType):
            self._add(function.__self__)
            self._add_function(function.__func__)
        elif isinstance(function, FunctionType):
            for cell in function.__closure__ or ():
                with suppress(ValueError):  # it is not filled yet
                    self._add(cell.cell_contents)
        else:
            self._add_all([function, getattr(function, "__self__", None)])

    def _add_all(self, values: Iterable[Any]) -> None:
        for value in values:
            self._add(value)

    def _add(self, value: Any) -> None:
        if not isinstance(value, ModuleType):
            self._values.setdefault(id(value), value)

    def _all(self) -> list[Any]:
        """All of it as it is now."""
        named = [names.get(name) for names, name in self._places.values()]
        values = [*self._values.values(), *(value for value in named if not isinstance(value, ModuleType))]
        return [value for value in values if type(value).__module__ not in _OF_CONTEXTS]

    def locks(self) -> bool:
        """Whether there is a lock among it, or something else that hands out one thing after another."""
        return any(_hands_out(value, _DEPTH) for value in self._all())

    def mark(self) -> list[object]:
        """What tells its present state from another one."""
        return [_mark(value, _DEPTH, self._kept) for value in self._all()]


def _methods_beside(effect: Any) -> frozenset[CodeType]:
    """The code of all methods of the object of whose methods an effect is one; none for a function."""
    owner, _ = taken_apart(resolved(effect.function if isinstance(effect, Effect) else effect))
    if owner is None:
        return frozenset()
    kinds = owner.__mro__ if isinstance(owner, type) else type(owner).__mro__
    members = [getattr(each, "fget", None) or inspect.unwrap(each) for kind in kinds for each in vars(kind).values()]
    members = [getattr(each, "__func__", each) for each in members]
    return frozenset(each.__code__ for each in members if isinstance(each, FunctionType))


def _asks_who(frame: FrameType, event: str, argument: object) -> bool:
    """Whether the program, or a package of others for it, asks for something that no two callers share."""
    if event == "c_call":
        asked = getattr(argument, "__name__", "") in _WHO
    elif event == "call" and frame.f_code in _WHO_CODES and frame.f_back is not None:
        asked, frame = True, frame.f_back
    else:
        return False
    return asked and str(frame.f_globals.get("__name__", "")).partition(".")[0] not in _INCURIOUS


def _goes_elsewhere(frame: FrameType, function: object) -> bool:
    """Whether something of C that is called leads to a file or another server, which callers may share."""
    by = str(frame.f_globals.get("__name__", "")).partition(".")[0]
    if getattr(function, "__module__", None) in _OF_SYSTEM and getattr(function, "__name__", "") in _OF_FILES:
        return by in _FOR_FILES or is_user_code(frame.f_code.co_filename)
    return isinstance(getattr(function, "__self__", None), _socket) and by not in _INCURIOUS | {"socket", "selectors"}


def _hands_out(value: Any, depth: int) -> bool:
    """Whether it is a lock, a queue, an iterator, or what one caller sets and another one sees; or holds one."""
    if isinstance(value, type | FunctionType | MethodType | str | bytes | int | float | None):
        return isinstance(value, type) and depth > 1 and any(_hands_out(each, 1) for each in _parts(value))
    kind = type(value)
    own = getattr(value, "__dict__", {})  # where the locks of multiprocessing have their methods

    def has(name: str) -> bool:
        return hasattr(kind, name) or name in own

    if has("__next__") or any(has(one) and has(other) for one, other in _TOGETHER):
        return True
    return depth > 1 and any(_hands_out(each, depth - 1) for each in _parts(value))


def _mark(value: Any, depth: int, kept: list[Any]) -> object:
    with suppress(Exception):  # it has none, or only the name of one, or stands for what is not there yet
        return value.cache_info().currsize
    kept.append(value)
    parts = list(_parts(value)) if depth else []
    size = len(value) if isinstance(value, MutableMapping | MutableSequence | MutableSet) else len(parts)
    return id(value), size, *(_mark(each, depth - 1, kept) for each in parts)


def _parts(value: Any) -> Iterable[Any]:
    """What a container, an object of the user's own class, a namespace or a function holds."""
    if isinstance(value, Mapping):
        return list(value.values())[:_MANY]
    if isinstance(value, MutableSequence | MutableSet | tuple | frozenset):
        return list(value)[:_MANY]
    if isinstance(value, FunctionType | SimpleNamespace):
        return list(vars(value).values())[:_MANY]
    kind = value if isinstance(value, type) else type(value)
    with suppress(TypeError, OSError):  # a class of no file
        if is_user_code(inspect.getfile(kind)):
            own = {name: each for name, each in _attributes(value) if not name.startswith(("_sa_", "__"))}
            return [own[name] for name in sorted(own)][:_MANY]
    return ()


def _attributes(value: Any) -> Iterator[tuple[str, Any]]:
    """Those that the object itself has, in its dictionary or in slots."""
    yield from getattr(value, "__dict__", {}).items()
    for kind in type(value).__mro__:
        slots = vars(kind).get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            with suppress(AttributeError):  # it is not filled
                yield name, getattr(value, name)
