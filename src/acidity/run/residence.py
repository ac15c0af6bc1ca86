"""Where a block lives: in a generator it can be suspended, and then it surrounds nothing of what runs.

A generator keeps its ``with`` open from one ``yield`` to the next, and hands over to whoever asked for the next value.
That code is not in the block: it may ask no more, and the block would be undone with all that had joined it. Only where
`contextlib` drives the generator, ``yield`` *means* the body of a ``with``.
"""

from __future__ import annotations

import contextlib
import dis
import inspect
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from types import CodeType, FrameType
from typing import Any

_GENERATORS = inspect.CO_GENERATOR | inspect.CO_ASYNC_GENERATOR
_CONTEXTLIB = contextlib.contextmanager.__code__.co_filename


@dataclass(frozen=True, slots=True)
class Residence:
    """The generator that a block lives in, which nobody but `for`, ``next`` or a framework drives.

    Attributes:
        frame: the identity of its frame; a reference would keep a generator alive that was abandoned.
        code: of the same.
        place: its name, file and line, for people.
    """

    frame: int
    code: CodeType
    place: str

    def is_running(self) -> bool:
        """Whether it is under way now, on the stack of whoever asks."""
        return any(id(frame) == self.frame and frame.f_code is self.code for frame in _stack(sys._getframe(1)))


def residence() -> Residence | None:
    """Where the code that enters a block lives; None where it cannot be suspended, or `contextlib` drives it."""
    for frame in _stack(sys._getframe(1)):
        if frame.f_code.co_flags & _GENERATORS:
            if _driven_by_contextlib(frame):
                return None
            code = frame.f_code
            return Residence(id(frame), code, f"{code.co_name}() in {code.co_filename}:{frame.f_lineno}")
    return None


def _driven_by_contextlib(frame: FrameType) -> bool:
    """Whether it was resumed by a context manager of `contextlib`, itself or through ``yield from``."""
    driver = frame.f_back
    while driver is not None and driver.f_code.co_flags & _GENERATORS and _delegates(driver):
        driver = driver.f_back
    return driver is not None and driver.f_code.co_filename == _CONTEXTLIB


def _delegates(frame: FrameType) -> bool:
    return dis.opname[frame.f_code.co_code[frame.f_lasti]] == "SEND"


def _stack(frame: FrameType | None) -> Iterator[FrameType]:
    """The frames from this one outwards, through the greenlets in which SQLAlchemy runs plain code for async code."""
    greenlet: Any = sys.modules.get("greenlet")
    current = None if greenlet is None else greenlet.getcurrent()
    while True:
        while frame is not None:
            yield frame
            frame = frame.f_back
        current = None if current is None else current.parent
        if current is None:
            return
        frame = current.gr_frame
