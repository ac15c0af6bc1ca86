"""The `Recorder`: what one SQLite database asks of the file system while an operation runs."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from acidity.prove.crash.log import Entry, Kind, Log
from acidity.prove.crash.shim import listen

SUFFIXES = ("", "-journal", "-wal")  # the files that a recovery reads; -shm is made anew


class Recorder:
    """Records one database; a context manager.

    Args:
        path: of the database. Nobody has it open when the recording begins.

    Attributes:
        call: the number of the Call under way; whoever sees Calls keeps it.
        left: the files in the end: name → bytes.
    """

    def __init__(self, path: Path) -> None:
        self.call = 0
        self.left: dict[str, bytes] = {}
        self._path = os.path.realpath(path)
        self._name = path.name
        self._files = {f"{self._path}{suffix}": f"{self._name}{suffix}" for suffix in SUFFIXES}
        self._entries: list[Entry] = []
        self._base: dict[str, bytes] = {}
        self._stop: Callable[[], None] = lambda: None

    def __enter__(self) -> Self:
        self._base = contents(Path(self._path).parent, self._name)
        self._stop = listen(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stop()
        self.left = contents(Path(self._path).parent, self._name)

    @property
    def log(self) -> Log:
        """What was heard so far."""
        return Log(dict(self._base), tuple(self._entries))

    def answered(self) -> None:
        """A COMMIT has just returned to the program."""
        self._entries.append(Entry(Kind.ANSWER, self.call))

    # Tape

    def takes(self, path: str) -> bool:
        """The database and its journals."""
        return path in self._files

    def exists(self, path: str) -> bool:
        """Asked before it is opened."""
        return os.path.lexists(path)

    def refuses(self, path: str, request: str) -> int:  # noqa: ARG002 - the disk of a recording is a good one
        """Nothing fails."""
        return 0

    def opened(self, path: str, *, new: bool) -> None:
        """Opening a file that is there changes nothing."""
        if new:
            self._entries.append(Entry(Kind.CREATE, self.call, self._files[path]))

    def written(self, path: str, offset: int, data: bytes) -> None:
        """Heard before it is done; a state in which it is lost stands for one in which it never was."""
        self._entries.append(Entry(Kind.WRITE, self.call, self._files[path], offset, data))

    def truncated(self, path: str, size: int) -> None:
        """The same."""
        self._entries.append(Entry(Kind.TRUNCATE, self.call, self._files[path], size))

    def syncing(self) -> int:
        """Only what was asked for before a sync is sure to be covered by it."""
        return len(self._entries)

    def synced(self, path: str, begun: int, *, directory: bool) -> None:
        """Heard when it has ended."""
        self._entries.append(Entry(Kind.SYNC, self.call, self._files[path], upto=begun, directory=directory))

    def deleted(self, path: str, *, directory: bool) -> None:
        """Heard when it is done."""
        self._entries.append(Entry(Kind.DELETE, self.call, self._files[path], directory=directory))


def contents(folder: Path, name: str) -> dict[str, bytes]:
    """The database with its journals, as they lie in a directory: name → bytes."""
    paths = [folder / f"{name}{suffix}" for suffix in SUFFIXES]
    return {path.name: path.read_bytes() for path in paths if path.exists()}
