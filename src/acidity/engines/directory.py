"""A directory of acidity's own for one Sandbox: marked, locked while its owner lives, removed on every path.

The lock is the kernel's (``flock``): it ends with the process that holds it, however that process ends. So a directory
whose marker can be locked belongs to nobody any more, and the next start removes it; nothing else is ever removed.
"""

from __future__ import annotations

import atexit
import fcntl
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from acidity.errors import EngineUnavailable, UsageError

PREFIX = "acidity-"
MARKER = "created-by-acidity"


def home() -> Path:
    """Where Sandboxes live: ``ACIDITY_SANDBOX_DIR``, else memory (``/dev/shm``), else the temporary directory."""
    chosen = os.environ.get("ACIDITY_SANDBOX_DIR")
    if chosen:
        return Path(chosen)
    memory = Path("/dev/shm")  # noqa: S108  # the directory below it is ours alone
    if os.access(memory, os.W_OK | os.X_OK) and shutil.disk_usage(memory).free > 64 * 2**20:
        return memory
    return Path(tempfile.gettempdir())


@contextmanager
def room_in(path: Path, variable: str) -> Iterator[None]:
    """Something is made in a directory, which may be none, or full, or closed.

    Args:
        path: the directory.
        variable: the environment variable that names another one.

    Raises:
        UsageError: nothing can be made there, and the variable names it.
        EngineUnavailable: nothing can be made there, and acidity chose it.
    """
    try:
        yield
    except OSError as error:
        kind = UsageError if os.environ.get(variable) else EngineUnavailable
        why = error.strerror or type(error).__name__
        raise kind(f"nothing can be made in {path} ({why}); name another directory in {variable}") from error


class OwnDirectory:
    """A fresh directory with acidity's marker in it; orphans of killed processes are swept first.

    Attributes:
        path: of it; known before it is made, so that whoever is interrupted meanwhile leaves nothing behind.
    """

    path: Path

    def __init__(self) -> None:
        base = home()
        with room_in(base, "ACIDITY_SANDBOX_DIR"):
            base.mkdir(parents=True, exist_ok=True)
        sweep(base)
        self._owner = os.getpid()
        self._may_be_there = False
        self._lock: int | None = None
        atexit.register(self.remove)
        try:
            with room_in(base, "ACIDITY_SANDBOX_DIR"):
                while not self._is_made_in(base):
                    pass
        except BaseException:
            self.remove()
            raise

    def _is_made_in(self, base: Path) -> bool:
        """Whether it is made and locked; somebody's sweep may be faster than the lock."""
        self.path, self._may_be_there = base / f"{PREFIX}{secrets.token_hex(8)}", True
        self.path.mkdir(mode=0o700)
        self._lock = os.open(self.path / MARKER, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        if (self.path / MARKER).exists():
            return True
        os.close(self._lock)
        self._lock = None
        return False

    def remove(self) -> None:
        """Delete it; a forked child only lets go."""
        atexit.unregister(self.remove)
        if self._owner != os.getpid() or not self._may_be_there:
            return
        shutil.rmtree(self.path, ignore_errors=True)
        self._may_be_there = False
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


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
