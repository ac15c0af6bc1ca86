"""Where a thread is, asked while nothing is collected."""

from __future__ import annotations

import gc
import subprocess
import sys
import threading
from collections.abc import Iterator
from types import FrameType

import pytest

from acidity.prove.stage.frames import innermost_frame


@pytest.fixture
def collecting() -> Iterator[None]:
    was = gc.isenabled()
    yield
    gc.enable() if was else gc.disable()


@pytest.mark.usefixtures("collecting")
@pytest.mark.parametrize("collects", [True, False])
def test_nothing_is_collected_meanwhile(monkeypatch: pytest.MonkeyPatch, *, collects: bool) -> None:
    seen: list[bool] = []

    def look() -> dict[int, FrameType]:
        seen.append(gc.isenabled())
        return {}

    monkeypatch.setattr(sys, "_current_frames", look)
    gc.enable() if collects else gc.disable()
    assert innermost_frame(1) is None
    assert (seen, gc.isenabled()) == ([False], collects)


def test_a_thread_is_where_it_is() -> None:
    frame = innermost_frame(threading.get_ident())
    while frame is not None and frame.f_code.co_name != "test_a_thread_is_where_it_is":
        frame = frame.f_back
    assert frame is not None


_PROGRAM = """
import gc, sys, threading
from acidity.prove.stage.frames import innermost_frame

class Kept:
    pass

def look(real=sys._current_frames):
    kept = Kept()
    kept.itself, kept.of_this_thread = kept, threading.local()
    kept.of_this_thread.value = 1
    del kept
    return real()

sys._current_frames = look
gc.set_threshold(1, 1, 1)
for _ in range(100):
    innermost_frame(threading.get_ident())
"""


@pytest.mark.slow
def test_variables_of_threads_that_are_garbage_do_not_stop_the_process() -> None:
    """``sys._current_frames()`` alone waits for itself here, for ever."""
    assert subprocess.run([sys.executable, "-c", _PROGRAM], timeout=120, check=False).returncode == 0
