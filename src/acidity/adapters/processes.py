"""Other processes: what one does that an operation has started, no Python of this process sees, so the run is unknown.

Every way to start one raises an audit event or goes through one function of ``_posixsubprocess`` (``multiprocessing``).
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import FrameType
from typing import Any

from acidity.adapters.base import Bystander, Gatekeeper
from acidity.adapters.drivers.base import Hooks
from acidity.adapters.seam import current_actor
from acidity.adapters.site import is_where_acidity_calls
from acidity.engines import audit
from acidity.engines.audit import hear

_EVENTS = ("subprocess.Popen", "os.exec", "os.posix_spawn", "os.fork", "os.forkpty", "os.system")
_HARMLESS = frozenset({"platform", "ctypes.util", "uuid"})  # they ask the system for names, by its programs
_MACHINERY = frozenset({"subprocess", "os", "contextlib", audit.__name__, __name__})


class ProcessesAdapter(Bystander):
    """Notes what starts another process while an operation runs.

    Args:
        gatekeeper: see `Bystander`.
    """

    def __init__(self, gatekeeper: Gatekeeper) -> None:
        super().__init__(gatekeeper)
        self._hooks = Hooks()
        self._started: dict[str, None] = {}

    def install(self) -> None:
        """Listen."""
        _installed.append(self)
        hear(_heard, _EVENTS)
        posix = import_module("_posixsubprocess")
        original = posix.fork_exec

        def fork_exec(*arguments: Any) -> Any:
            self.started("multiprocessing")
            return original(*arguments)

        self._hooks.put(posix, "fork_exec", fork_exec)
        pool: Any = import_module("concurrent.futures.process").ProcessPoolExecutor
        submitting = pool.submit

        def submit(executor: Any, /, *arguments: Any, **keywords: Any) -> Any:
            self.started("ProcessPoolExecutor.submit")
            return submitting(executor, *arguments, **keywords)

        self._hooks.put(pool, "submit", submit)
        self._hook_multiprocessing()

    def _hook_multiprocessing(self) -> None:
        """A pool that was made before is given work; something is sent to a process that was started before."""
        pools, pipes = sys.modules.get("multiprocessing.pool"), sys.modules.get("multiprocessing.connection")
        if pools is not None:
            running, threads = pools.Pool._check_running, pools.ThreadPool

            def check_running(pool: Any) -> Any:
                if not isinstance(pool, threads):
                    self._given("multiprocessing.Pool")
                return running(pool)

            self._hooks.put(pools.Pool, "_check_running", check_running)
        if pipes is not None:
            writable = pipes._ConnectionBase._check_writable

            def check_writable(pipe: Any) -> Any:
                if not _wakes_a_pool(sys._getframe(1)):
                    self._given("multiprocessing.Connection.send")
                return writable(pipe)

            self._hooks.put(pipes._ConnectionBase, "_check_writable", check_writable)

    def _given(self, how: str) -> None:
        """The program's own threads may serve their processes all the time."""
        if current_actor() is not None:
            self.started(how)

    def remove(self) -> None:
        """Listen no more."""
        if self in _installed:
            _installed.remove(self)
        self._hooks.take_back()

    def started(self, how: str) -> None:
        """A process is about to be started, or to be given work."""
        if self.armed and _is_the_programs(sys._getframe(1)):
            self._started[f"another process was used ({how}), and acidity cannot see what it does"] = None

    def bypasses(self) -> list[str]:
        """What was started in this run."""
        return list(self._started)

    def forget(self) -> None:
        """The run is over."""
        self._started.clear()


def _is_the_programs(frame: FrameType | None) -> bool:
    """Whether the program is behind this, and not acidity, nor a module that only asks for a name."""
    asking = True
    while frame is not None and not is_where_acidity_calls(frame.f_code):
        name = frame.f_globals.get("__name__", "")
        if asking and name not in _MACHINERY:
            if name in _HARMLESS:
                return False
            asking = False
        if name.startswith(("acidity.engines.", "acidity.prove.")) and name not in _MACHINERY:
            return False
        frame = frame.f_back
    return True


def _wakes_a_pool(frame: FrameType | None) -> bool:
    """Whether a pool, be it one of threads, sends something to a thread of its own (``Pool._change_notifier``)."""
    callers: list[str] = []
    while frame is not None and len(callers) < len(_WAKING):
        callers.append(frame.f_globals.get("__name__", ""))
        frame = frame.f_back
    return callers == _WAKING


_WAKING = ["multiprocessing.connection", "multiprocessing.queues", "multiprocessing.pool"]  # send, put, who asks

_installed: list[ProcessesAdapter] = []


def _heard(happening: str, _arguments: tuple[Any, ...]) -> None:
    for adapter in _installed:
        adapter.started(happening)
