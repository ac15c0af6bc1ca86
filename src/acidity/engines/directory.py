"""A directory of acidity's own for one Sandbox: marked, locked while its owner lives, removed on every path.

The lock is the kernel's (``flock``): it ends with the process that holds it, however that process ends. So a directory
whose marker can be locked belongs to nobody any more, and the next start removes it; nothing else is ever removed.
"""

from __future__ import annotations

import atexit
import fcntl
import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

PREFIX = "acidity-"
MARKER = "created-by-acidity"


def home() -> Path:
    """Where Sandboxes live: ``ACIDITY_SANDBOX_DIR``, else memory (``/dev/shm``), else the temporary directory."""
    chosen = os.environ.get("ACIDITY_SANDBOX_DIR")
    if chosen:
        return Path(chosen)
    memory = Path("/dev/shm")  # noqa: S108  # the directory below it is made with mkdtemp
    if os.access(memory, os.W_OK | os.X_OK) and shutil.disk_usage(memory).free > 64 * 2**20:
        return memory
    return Path(tempfile.gettempdir())


class OwnDirectory:
    """A fresh directory with acidity's marker in it; orphans of killed processes are swept first."""

    def __init__(self) -> None:
        base = home()
        base.mkdir(parents=True, exist_ok=True)
        sweep(base)
        self._owner = os.getpid()
        self.path, self._lock = _made_and_locked(base)
        atexit.register(self.remove)

    def remove(self) -> None:
        """Delete it; a forked child only lets go."""
        if self._owner != os.getpid() or self._lock < 0:
            return
        atexit.unregister(self.remove)
        shutil.rmtree(self.path, ignore_errors=True)
        os.close(self._lock)
        self._lock = -1


def _made_and_locked(base: Path) -> tuple[Path, int]:
    while True:
        path = Path(tempfile.mkdtemp(prefix=PREFIX, dir=base))
        lock = os.open(path / MARKER, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX)
        if (path / MARKER).exists():
            return path, lock
        os.close(lock)  # somebody's sweep was faster than the lock


def sweep(base: Path) -> list[Path]:
    """Remove the directories below `base` that acidity made and whose owner is gone; give their paths."""
    removed = []
    for path in base.glob(f"{PREFIX}*"):
        try:
            lock = os.open(path / MARKER, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        except OSError:  # not ours, or not ready, or gone
            continue
        try:
            with suppress(BlockingIOError):
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(path, ignore_errors=True)
                removed.append(path)
        finally:
            os.close(lock)
    return removed
