"""Find the line of user code that made a Call, also through SQLAlchemy's greenlets and asyncio's tasks.

Beside that line is the way to it, and on that way the line that decided: methods of an object that keeps the Session or
Connection in an attribute (a unit of work, a repository) carry out what the line outside them asked for.
"""

from __future__ import annotations

import inspect
import linecache
import os
import sys
import sysconfig
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from functools import lru_cache
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, TypeVar

from acidity.core.call import Site
from acidity.core.cause import Place
from acidity.core.variable import context_variable

_current_greenlet: Callable[[], Any] | None
try:
    from greenlet import getcurrent
except ImportError:  # SQLAlchemy without asyncio support never switches greenlets
    _current_greenlet = None
else:
    _current_greenlet = getcurrent

_HERE = str(Path(__file__).resolve().parents[1]) + os.sep
_FOREIGN = tuple(
    sorted(
        {
            str(Path(sysconfig.get_paths()[name]).resolve()) + os.sep
            for name in ("stdlib", "platstdlib", "purelib", "platlib")
        }
        | {str(Path(os.__file__).resolve().parent) + os.sep, _HERE, sysconfig.get_path("scripts") + os.sep}
    )
)

_callers: set[int] = set()  # ids of code objects that live as long as their modules
_with_callers: set[int] = set()  # ids of the variables of those modules

creator_place: ContextVar[Place | None] = context_variable("acidity_creator_place", None)

_here: list[str] = []  # where a check, or the command, began
_counted: set[str] = set()
# What was found out for the Calls of a check: whose a file is, and places as reports print them.
_whose: dict[str, bool] = {}
_elsewhere: dict[object, Mapping[str, Any]] = {}  # the variables of modules that are not the user's, by their names
_sites: dict[tuple[str, int, str], Site] = {}
_places: dict[tuple[object, ...], Place] = {}
_keepers: dict[tuple[CodeType, int], type | None] = {}
_SELF = "self"
# What a Session or Connection can do, and a unit of work that holds one seldom can: SQLAlchemy's, PEP 249's, asyncpg's.
_ABILITIES = (
    frozenset({"begin_nested", "close", "commit", "execute", "rollback"}),
    frozenset({"close", "commit", "cursor", "rollback"}),
    frozenset({"close", "execute", "fetchrow", "transaction"}),
)


@contextmanager
def counting_as_user(files: Iterable[str]) -> Iterator[None]:
    """While this lasts, these files count as the user's wherever they lie: an operation may come from a package."""
    added = {file for file in files if file} - _counted
    _counted.update(added)
    _forget()
    try:
        with told_from_here():
            yield
    finally:
        _counted.difference_update(added)
        _forget()


@contextmanager
def told_from_here() -> Iterator[None]:
    """While this lasts, paths are told from this directory, which is the current one again at its end.

    The program may go to another one; within another such context that one holds.
    """
    is_outermost, here = not _here, os.getcwd()  # noqa: PTH109
    if is_outermost:
        _here.append(here)
    try:
        yield
    finally:
        if is_outermost:
            _here.clear()
        with suppress(OSError):  # it may be gone
            os.chdir(here)


def _forget() -> None:
    """Other files count, or the current directory is another one."""
    _whose.clear()
    _elsewhere.clear()
    _sites.clear()
    _places.clear()
    _keepers.clear()


def is_user_code(filename: str) -> bool:
    """Whether a file is the user's: not the standard library, not an installed package, not acidity."""
    return filename in _counted or _lies_with_the_user(filename)


def counted_elsewhere() -> frozenset[str]:
    """Files that count as the user's although they do not lie with the user."""
    return frozenset(file for file in _counted if not _lies_with_the_user(file))


@lru_cache(maxsize=4096)
def _lies_with_the_user(filename: str) -> bool:
    if filename.startswith("<") or _is_compiled(filename):
        return False
    path = os.path.realpath(filename)
    return not path.startswith(_FOREIGN) and f"{os.sep}site-packages{os.sep}" not in path


def _is_compiled(filename: str) -> bool:
    """Whether the code of a file that is not there was compiled elsewhere: Cython keeps the name that it had there."""
    file = Path(filename)
    return not (file.is_absolute() and file.suffix == ".py") and not file.exists()


Function = TypeVar("Function", bound=Callable[..., Any])


def file_of(function: Any) -> str:
    """The file in which a function was written, below what is wrapped around it; nothing where there is none."""
    inner: Any = inspect.unwrap(getattr(function, "func", function))
    code = getattr(getattr(inner, "__func__", inner), "__code__", None)
    return code.co_filename if code is not None else ""


def calls_operations(function: Function) -> Function:
    """Mark the function of acidity that calls an operation: nobody further up the stack makes any of its Calls."""
    _callers.add(id(function.__code__))
    _with_callers.add(id(function.__globals__))
    return function


