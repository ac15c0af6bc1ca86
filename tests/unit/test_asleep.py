"""Who waits for a lock is told from who only waits for his turn in the interpreter."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator

import pytest

from acidity.prove.explore.asleep import Asleep

INTERVAL_S = 0.02
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="proc(5)")


@pytest.fixture
def waiting() -> Iterator[threading.Thread]:
    """A thread that waits for a lock; the interpreter is handed on every 20 ms."""
    lock, interval = threading.Lock(), sys.getswitchinterval()
    sys.setswitchinterval(INTERVAL_S)
    lock.acquire()
    thread = threading.Thread(target=lock.acquire, daemon=True)
    thread.start()
    try:
        yield thread
    finally:
        sys.setswitchinterval(interval)
        lock.release()
        thread.join()


def test_it_is_said_when_all_would_have_had_their_turn(waiting: threading.Thread) -> None:
    """As often as somebody looks: who waits for his turn sleeps on a futex as well, for up to one interval."""
    asleep, began, looks = Asleep(), time.monotonic(), 0
    while not asleep.thread(waiting):
        looks += 1
        assert time.monotonic() - began < 10
    assert time.monotonic() - began > 2 * INTERVAL_S
    assert looks >= 2
