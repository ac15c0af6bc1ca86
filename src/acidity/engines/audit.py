"""What Python says that it does: audit events (PEP 578), and who wants to hear of them.

A hook can never be taken back, and is called at every event: to ask for an `id`, or for the code of a frame, is one,
too. So there is one hook for all, and it does no more than look for listeners.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterable
from typing import Any

Listener = Callable[[str, tuple[Any, ...]], None]
"""Is told the event and its arguments; an exception stops what was about to be done."""

_listeners: dict[str, tuple[Listener, ...]] = {}
_lock = threading.Lock()


def hear(listener: Listener, events: Iterable[str]) -> None:
    """Tell a function of these events from now on, after those that asked before it; to ask again changes nothing."""
    asked = tuple(events)
    if all(listener in _listeners.get(event, ()) for event in asked):
        return
    with _lock:
        if not _listeners:
            sys.addaudithook(_hook)
        for event in asked:
            known = _listeners.get(event, ())
            _listeners[event] = known if listener in known else (*known, listener)


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    for listener in _listeners.get(event, ()):
        listener(event, arguments)
