"""What an operation shares with others beside the database: locks, counters, caches and other state of its program.

Schedules are put into classes by what they do to rows. A lock of the program, or a dictionary that two callers change,
makes an order tell where no row does; then every schedule has to be run. What is looked at is all within reach of the
user's functions that run: globals that they name, defaults, enclosing variables and arguments; and whether a file is
opened or locked for them, or a socket of their own used. What objects of other packages keep for themselves, and
libraries in C, is not seen: a report says that its callers were not seen to share anything.
"""

from __future__ import annotations

import asyncio
import dis
import functools
import gc
import inspect
import sys
import threading
from _socket import socket as _socket
from collections.abc import Iterable, Iterator, Mapping, MutableMapping, MutableSequence, MutableSet
from contextlib import contextmanager, suppress
from contextvars import copy_context
from types import CodeType, FrameType, FunctionType, MethodType, ModuleType
from typing import Any

from acidity.adapters.site import is_user_code
from acidity.core.effect import Effect
from acidity.core.scenario import Operation
from acidity.prove.explore.classes.reach import Reach, TooMuchError, told_apart_by
from acidity.prove.stage.effects import WITHIN, resolved, taken_apart
from acidity.prove.stage.host import is_async
from acidity.prove.stage.naps import asks_the_time

_OF_FILES = frozenset({"open", "flock", "lockf", "mkdir", "link", "symlink", "rename", "replace", "unlink"})
_OF_SYSTEM = frozenset({"io", "_io", "posix", "nt", "fcntl", "_dbm", "_gdbm"})
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
_UNLOOKED = frozenset({"builtins", "unittest", "pytest", "_pytest"})
"""Modules of things that have no attributes of their own, or count how they are used."""
_TOGETHER = (("acquire", "release"), ("put_nowait", "get_nowait"), ("set", "is_set"), ("set_result", "done"))
"""Methods that tell what callers do together: of a lock, a queue, an event, a future."""
_OF_CODE = frozenset(
    {"importlib", "_frozen_importlib", "_frozen_importlib_external", "linecache", "tokenize", "inspect", "traceback"}
    | {"warnings", "zoneinfo"}
)
"""Modules that read files which nobody changes."""
_DOES_ITS_OWN = frozenset({"logging", "tempfile", "ssl", "sqlite3"})
_BEGINS = frozenset({"call", "c_call"})
_OF_HELPERS = "acidity.prove.stage.helpers"
_BY_ANY_NAME = frozenset({"globals", "exec"})
_OF_MODULES = frozenset({"vars", "getattr", "setattr", "__dict__"})
"""What comes by the variables of a module, other than by their names."""


