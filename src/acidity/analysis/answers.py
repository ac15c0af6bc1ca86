"""How does the answer of a run compare with the clean run's, up to what a database, a clock or chance puts into it?

Without `succeeded=` this comparison decides what the caller was told (DESIGN §5 *Told*). It knows four results, and
guesses no meaning of words: "booked" and "not available" are two words, and which of them is success only the user can
say.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import fields, is_dataclass
from datetime import date, time, timedelta
from enum import Enum, IntEnum
from http import HTTPStatus
from numbers import Number
from typing import Any
from uuid import UUID

from acidity.analysis.texts import HASHES, INSTANTS, RUNS, UUIDS, one_template
from acidity.analysis.values import encode, is_opaque, is_time, is_volatile, uuid_digits
from acidity.core.outcome import ReturnedError

_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
_DIGITS = re.compile(r"\d+")
# Times, UUIDs, long runs of token characters and numbers with a fraction are whole; then words.
_PIECES = re.compile(
    rf"({INSTANTS}|\d\d:\d\d:\d\d(?:\.\d+)?|{UUIDS}|{HASHES}|{RUNS}|\d+(?:[.,]\d+)+|(?:(?!{UUIDS}|{HASHES})\w)+)"
)
_ERROR_KEYS = frozenset(("error", "errors", "exception", "detail"))
_STATUS_KEYS = frozenset(("status", "status_code"))


class Likeness(IntEnum):
    """How an answer compares with that of the clean run; of several parts the greatest counts.

    Attributes:
        SAME: equal after masks.
        NUMBERS: the same shape, in which only numbers, times, opaque tokens or generated keys differ.
        OTHER: another word, enum member, key or type: nobody but the user knows what it means.
        FAILED: it says that the operation failed.
    """

    SAME = 0
    NUMBERS = 1
    OTHER = 2
    FAILED = 3


def compare_answers(
    clean_answers: Sequence[Any], answer: Any, pairs: Mapping[Any, Any] | Container[tuple[str, str]]
) -> Likeness:
    """Compare an answer with those of the clean runs.

    Both are walked position by position. A leaf is the same if it is equal; if it is the value that took the place of
    the clean one in the rows; or if the clean answers differ from each other there and all of them, and this one, are
    UUIDs, times or opaque tokens. Text is compared piece by piece, so that a key inside a message is recognised, and
    what is around a token.

    An answer says that it failed with another truth value or boolean, ``None`` against a value, a returned exception,
    a key ``error``, ``errors``, ``exception`` or ``detail`` that the clean answer lacks, or a tuple that ends in an
    int of 400 or more (so do parts called ``status`` and ``status_code``). Inside of an answer a number that becomes 0
    is only another number, and a text that becomes empty only another word.

    Args:
        clean_answers: the answers of the clean runs, that of the run whose rows `pairs` starts from first.
        answer: the answer to judge.
        pairs: value in the clean run → value in this run; or what `bijection` returned, domain → such pairs; or what
            is asked for two such values, each as its `text_of`.

    Returns:
        The greatest `Likeness` of all parts.
    """
    walk = _Walk(pairs)
    found = walk.compare(tuple(clean_answers), answer)
    if found is not Likeness.SAME and _truth(clean_answers[0]) is not _truth(answer):
        return Likeness.FAILED
    return found


class _Walk:
    def __init__(self, pairs: Mapping[Any, Any] | Container[tuple[str, str]]) -> None:
        self._renamed = set(_texts(pairs)) if isinstance(pairs, Mapping) else pairs
        self._path: list[int] = []

    def compare(self, cleans: tuple[Any, ...], answer: Any) -> Likeness:
        first = cleans[0]
        if _equal(first, answer) or id(answer) in self._path:
            return Likeness.SAME
        if _says_failed(first, answer):
            return Likeness.FAILED
        if isinstance(first, AbstractSet) and isinstance(answer, AbstractSet):
            return self._compare_sets(cleans, answer)
        parts = parts_of(first)
        if parts is None or parts_of(answer) is None:
            return self._compare_leaves(cleans, answer)
        if type(first) is not type(answer) and not (isinstance(first, Mapping) and isinstance(answer, Mapping)):
            return Likeness.OTHER
        self._path.append(id(answer))
        try:
            return self._compare_parts(
                [parts, *(parts_of(clean) or {} for clean in cleans[1:])], parts_of(answer) or {}
            )
        finally:
            self._path.pop()

    def _compare_parts(self, cleans: list[dict[Any, Any]], answer: dict[Any, Any]) -> Likeness:
        free = dict.fromkeys(answer)
        worst = Likeness.SAME
        for name, part in cleans[0].items():
            versions = (part, *(clean[name] for clean in cleans[1:] if name in clean))
            # A new key of the database may be the key of a dictionary.
            candidates = [name] if name in free else [other for other in free if _may_replace(name, other)]
            if not candidates:
                worst = max(worst, Likeness.OTHER)
                continue
            found, partner = self._nearest(name, versions, {other: answer[other] for other in candidates})
            worst = max(worst, found, self._status(name, part, answer[partner]))
            del free[partner]
        return max(worst, Likeness.OTHER) if free else worst

    def _nearest(self, name: Any, versions: tuple[Any, ...], candidates: dict[Any, Any]) -> tuple[Likeness, Any]:
        """The candidate that is most like a part; of several that are alike the first."""
        found = {}
        for other, value in candidates.items():
            renamed = Likeness.SAME if other == name or self._is_renamed(name, other) else Likeness.NUMBERS
            found[other] = max(renamed, self.compare(versions, value))
            if found[other] is Likeness.SAME:
                break
        partner = min(found, key=lambda other: found[other])
        return found[partner], partner

    @staticmethod
    def _status(name: Any, clean: Any, answer: Any) -> Likeness:
        """A part that is the status of a response by its name."""
        if name in _STATUS_KEYS and _is_error_status(answer) and not _is_error_status(clean):
            return Likeness.FAILED
        return Likeness.SAME

    def _compare_sets(self, cleans: tuple[Any, ...], answer: AbstractSet[Any]) -> Likeness:
        missing, extra = list(cleans[0] - answer), list(answer - cleans[0])
        for value in list(missing):
            partner = next((other for other in extra if self._is_renamed(value, other)), _NONE)
            if partner is not _NONE:
                missing.remove(value)
                extra.remove(partner)
        if len(missing) != len(extra):
            return Likeness.OTHER
        differ = any(clean != cleans[0] for clean in cleans[1:])
        if not missing or (differ and all(map(is_volatile, [*missing, *extra]))):
            return Likeness.SAME
        return Likeness.NUMBERS if all(map(_is_counted, [*missing, *extra])) else Likeness.OTHER

    def _compare_leaves(self, cleans: tuple[Any, ...], answer: Any) -> Likeness:
        first = cleans[0]
        if isinstance(first, Enum | bool) or isinstance(answer, Enum | bool):
            return Likeness.OTHER
        alike = type(first) is type(answer) or (is_volatile(first) and is_volatile(answer))
        if alike and self._is_renamed(first, answer):
            return Likeness.SAME
        differ = any(not _equal(clean, first) for clean in cleans[1:])
        if differ and all(map(is_volatile, (*cleans, answer))) and not one_template(cleans):
            return Likeness.SAME
        if isinstance(first, Number | date | time | timedelta | UUID):
            if encode(first) == encode(answer):  # not-a-number is not equal to itself
                return Likeness.SAME
            return Likeness.NUMBERS if _same_sort(first, answer) else Likeness.OTHER
        if not alike:
            return Likeness.OTHER
        if type(first) is not type(answer):
            return Likeness.NUMBERS
        return self._compare_texts([pieces_of(clean) for clean in cleans], pieces_of(answer))

    def _compare_texts(self, cleans: list[list[str]], answer: list[str]) -> Likeness:
        cleans = [clean for clean in cleans if len(clean) == len(cleans[0])]
        if len(cleans[0]) != len(answer):
            return Likeness.OTHER
        return max(
            (
                self._compare_pieces(column, piece)
                for column, piece in zip(zip(*cleans, strict=True), answer, strict=True)
            ),
            default=Likeness.SAME,
        )

    def _compare_pieces(self, cleans: tuple[str, ...], piece: str) -> Likeness:
        first = cleans[0]
        if first == piece or (text_of(first), text_of(piece)) in self._renamed:
            return Likeness.SAME
        volatile = is_volatile(first) and is_volatile(piece)
        if volatile and len(set(cleans)) > 1 and all(map(is_volatile, cleans)):
            return Likeness.SAME
        return Likeness.NUMBERS if volatile or _numbers_only(first, piece) else Likeness.OTHER

    def _is_renamed(self, clean: Any, other: Any) -> bool:
        return (text_of(clean), text_of(other)) in self._renamed


_NONE = object()


def _texts(pairs: Mapping[Any, Any]) -> Iterator[tuple[str, str]]:
    for clean, other in pairs.items():
        inner = other.items() if isinstance(other, Mapping) else ((clean, other),)
        yield from ((text_of(one), text_of(two)) for one, two in inner)


def _says_failed(clean: Any, answer: Any) -> bool:
    """Whether this part of an answer says that the operation failed, where the clean one does not."""
    if isinstance(answer, ReturnedError | BaseException):
        return not isinstance(clean, ReturnedError | BaseException)
    if isinstance(clean, bool) and isinstance(answer, bool):
        return clean is not answer
    if (clean is None) is not (answer is None):
        return True
    if _ends_in_error(answer) and not _ends_in_error(clean):
        return True
    known = _named_parts(clean)
    return any(name in _ERROR_KEYS and part and not known.get(name) for name, part in _named_parts(answer).items())


def _ends_in_error(value: Any) -> bool:
    return isinstance(value, tuple) and bool(value) and _is_error_status(value[-1])


def _is_error_status(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= HTTPStatus.BAD_REQUEST


def _named_parts(value: Any) -> Mapping[Any, Any]:
    if isinstance(value, Sequence | AbstractSet):
        return {}
    return parts_of(value) or {}


def _truth(value: Any) -> bool:
    """A truth value that survives objects whose ``bool`` raises."""
    try:
        return bool(value)
    except Exception:
        return True


def _may_replace(clean: Any, other: Any) -> bool:
    """Whether one key of a dictionary may stand for another: both are numbers, times or tokens."""
    return _is_counted(clean) and _is_counted(other)


def _is_counted(value: Any) -> bool:
    """Whether a value is one of those that may differ without being another word."""
    if isinstance(value, bool | Enum):
        return False
    return isinstance(value, Number) or is_volatile(value)


def _same_sort(one: Any, other: Any) -> bool:
    if isinstance(one, Number) and isinstance(other, Number):
        return True
    if isinstance(one, timedelta) or isinstance(other, timedelta):
        return type(one) is type(other)
    return (is_time(one) and is_time(other)) or (is_opaque(one) and is_opaque(other))


def _numbers_only(one: str, other: str) -> bool:
    """Whether two words differ in their digits only: ``12ms`` and ``7ms``."""
    return _DIGITS.sub("0", one) == _DIGITS.sub("0", other) and bool(_DIGITS.search(one))


def _equal(one: Any, other: Any) -> bool:
    """Equality that survives objects whose ``==`` raises or does not answer with a truth value."""
    try:
        return bool(one == other)
    except Exception:
        return False


def text_of(value: Any) -> str:
    """A generated value as text; a UUID in its one notation."""
    return uuid_digits(value) or str(value)


def pieces_of(value: Any) -> list[str]:
    """A text, or what is shown of a value, piece by piece: times, tokens, words."""
    if isinstance(value, bytes | bytearray):
        text = bytes(value).decode(errors="surrogateescape")
    else:
        text = value if isinstance(value, str) else _ADDRESS.sub("", repr(value))
    return _PIECES.split(text)


def parts_of(value: Any) -> dict[Any, Any] | None:
    """What a structured value consists of, by name or position; None for a leaf."""
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, ReturnedError):
        return None
    if is_dataclass(value) and not isinstance(value, type):
        return {part.name: getattr(value, part.name) for part in fields(value)}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes | bytearray | memoryview):
        return dict(enumerate(value))
    # An object that says itself when it is equal to another (a pydantic or attrs model) is what its fields are.
    if hasattr(value, "__dict__") and not isinstance(value, type | Enum) and says_equal(value):
        return {name: part for name, part in vars(value).items() if not name.startswith("_")} or None
    return None


def says_equal(value: Any) -> bool:
    """Whether the class of a value defines itself when two of them are equal."""
    return any("__eq__" in kind.__dict__ for kind in type(value).__mro__[:-1])
