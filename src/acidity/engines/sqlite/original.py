"""Put the rows before back into the file of a SQLite Sandbox, with all that a run has left beside it.

A file that nobody has open is written over where it is, which costs a tenth of a new one. Whether somebody has it open,
in any process, is a fact of Linux's kernel: a write lease (``fcntl(2)``, F_SETLEASE) is granted only to the one who has
it open alone. Otherwise, and wherever there are no leases, a copy takes its place, so that a connection that somebody
still holds keeps the old file and can write no more into ours.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
from contextlib import suppress
from pathlib import Path

_COMPANIONS = ("-journal", "-wal", "-shm")
_KEPT_MAX = 4 << 20  # bytes of a file that are kept in memory


class Original:
    """The seeded file.

    Args:
        path: of the Sandbox's database, which is what it shall be now.
        copy: where a copy is kept.
    """

    def __init__(self, path: Path, copy: Path) -> None:
        shutil.copyfile(path, copy)
        self._path, self._copy = str(path), str(copy)
        self._spare = f"{path}.spare"
        self._companions = [f"{path}{suffix}" for suffix in _COMPANIONS]
        self._content = path.read_bytes() if path.stat().st_size <= _KEPT_MAX else None

    def put_back(self) -> None:
        """Let the file be as it was."""
        for companion in self._companions:
            with suppress(FileNotFoundError):
                os.unlink(companion)  # noqa: PTH108 - for every run
        if self._content is None or not _overwrite(self._path, self._content):
            shutil.copyfile(self._copy, self._spare)
            os.replace(self._spare, self._path)  # noqa: PTH105


def _overwrite(path: str, content: bytes) -> bool:
    """Write it over where it is, if nobody has it open and nobody can open it meanwhile; whether that was done."""
    if not hasattr(fcntl, "F_SETLEASE"):
        return False
    try:
        file = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:  # the program has removed it
        return False
    try:
        if os.fstat(file).st_nlink > 1:  # the program has put another file in its place
            return False
        # Who opens it meanwhile waits; the kernel tells us by a signal, which must be one that does nothing.
        fcntl.fcntl(file, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_WRLCK)
        os.pwrite(file, content, 0)
        os.ftruncate(file, len(content))
    except OSError:  # somebody has it open, or the file system knows no leases
        return False
    finally:
        os.close(file)  # and with it the lease
    return True
