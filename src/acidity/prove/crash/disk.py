"""What of a log is on the disk, entry by entry: a file has what a sync covered, and any part of what came after it.

A sync makes durable what had been written to its file when it began; the first one of a new journal, and a deletion
that asks for it, make the directory durable, too. Everything else is *pending*: a power cut may keep it or lose it,
each write by itself, while of the directory's own changes (files made, files removed) only a beginning survives.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from acidity.prove.crash.log import Entry, Kind, Log

_OF_THE_DIRECTORY = (Kind.CREATE, Kind.DELETE)


@dataclass(frozen=True, slots=True)
class Pending:
    """An entry of the log that may or may not survive.

    Attributes:
        number: of the entry in the log, from 0.
        entry: what was asked for.
        file: which file, by a number that a new one of the same name does not share.
    """

    number: int
    entry: Entry
    file: int

    @property
    def of_the_directory(self) -> bool:
        """Whether a file was made or removed by it."""
        return self.entry.kind in _OF_THE_DIRECTORY


@dataclass(frozen=True, slots=True)
class Cut:
    """The power goes off here.

    Attributes:
        op: before which entry of the log; the number of all entries for the end.
        names: name → file, as the directory is on the disk.
        durable: file → its bytes that are on the disk.
        pending: what may or may not be there beside that, in the order of the log.
    """

    op: int
    names: Mapping[str, int]
    durable: Mapping[int, bytes]
    pending: tuple[Pending, ...]

    def names_after(self, made: Iterable[Pending]) -> dict[str, int]:
        """The directory when these changes of it have survived."""
        names = dict(self.names)
        for item in made:
            if item.entry.kind is Kind.CREATE:
                names[item.entry.file] = item.file
            else:
                names.pop(item.entry.file, None)
        return names


class Disk:
    """Walks through a log, and keeps what is durable and what is pending.

    Args:
        log: the recording.
    """

    def __init__(self, log: Log) -> None:
        self._log = log
        self._names = {name: number for number, name in enumerate(log.base)}
        self._durable = dict(enumerate(log.base.values()))
        self._now = dict(self._names)
        self._pending: list[Pending] = []
        self._next = len(self._names)

    def cuts(self) -> Iterator[Cut]:
        """Where a cut can leave anything that no later one can: before everything that makes durable, and at the end.

        Between two of them nothing becomes durable, so that what is pending only grows, and so does what is owed.
        """
        for number, entry in enumerate(self._log.entries):
            if self._makes_durable(entry):
                yield self._cut(number)
            self._take(number, entry)
        yield self._cut(len(self._log.entries))

    def at(self, op: int) -> Cut:
        """The cut before this entry."""
        (cut,) = self.at_each({op})
        return cut

    def at_each(self, ops: Collection[int]) -> Iterator[Cut]:
        """The cuts before these entries, in their order."""
        for number, entry in enumerate(self._log.entries):
            if number in ops:
                yield self._cut(number)
            self._take(number, entry)
        if len(self._log.entries) in ops:
            yield self._cut(len(self._log.entries))

    def _cut(self, number: int) -> Cut:
        return Cut(
            number, MappingProxyType(dict(self._names)), MappingProxyType(dict(self._durable)), tuple(self._pending)
        )

    @staticmethod
    def _makes_durable(entry: Entry) -> bool:
        return entry.kind is Kind.SYNC or (entry.kind is Kind.DELETE and entry.directory)

    def _take(self, number: int, entry: Entry) -> None:
        if entry.kind is Kind.ANSWER:
            return
        if entry.kind is Kind.SYNC:
            self._sync(self._now[entry.file], entry)
            return
        if entry.kind is Kind.CREATE:
            self._now[entry.file] = self._next
            self._next += 1
        self._pending.append(Pending(number, entry, self._now[entry.file]))
        if entry.kind is Kind.DELETE:
            del self._now[entry.file]
            if entry.directory:
                self._sync_directory(number + 1)

    def _sync(self, file: int, entry: Entry) -> None:
        covered = [it for it in self._pending if it.file == file and it.number < entry.upto and not it.of_the_directory]
        if covered:
            self._durable[file] = written(self._durable.get(file, b""), covered)
            done = {it.number for it in covered}
            self._pending = [it for it in self._pending if it.number not in done]
        if entry.directory:
            self._sync_directory(entry.upto)

    def _sync_directory(self, upto: int) -> None:
        made = [it for it in self._pending if it.of_the_directory and it.number < upto]
        self._names = Cut(0, self._names, {}, ()).names_after(made)
        gone = {it.file for it in made if it.entry.kind is Kind.DELETE}
        self._pending = [it for it in self._pending if it not in made and it.file not in gone]
        for file in gone:
            self._durable.pop(file, None)


def written(content: bytes, items: Iterable[Pending]) -> bytes:
    """A file after these writes and truncations."""
    return patched(
        content, ((it.entry.offset, None if it.entry.kind is Kind.TRUNCATE else it.entry.data) for it in items)
    )


def patched(content: bytes, changes: Iterable[tuple[int, bytes | None]]) -> bytes:
    """Bytes after writes (offset, data) and truncations (size, None); what lies beyond the end is zero until then."""
    found = bytearray(content)
    for offset, data in changes:
        if data is None:
            del found[offset:]
            found.extend(bytes(offset - len(found)))
            continue
        if len(found) < offset:
            found.extend(bytes(offset - len(found)))
        found[offset : offset + len(data)] = data
    return bytes(found)
