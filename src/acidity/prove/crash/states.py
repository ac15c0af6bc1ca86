"""The states that a disk can be in after a power cut, and how one is named: ``@OP.SET``.

OP is the entry of the log before which the power goes off. SET says what of the pending entries survives: a number in
hexadecimal with a bit for each of them, the first one the lowest. ``x3h2`` behind it says that of the pending entry 3
only the head is there, up to the second of three places between sectors (``t``: only the tail, from there on; ``z``:
the file has grown, and where the bytes should be there are zeros; ``j``: junk).
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Self

from acidity.errors import UsageError
from acidity.prove.crash.disk import Cut, Pending, patched
from acidity.prove.crash.log import Kind

SECTOR = 512  # bytes; a disk writes all of one or nothing
EXHAUSTIVE_MAX = 7  # pending writes; of more, not every subset is tried
_DRAWN = 24
_JUNK = b"\xa5"
_SET = re.compile(
    r"(?P<kept>[0-9a-f]{1,64})(?:x(?P<item>[0-9]{1,6})(?:(?P<part>[ht])(?P<place>[123])|(?P<grown>[zj])))?"
)


@dataclass(frozen=True, slots=True)
class Damage:
    """A write of which only a part survives.

    Attributes:
        item: its place among the pending entries.
        how: ``h`` its head, ``t`` its tail, ``z`` zeros instead of it, ``j`` junk.
        place: which of three places between sectors, from 1; 0 where it does not matter.
    """

    item: int
    how: str
    place: int = 0

    def __str__(self) -> str:
        return f"x{self.item}{self.how}{self.place or ''}"


@dataclass(frozen=True, slots=True)
class Survivors:
    """What of the pending entries survives.

    Attributes:
        kept: a bit for each of them.
        damage: what happened to one of those that are kept.
    """

    kept: int
    damage: Damage | None = None

    def __str__(self) -> str:
        return f"{self.kept:x}{self.damage or ''}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the printed form.

        Raises:
            UsageError: it is not one.
        """
        found = _SET.fullmatch(text)
        if found is None:
            raise UsageError(f"not a set of writes that survive: {text!r}")
        if found["item"] is None:
            return cls(int(found["kept"], 16))
        how = found["part"] or found["grown"]
        return cls(int(found["kept"], 16), Damage(int(found["item"]), how, int(found["place"] or 0)))

    def keeps(self, item: int) -> bool:
        """Whether this pending entry is there, at least in part."""
        return bool(self.kept >> item & 1)


@dataclass(frozen=True, slots=True)
class PowerLoss:
    """A power cut, and what it left."""

    cut: Cut
    survivors: Survivors

    @property
    def lost(self) -> int:
        """How many pending entries are not there, or not whole."""
        kept = self.survivors.kept.bit_count() - (self.survivors.damage is not None)
        return len(self.cut.pending) - kept

    @property
    def files(self) -> dict[str, bytes]:
        """The files as they are found when the power is back: name → bytes."""
        cut, survivors = self.cut, self.survivors
        kept = [(place, item) for place, item in enumerate(cut.pending) if survivors.keeps(place)]
        names = cut.names_after(item for _, item in kept if item.of_the_directory)
        found = {}
        for name, file in names.items():
            content = cut.durable.get(file, b"")
            changes = [
                change
                for place, item in kept
                if item.file == file and not item.of_the_directory
                for change in _changes(item, survivors.damage if _strikes(survivors, place) else None)
            ]
            found[name] = patched(content, changes) if changes else content
        return found

    def __str__(self) -> str:
        return f"{self.cut.op}.{self.survivors}"


def _strikes(survivors: Survivors, place: int) -> bool:
    return survivors.damage is not None and survivors.damage.item == place


def _changes(item: Pending, damage: Damage | None) -> Iterator[tuple[int, bytes | None]]:
    entry = item.entry
    if entry.kind is Kind.TRUNCATE:
        yield entry.offset, None
    elif damage is None:
        yield entry.offset, entry.data
    elif damage.how in "zj":
        yield entry.offset, (b"\0" if damage.how == "z" else _JUNK) * len(entry.data)
    else:
        places = _between_sectors(item)
        at = places[min(damage.place, len(places)) - 1] - entry.offset
        yield (entry.offset, entry.data[:at]) if damage.how == "h" else (entry.offset + at, entry.data[at:])


def _between_sectors(item: Pending) -> list[int]:
    """Up to three places in the file at which the write can be torn: the first, the middle and the last one."""
    entry = item.entry
    if entry.kind is not Kind.WRITE:
        return []
    first = (entry.offset // SECTOR + 1) * SECTOR
    places = range(first, entry.offset + len(entry.data), SECTOR)
    return sorted({places[0], places[len(places) // 2], places[-1]}) if places else []


def states(cut: Cut, seed: int) -> Iterator[PowerLoss]:
    """The states that this cut can leave.

    The changes of the directory survive up to one of them. Of the writes to the files that are there then, every subset
    of up to `EXHAUSTIVE_MAX`; of more, every beginning and every end of them, all but one, only one, and some drawn by
    the seed. Beside that, each of them torn, or the file grown without its bytes, with all that was before it.
    """
    directory = [place for place, item in enumerate(cut.pending) if item.of_the_directory]
    for made in range(len(directory) + 1):
        kept = _bits(directory[:made])
        there = set(cut.names_after(cut.pending[place] for place in directory[:made]).values())
        places = [place for place, item in enumerate(cut.pending) if item.file in there and not item.of_the_directory]
        for subset in _subsets(places, f"{seed} {cut.op} {made}"):
            yield PowerLoss(cut, Survivors(kept | subset))
        for number, place in enumerate(places):
            before = kept | _bits(places[: number + 1])
            for damage in _damages(cut, place):
                yield PowerLoss(cut, Survivors(before, damage))
                if number + 1 < len(places) and damage.how in "ht":
                    yield PowerLoss(cut, Survivors(kept | _bits(places), damage))


def is_exhaustive(cut: Cut) -> bool:
    """Whether every subset of the pending writes is among the states of this cut."""
    return sum(1 for item in cut.pending if not item.of_the_directory) <= EXHAUSTIVE_MAX


def _bits(places: Sequence[int]) -> int:
    return sum(1 << place for place in places)


def _subsets(places: Sequence[int], seed: str) -> Iterator[int]:
    count = len(places)
    if count <= EXHAUSTIVE_MAX:
        for mask in range(1 << count):
            yield sum(1 << place for number, place in enumerate(places) if mask >> number & 1)
        return
    whole = _bits(places)
    found = dict.fromkeys(_bits(places[:number]) for number in range(count + 1))
    found |= dict.fromkeys(_bits(places[number:]) for number in range(count))
    for place in places:
        found[whole & ~(1 << place)] = None
        found[1 << place] = None
    draw = random.Random(seed)  # noqa: S311
    for _ in range(_DRAWN):
        found[_bits([place for place in places if draw.random() < 0.5])] = None
    yield from found


def _damages(cut: Cut, place: int) -> Iterator[Damage]:
    item = cut.pending[place]
    for number in range(1, len(_between_sectors(item)) + 1):
        yield Damage(place, "h", number)
        yield Damage(place, "t", number)
    entry = item.entry
    if entry.kind is Kind.WRITE and entry.offset >= len(cut.durable.get(item.file, b"")):
        yield Damage(place, "z")
        yield Damage(place, "j")
