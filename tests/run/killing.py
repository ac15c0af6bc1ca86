"""Ways to kill a dedicated server, and to have it back: real SIGKILLs, by handles that cannot mean another process."""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

_PATIENCE_S = 30.0


def kill_all(sandbox: Any) -> None:
    """SIGKILL to the server and all its processes at once, and a new server on what they left.

    It is stopped first, so that it does not act on the death of its children.
    """
    pid = sandbox.server.pid
    os.kill(pid, signal.SIGSTOP)
    handles = [os.pidfd_open(each) for each in (*_children(pid), pid)]
    for handle in handles:
        signal.pidfd_send_signal(handle, signal.SIGKILL)
    for handle in handles:
        _await_end(handle)
    with suppress(ChildProcessError):
        os.waitpid(pid, 0)
    sandbox.server.up()


def kill_one(sandbox: Any) -> None:
    """SIGKILL to the process of one session, as by the kernel when memory is short; PostgreSQL ends all and recovers."""
    began = _began(sandbox)
    assert began is not None, "the server is up"
    for child in _children(sandbox.server.pid):
        with suppress(OSError):
            if f" {sandbox.database} ".encode() in Path(f"/proc/{child}/cmdline").read_bytes():
                handle = os.pidfd_open(child)
                signal.pidfd_send_signal(handle, signal.SIGKILL)
                _await_end(handle)
                break
    else:
        raise AssertionError("no session to kill")
    deadline = time.monotonic() + _PATIENCE_S
    while _began(sandbox) in {None, began}:
        assert time.monotonic() < deadline, "the server did not recover"
        time.sleep(0.005)


WAYS: Mapping[str, Callable[[Any], None]] = {"kill": kill_all, "kill-session": kill_one}


def _began(sandbox: Any) -> Any:
    """When PostgreSQL's own processes were started last; None while it recovers."""
    with suppress(Exception):
        connection = sandbox.connect_admin()
        try:
            asked = "SELECT max(backend_start) FROM pg_stat_activity WHERE backend_type = 'checkpointer'"
            return connection.execute(asked).fetchone()[0]
        finally:
            connection.close()
    return None


def _children(pid: int) -> list[int]:
    threads = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(each) for thread in threads for each in thread.read_text(encoding="utf-8").split()]


def _await_end(handle: int) -> None:
    try:
        assert select.select([handle], [], [], _PATIENCE_S)[0], "a killed process goes on"
    finally:
        os.close(handle)
