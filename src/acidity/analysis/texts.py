"""Texts that hold something random beside other things (``invoice-90-‹uuid›``): their pieces, and what is around them.

What is around them is a template. Only where it comes again in all clean runs is a text compared piece by piece; where
it does not, all of the text is one value, as it would be without anything random in it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from enum import Flag
from functools import reduce
from operator import or_
from os import getpid
from typing import Any

from acidity.analysis.values import encode, framed, identity, is_opaque, is_time, shape, uuid_digits

Column = tuple[str, str]
Constant = tuple[Column | None, bytes]  # the column of a template; an opaque value is the same thing wherever it stands
UUIDS = r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
HASHES = r"(?<![A-Za-z0-9])(?:[0-9a-f]{16,}|[0-9A-F]{16,})(?![A-Za-z0-9])"
INSTANTS = r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?"
# A run is whole if no more of it follows. A possessive quantifier would say so, which is wrong before Python 3.11.5.
_RUN = rf"(?:(?!{UUIDS}|{HASHES})[A-Za-z0-9_-])"
RUNS = rf"(?<![A-Za-z0-9_+-]){_RUN}{{16,}}(?!{_RUN}|\+)={{0,2}}"
_SURE = re.compile(f"{UUIDS}|{HASHES}")
_CUT = re.compile(f"({INSTANTS}|{UUIDS}|{HASHES}|{RUNS})")
_NUMBER = re.compile(r"\d+")


class Sort(Flag):
    """What new values are, or the pieces of one."""

    SAME = 0  # compared literally
    TIME = 1
    RANDOM = 2  # a token
    WRONG = 4  # different in clean runs, and nothing explains it


Pieces = tuple[tuple[Sort, Any], ...]


def cut(text: str) -> list[str]:
    """A text cut around what may be times, UUIDs and tokens, which stand in the odd places.

    >>> cut("90-9f86d081884c7d65")
    ['90-', '9f86d081884c7d65', '']
    """
    if is_time(text) or uuid_digits(text) is not None or (is_opaque(text) and not _SURE.search(text)):
        return ["", text, ""]
    return _CUT.split(text)


def pieces_of(value: Any, same: Collection[bytes] = ()) -> Pieces:
    """The pieces of a stored value; one that is no text is one piece.

    Args:
        value: the value.
        same: opaque values that are no random ones, by `identity`.
    """
    texts = cut(value) if isinstance(value, str) and value else ["", value]
    return tuple(
        (_sort_of(piece, same, is_part=any(texts[::2])) if place % 2 else Sort.SAME, piece)
        for place, piece in enumerate(texts)
        if place % 2 or piece
    )


def _sort_of(piece: Any, same: Collection[bytes], *, is_part: bool) -> Sort:
    if is_time(piece):
        return Sort.TIME
    # Base64 that ends in = has + and / in it by chance: beside other things nobody knows where it begins.
    known = identity(piece) in same or (is_part and str(piece).endswith("="))
    return Sort.RANDOM if is_opaque(piece) and not known else Sort.SAME


def is_whole(pieces: Pieces) -> bool:
    """Whether a value is a time or a random value and nothing else."""
    return len(pieces) == 1 and pieces[0][0] is not Sort.SAME


def template(pieces: Pieces) -> bytes:
    """What is literal in the pieces of a value, and how its random ones are written."""
    return framed(
        encode(piece) if sort is Sort.SAME else b"@" if sort is Sort.TIME else b"*" + shape(piece)
        for sort, piece in pieces
    )


def one_template(values: Iterable[Any]) -> bool:
    """Whether values are alike but for what is random in them, and hold something else, too."""
    every = [pieces_of(value) for value in values]
    return not any(map(is_whole, every)) and len(set(map(template, every))) == 1


def constants_of(
    places: Mapping[Column, Sequence[Sequence[object]]], unsure: Iterable[object]
) -> tuple[frozenset[Constant], frozenset[Constant]]:
    """What of the new values comes again, as often, in all clean runs, and what does not.

    Args:
        places: column or path → values, run by run; those that the application writes.
        unsure: values that the database makes. They come again in clean runs and need not in others, and so does a text
            with such a number in it, or with that of this process: one that is killed is another one.
    """
    made = [*unsure, getpid()]
    numbers = {str(value) for value in made if type(value) is int}
    known = {identity(piece) for value in made for sort, piece in pieces_of(value) if sort is Sort.RANDOM}
    runs = range(max((len(cells) for cells in places.values()), default=0))
    values = [
        Counter(
            (None, identity(piece))
            for cells in places.values()
            for value in cells[run]
            for sort, piece in pieces_of(value)
            if sort is Sort.RANDOM and identity(piece) not in known and not _has_number(piece, numbers)
        )
        for run in runs
    ]
    same = {content for _, content in _in_all(values)[0]}
    texts = [Counter(_templates(places, run, same, numbers)) for run in runs]
    one, two = _in_all(values), _in_all(texts)
    return one[0] | two[0], one[1] | two[1]


def _templates(
    places: Mapping[Column, Sequence[Sequence[object]]], run: int, same: Collection[bytes], numbers: Collection[str]
) -> Iterable[Constant]:
    for place, cells in places.items():
        if not any(isinstance(value, str) for each in cells for value in each):
            continue
        for value in cells[run]:
            pieces = pieces_of(value, same)
            literal = (piece for sort, piece in pieces if sort is Sort.SAME)
            if value is not None and not is_whole(pieces) and not any(_has_number(it, numbers) for it in literal):
                yield place, template(pieces)


def _has_number(piece: object, numbers: Collection[str]) -> bool:
    """Whether one of these numbers stands in a piece that is neither a UUID nor a hash."""
    if not numbers or not isinstance(piece, str) or _SURE.fullmatch(piece):
        return False
    return any((found.lstrip("0") or "0") in numbers for found in _NUMBER.findall(piece))


def _in_all(runs: Sequence[Counter[Any]]) -> tuple[frozenset[Constant], frozenset[Constant]]:
    every = frozenset().union(*runs)
    same = frozenset(each for each in every if len({run[each] for run in runs}) == 1)
    return same, every - same


class Texts:
    """Tells the pieces of those values that are compared piece by piece.

    Args:
        constants: what is known to come again.
        masked: columns and paths in which something is masked.

    Attributes:
        same: opaque values that are no random ones.
        places: the columns and paths that have such values.
    """

    def __init__(self, constants: Iterable[Constant], masked: Collection[Column]) -> None:
        self._known: dict[Column, set[bytes]] = {}
        self.same = frozenset(content for place, content in constants if place is None)
        for place, content in constants:
            if place is not None and place in masked:
                self._known.setdefault(place, set()).add(content)
        self.places = self._known.keys()

    def pieces(self, place: Column, value: object) -> Pieces | None:
        """The pieces of a value; None of one that is compared as a whole."""
        if place not in self._known:
            return None
        pieces = pieces_of(value, self.same)
        return pieces if template(pieces) in self._known[place] else None

    def explained(self, place: Column, cells: Sequence[Sequence[object]]) -> tuple[Sort, list[list[object]]]:
        """What the pieces of values are that are compared piece by piece; and all other values, run by run."""
        found = Sort.SAME
        rest: list[list[object]] = [[] for _ in cells]
        for left, run in zip(rest, cells, strict=True):
            for value in run:
                pieces = self.pieces(place, value)
                if pieces is not None:
                    found = reduce(or_, (sort for sort, _ in pieces), found)
                elif value is not None and not self.is_constant(value):
                    left.append(value)
        return found, rest

    def is_constant(self, value: object) -> bool:
        """Whether a value is opaque, and no random one."""
        return is_opaque(value) and identity(value) in self.same

    def shown(self, place: Column, value: object) -> bytes:
        """What is literal in a masked value that is not empty."""
        pieces = self.pieces(place, value)
        if pieces is not None:
            return template(pieces)
        return encode(value) if self.is_constant(value) else b"*"


def is_in(piece: object, text: object) -> bool:
    """Whether a piece stands in a text."""
    return isinstance(piece, str) and isinstance(text, str) and piece in text
