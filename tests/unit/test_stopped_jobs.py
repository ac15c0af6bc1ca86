"""A process of `--jobs` that ends without an answer: trouble, unless everybody was told to stop."""

from __future__ import annotations

import os
import signal
from types import SimpleNamespace
from typing import Any

import pytest

from acidity.cli.jobs import TROUBLE, Worker, _Crew


@pytest.mark.parametrize("stopped", [False, True])
def test_who_is_stopped_has_nothing_to_say(*, stopped: bool) -> None:
    reads, writes = os.pipe()
    os.close(writes)
    process: Any = SimpleNamespace(
        wait=lambda: -2, stdin=SimpleNamespace(close=lambda: None), send_signal=lambda _: None
    )
    crew = _Crew([SimpleNamespace()], lambda *_: None)  # type: ignore[list-item]
    crew._waiting.clear()
    worker = Worker(process, reads, at=0)
    crew._ready.register(reads, 1, worker)
    if stopped:
        crew.stop(signal.SIGINT)
    crew.go_on()
    assert (TROUBLE in crew.told[0]) is not stopped
    crew._ready.close()
