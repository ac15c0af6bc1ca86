"""Open what a power cut left with the real SQLite, and see what it makes of it."""

from __future__ import annotations

import hashlib
import os
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from acidity.analysis.leftout import without
from acidity.core.outcome import State
from acidity.engines.directory import OwnDirectory
from acidity.engines.own_calls import own_calls
from acidity.engines.sqlite.rows import RowReader


@dataclass(frozen=True, slots=True)
class Recovered:
    """What became of a state.

    Attributes:
        state: the rows that are compared; None where it could not be opened or is damaged.
        rows: equal for equal rows; empty where there are none.
        trouble: what SQLite says where there are none.
        whole: the rows with those that are not compared, too.
    """

    state: State | None
    rows: str = ""
    trouble: str = ""
    whole: State | None = None


class Recovery:
    """Recovers states in a directory of its own; equal files are opened once.

    Args:
        name: of the database file.
        ignore: what is not compared, as the scenario says.

    Attributes:
        opened: how many states were recovered, each different from all others.
    """

    def __init__(self, name: str, ignore: Sequence[str] = ()) -> None:
        self.opened = 0
        self._ignore = ignore
        self._directory = OwnDirectory()
        self._path = str(self._directory.path / name)
        self._name = name
        self._reader = RowReader()
        self._left: set[str] = set()
        self._known: dict[bytes, Recovered] = {}
        self._recovered: dict[str, Recovered] = {}

    def close(self) -> None:
        """Remove the directory."""
        self._directory.remove()

    def of(self, files: Mapping[str, bytes]) -> Recovered:
        """What SQLite makes of these files."""
        digest = hashlib.blake2b(digest_size=16)
        for name in sorted(files):
            digest.update(f"{name} {len(files[name])}\n".encode())
            digest.update(files[name])
        key = digest.digest()
        if key not in self._known:
            self._known[key] = self._recover(files)
            self.opened += 1
        return self._known[key]

    def database(self, files: Mapping[str, bytes]) -> bytes:
        """The database file after the recovery, with all that was in its journals."""
        self._recover(files)
        with open(self._path, "rb") as file:  # noqa: PTH123
            return file.read()

    def _recover(self, files: Mapping[str, bytes]) -> Recovered:
        for name in self._left:  # of the state before; SQLite may have removed it
            if name not in files:
                with suppress(FileNotFoundError):
                    os.unlink(self._directory.path / name)  # noqa: PTH108 - for every state
        for name, content in {self._name: b"", **files}.items():
            _put(f"{self._directory.path}/{name}", content)
        self._left = {*files, f"{self._name}-shm"} if len(files) > 1 else {*files}
        with own_calls():
            connection = sqlite3.Connection(self._path, timeout=0, isolation_level=None)
        try:
            return self._examined(connection)
        except sqlite3.Error as error:
            return Recovered(None, trouble=f"{type(error).__name__}: {error}")
        finally:
            connection.close()

    def _examined(self, connection: sqlite3.Connection) -> Recovered:
        found = connection.execute("PRAGMA integrity_check(3)").fetchall()
        if found != [("ok",)]:
            return Recovered(None, trouble="; ".join(str(line) for (line,) in found))
        whole = self._reader.read(connection)
        state = without(whole, self._ignore)
        return self._recovered.setdefault(whole.fingerprint, Recovered(state, state.fingerprint, whole=whole))


def _put(path: str, content: bytes) -> None:
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        os.write(file, content)
    finally:
        os.close(file)
