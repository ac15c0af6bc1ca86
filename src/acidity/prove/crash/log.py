"""The log of a recording: what SQLite asked the file system for, in order, and when a COMMIT was answered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What an entry of the log is.

    Attributes:
        CREATE: a file is new.
        WRITE: bytes go to a place of a file.
        TRUNCATE: a file is cut to a size.
        SYNC: what was written to a file before is on the disk.
        DELETE: a file is removed.
        ANSWER: a COMMIT has returned to the program.
    """

    CREATE = "create"
    WRITE = "write"
    TRUNCATE = "truncate"
    SYNC = "sync"
    DELETE = "delete"
    ANSWER = "answer"


@dataclass(frozen=True, slots=True)
class Entry:
    """One request to the file system, or one answer to the program.

    Attributes:
        kind: what it is.
        call: the number of the Call under way, from 1; 0 before the first one.
        file: the name of the file, without its directory; empty for an answer.
        offset: where in the file the bytes go; of a truncation, the new size.
        data: the bytes.
        upto: of a SYNC, the number of entries that were in the log when it began: it makes only those durable.
        directory: of a SYNC or DELETE, the directory is synced with it, so that files made and removed before stay so.
    """

    kind: Kind
    call: int
    file: str = ""
    offset: int = 0
    data: bytes = b""
    upto: int = 0
    directory: bool = False

    def __str__(self) -> str:
        what = {
            Kind.WRITE: f"{self.file}: {len(self.data)} bytes at {self.offset}",
            Kind.TRUNCATE: f"{self.file}: cut to {self.offset} bytes",
            Kind.SYNC: f"{self.file}{' and its directory' if self.directory else ''}: synced",
            Kind.CREATE: f"{self.file}: created",
            Kind.DELETE: f"{self.file}: deleted{', and its directory synced' if self.directory else ''}",
            Kind.ANSWER: "COMMIT answered",
        }
        return what[self.kind]


@dataclass(frozen=True, slots=True)
class Log:
    """A recording.

    Attributes:
        base: the files at its beginning, all of it on the disk.
        entries: what came then.
    """

    base: dict[str, bytes]
    entries: Sequence[Entry]
