"""The frames of Python's stacks: which one each thread is at."""

from __future__ import annotations

import gc
import os
import sys
import threading
from types import FrameType

_turn = threading.Lock()
_paused = False  # the collector, by whoever looks just now


def innermost_frame(thread: int | None) -> FrameType | None:
    """Where a thread is, by its number; None where it has ended.

    CPython may wait for itself for ever if what is collected while it looks has a variable of a thread in it
    (python/cpython#106883), so nothing is collected meanwhile.
    """
    global _paused  # noqa: PLW0603 - there is one collector for the process
    with _turn:
        _paused = gc.isenabled()
        gc.disable()
        try:
            return sys._current_frames().get(thread or 0)
        finally:
            if _paused:
                gc.enable()
            _paused = False


def _begin_anew() -> None:
    """In a forked child nobody is there who would give the turn back, or go on collecting."""
    global _turn, _paused  # noqa: PLW0603
    _turn = threading.Lock()
    if _paused:
        gc.enable()
    _paused = False


os.register_at_fork(after_in_child=_begin_anew)