def is_where_acidity_calls(code: CodeType) -> bool:
    """Whether this is the code that calls the operation; who called that makes none of its Calls."""
    return id(code) in _callers


def shown(filename: str) -> str:
    """The path as reports print it: relative to the current directory; of what is installed or elsewhere, the name."""
    return _shown_from(filename, _here[0] if _here else os.getcwd())  # noqa: PTH109 - called for every Call


@lru_cache(maxsize=4096)
def _shown_from(filename: str, directory: str) -> str:
    path, here = Path(filename).resolve(), Path(directory).resolve()
    if not path.is_relative_to(here) or "site-packages" in path.relative_to(here).parts:
        return path.name
    return str(path.relative_to(here))


def _site(file: str, line: int, function: str) -> Site:
    key = file, line, function
    found = _sites.get(key)
    if found is None:
        found = _sites[key] = Site(shown(file), line, function, linecache.getline(file, line).strip())
    return found


def find_place() -> Place | None:
    """The lines of user code on this stack, on the stacks of parent greenlets, and on that of the task's creator.

    Nothing is looked at beyond the frame that called the operation: who calls acidity makes none of its Calls.

    Returns:
        The Place whose site is the line that decided, and whose path begins with the innermost line; None where no
        line of the user's is to be found.
    """
    frames = list(_frames_of_the_user())
    keepers = [_keeper(frame) for frame in frames]
    creator = creator_place.get()
    key = (
        *((frame.f_code, frame.f_lineno, keeper is None) for frame, keeper in zip(frames, keepers, strict=True)),
        creator,
    )
    place = _places.get(key)
    if place is None:
        lines = [_site(frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name) for frame in frames]
        place = _places[key] = _place(lines, keepers, creator)
    return place if place.path else None


def _place(lines: list[Site], keepers: list[type | None], creator: Place | None) -> Place:
    path = (*lines, *(creator.path if creator is not None else ()))
    decided = next((line for line, keeper in zip(lines, keepers, strict=True) if keeper is None), None)
    if decided is None and creator is not None:
        decided = creator.site
    if decided is None and lines:  # the operation is a method of such an object itself
        decided = next(line for line, keeper in zip(lines, keepers, strict=True) if keeper is keepers[-1])
    return Place(decided or Site("", 0), path)


def _frames_of_the_user() -> Iterator[FrameType]:
    """The frames of user code, the innermost first.

    Most frames are of modules that are known to be another's. Their code is not asked for, nor what `id` it has: each
    is an audit event of Python's, which costs more than all the rest.
    """
    frame: FrameType | None = sys._getframe(1)
    greenlet: Any = None if _current_greenlet is None else _current_greenlet()
    while True:
        while frame is not None:
            names = frame.f_globals
            if _elsewhere.get(names.get("__name__")) is names:
                frame = frame.f_back
                continue
            code = frame.f_code
            file = code.co_filename
            is_users = _whose.get(file)
            if is_users is None:
                is_users = _whose[file] = is_user_code(file)
            if is_users:
                yield frame
            elif id(code) in _callers:
                return
            elif _is_elsewhere(names):
                _elsewhere[names.get("__name__")] = names
            frame = frame.f_back
        greenlet = None if greenlet is None else greenlet.parent
        if greenlet is None:
            return
        frame = greenlet.gr_frame


def _is_elsewhere(names: Mapping[str, Any]) -> bool:
    """Whether these are the variables of a module of another's, none of whose code is a user's or calls operations."""
    file = names.get("__file__")
    return isinstance(file, str) and id(names) not in _with_callers and not is_user_code(file)


def _keeper(frame: FrameType) -> type | None:
    """The class whose method this is, if the object keeps a Session or a Connection in an attribute.

    Each line is asked once: reading the local variables of a frame that runs keeps them alive until it ends.
    """
    code = frame.f_code
    if not code.co_argcount or code.co_varnames[0] != _SELF:
        return None
    key = code, frame.f_lineno
    if key not in _keepers:
        owner: object = frame.f_locals.get(_SELF)
        kept = getattr(owner, "__dict__", None)
        values = list(kept.values()) if isinstance(kept, dict) else []
        values += [getattr(owner, name, None) for name in getattr(type(owner), "__slots__", ())]
        _keepers[key] = type(owner) if any(map(_is_connection, map(type, values))) else None
    return _keepers[key]


@lru_cache(maxsize=4096)
def _is_connection(kind: type) -> bool:
    """Whether it is a class of Sessions or Connections: SQLAlchemy's, or a driver's."""
    return any(all(hasattr(kind, name) for name in abilities) for abilities in _ABILITIES)