class Shared:
    """The state beside the database that some operations come by.

    Attributes:
        writes_global: a function of theirs assigns a global variable, or one of the function around it.
        unseen: a profiler of the user's is in the place from which the code would be seen that runs.
        asks_who: it was asked in which thread, task or process it runs, which no two callers share.
        asks_time: it was asked for the time, by the program or a package of others.
        goes_elsewhere: it opened or locked a file, or used a socket, other than for the database or within an effect.
        asks_outside: an object to which an effect belongs was asked for something else.
        too_much: more is within their reach than is looked at.

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
        self.too_much = False
        operations = list(operations)
        self._reach = Reach(copy_context(), _INCURIOUS | _UNLOOKED, in_one_thread=any(map(is_async, operations)))
        self._outside = {id(code): code for effect in effects for code in _methods_beside(effect)}
        self._codes: dict[int, CodeType] = {}  # by id: the hash of a code is made anew each time it is asked for
        self._modules: dict[int, dict[str, Any]] = {}  # the variables of those that they are in
        self._values: dict[int, Any] = {}
        self._places: dict[tuple[int, str], tuple[Mapping[str, Any], str]] = {}  # names, read anew for each mark
        self._kept: dict[int, Any] = {}  # what was marked, so that nothing else gets its id
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
        there = [it for it in gc.get_referrers(*self._modules.values()) if type(it) is FunctionType]
        for each in [it for it in there if id(it.__code__) in self._codes]:
            self._add(each)
            owner = each.__qualname__.partition(".")[0]  # the class whose method it is
            self._add_named(each.__globals__, owner, ())

    def _entered(self, frame: FrameType, event: str, argument: object) -> None:
        if event not in _BEGINS:
            return
        code = frame.f_code
        if not self.asks_who and _asks_who(frame, event, argument):
            self.asks_who = True
        if not self.asks_time and asks_the_time(frame, event, argument):
            self.asks_time = True
        if WITHIN.get():
            return
        self.goes_elsewhere = self.goes_elsewhere or (event == "c_call" and _goes_elsewhere(frame, argument))
        if id(code) in self._outside:
            self.asks_outside = True
        if event != "call" or id(code) in self._codes or not is_user_code(code.co_filename):
            return
        self._codes[id(code)] = code
        self._modules[id(frame.f_globals)] = frame.f_globals
        self._reach.names.update(code.co_names)
        self.writes_global |= any(
            each.opname in {"STORE_GLOBAL", "DELETE_GLOBAL"}
            or (each.opname in {"STORE_DEREF", "DELETE_DEREF"} and each.argval in code.co_freevars)
            for each in dis.get_instructions(code)
        )
        for name in code.co_names:
            self._add_named(frame.f_globals, name, code.co_names)
        if not _BY_ANY_NAME.isdisjoint(code.co_names) or {"sys", "modules"} <= {*code.co_names}:
            self._add(frame.f_globals)
        if code.co_freevars:
            local = frame.f_locals
            self._add_all([local[name] for name in code.co_freevars if name in local])

    def _add_named(self, names: Mapping[str, Any], name: str, all_names: Iterable[str]) -> None:
        """A variable of a module, or of one that it names."""
        value = names.get(name, sys.modules.get(name))
        if isinstance(value, ModuleType):
            self._add_module(value, frozenset(all_names))
        elif name in names:
            self._places[id(names), name] = names, name

    def _add_module(self, module: ModuleType, all_names: frozenset[str]) -> None:
        """The variables of a module that are named; of one that is not the user's, those that hold something."""
        inside, is_users = vars(module), is_user_code(getattr(module, "__file__", None) or "")
        if is_users and all_names & _OF_MODULES:
            self._add(inside)
        for name in all_names & inside.keys():
            value = inside[name]
            if type(value) is ModuleType:
                self._add_module(value, all_names - {name})
            elif is_users or issubclass(type(value), MutableMapping | MutableSequence | MutableSet):
                self._places[id(inside), name] = inside, name

    def _add_function(self, function: Any) -> None:
        self._add(function)
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
            self._add(getattr(function, "__self__", None))

    def _add_all(self, values: Iterable[Any]) -> None:
        for value in values:
            self._add(value)

    def _add(self, value: Any) -> None:
        if not isinstance(value, ModuleType):
            self._values.setdefault(id(value), value)

    def _all(self) -> list[Any]:
        """All of it as it is now."""
        named = [names.get(name) for names, name in self._places.values()]
        return [*self._values.values(), *(value for value in named if not isinstance(value, ModuleType))]

    def locks(self) -> bool:
        """Whether there is a lock within reach, or something else that hands out one thing after another."""
        with suppress(TooMuchError):
            return any(_hands_out(value) for value, _ in self._reach.of(self._all()))
        self.too_much = True
        return True

    def mark(self) -> list[object]:
        """What tells its present state from another one."""
        values = self._all()
        marked: list[object] = list(map(told_apart_by, values))
        try:
            for value, parts in self._reach.of(values):
                self._kept[id(value)] = value
                marked.append((id(value), *map(told_apart_by, parts)))
        except TooMuchError:
            self.too_much = True
        return marked


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
    if getattr(function, "__module__", None) in _OF_SYSTEM and getattr(function, "__name__", "") in _OF_FILES:
        return _is_asked_for(frame)
    by = _package(frame)
    return isinstance(getattr(function, "__self__", None), _socket) and by not in _INCURIOUS | {"socket", "selectors"}


def _is_asked_for(frame: FrameType | None) -> bool:
    """Whether what the standard library does here, it does for the program, and not for a driver or to read code."""
    while frame is not None:
        package = _package(frame)
        if package in _OF_CODE or package not in sys.stdlib_module_names | {"acidity"}:
            return package not in _INCURIOUS | _OF_CODE
        if package in _DOES_ITS_OWN or (package == "acidity" and frame.f_globals["__name__"] != _OF_HELPERS):
            return False
        frame = frame.f_back
    return True


def _package(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__", "")).partition(".")[0]


def _hands_out(value: Any) -> bool:
    """Whether it is a lock, a queue, an iterator, or what one caller sets and another one sees."""
    kind = type(value)
    if issubclass(kind, type | FunctionType | MethodType):
        return False
    own: Mapping[str, Any] = {}
    with suppress(Exception):  # it stands for what is not there yet
        own = getattr(value, "__dict__", {})  # where the locks of multiprocessing have their methods

    def has(name: str) -> bool:
        return hasattr(kind, name) or name in own

    return has("__next__") or any(has(one) and has(other) for one, other in _TOGETHER)
