"""Find the line of user code that made a Call, also through SQLAlchemy's greenlets and asyncio's tasks."""

from __future__ import annotations

import inspect
import os
import sys
import sysconfig
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, TypeVar

from acidity.core.call import Site

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

creator_site: ContextVar[Site | None] = ContextVar("acidity_creator_site", default=None)


_counted: set[str] = set()
# What was found out for the Calls of a check: whose a file is, and places as reports print them.
_whose: dict[str, bool] = {}
_sites: dict[tuple[str, int, str], Site] = {}


@contextmanager
def counting_as_user(files: Iterable[str]) -> Iterator[None]:
    """While this lasts, these files count as the user's wherever they lie: an operation may come from a package."""
    added = {file for file in files if file} - _counted
    _counted.update(added)
    _forget()
    try:
        yield
    finally:
        _counted.difference_update(added)
        _forget()


def _forget() -> None:
    """Other files count, or the current directory is another one."""
    _whose.clear()
    _sites.clear()


def is_user_code(filename: str) -> bool:
    """Whether a file is the user's: not the standard library, not an installed package, not acidity."""
    return filename in _counted or _lies_with_the_user(filename)


@lru_cache(maxsize=4096)
def _lies_with_the_user(filename: str) -> bool:
    if filename.startswith("<"):
        return False
    path = os.path.realpath(filename)
    return not path.startswith(_FOREIGN) and f"{os.sep}site-packages{os.sep}" not in path


Function = TypeVar("Function", bound=Callable[..., Any])


def file_of(function: Any) -> str:
    """The file in which a function was written, below what is wrapped around it; nothing where there is none."""
    inner: Any = inspect.unwrap(getattr(function, "func", function))
    code = getattr(getattr(inner, "__func__", inner), "__code__", None)
    return code.co_filename if code is not None else ""


def calls_operations(function: Function) -> Function:
    """Mark the function of acidity that calls an operation: nobody further up the stack makes any of its Calls."""
    _callers.add(id(function.__code__))
    return function


def is_where_acidity_calls(code: CodeType) -> bool:
    """Whether this is the code that calls the operation; who called that makes none of its Calls."""
    return id(code) in _callers


def shown(filename: str) -> str:
    """The path as reports print it: relative to the current directory where it lies below it."""
    return _shown_from(filename, os.getcwd())  # noqa: PTH109 - called for every Call


@lru_cache(maxsize=4096)
def _shown_from(filename: str, directory: str) -> str:
    path = Path(filename).resolve()
    try:
        return str(path.relative_to(Path(directory).resolve()))
    except ValueError:
        return path.name


def _site(file: str, line: int, function: str) -> Site:
    key = file, line, function
    found = _sites.get(key)
    if found is None:
        found = _sites[key] = Site(shown(file), line, function)
    return found


def find_site() -> Site | None:
    """The innermost line of user code on this stack, on the stacks of parent greenlets, or of the task's creator.

    Nothing is looked at beyond the frame that called the operation: who calls acidity makes none of its Calls.
    """
    frame: FrameType | None = sys._getframe(1)
    greenlet: Any = None if _current_greenlet is None else _current_greenlet()
    while True:
        while frame is not None:
            code = frame.f_code
            file = code.co_filename
            is_users = _whose.get(file)
            if is_users is None:
                is_users = _whose[file] = is_user_code(file)
            if is_users:
                return _site(file, frame.f_lineno, code.co_name)
            if id(code) in _callers:
                return creator_site.get()
            frame = frame.f_back
        greenlet = None if greenlet is None else greenlet.parent
        if greenlet is None:
            return creator_site.get()
        frame = greenlet.gr_frame
