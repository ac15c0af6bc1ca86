"""Is the answer of a run the answer of the clean run, up to what the database, a clock or chance puts into it?"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import fields, is_dataclass
from datetime import date, time, timedelta
from numbers import Number
from typing import Any
from uuid import UUID

from acidity.analysis.values import encode, is_opaque, is_time, uuid_digits

_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
# Times, UUIDs, long runs of token characters and numbers with a fraction are whole; then words.
_PIECES = re.compile(
    r"(\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?"
    r"|[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|[A-Za-z0-9_-]{16,}|\d+(?:[.,]\d+)+|\w+)"
)


def same_answer(clean_answers: Sequence[Any], answer: Any, pairs: Mapping[Any, Any]) -> bool:
    """Whether an answer is the clean run's.

    Both are walked position by position. A leaf is the same if it is equal; if it is the value that took the place of
    the clean one in the rows; or if the clean answers differ from each other there and all of them, and this one, are
    UUIDs, times or opaque tokens. Text is compared piece by piece, so that a key inside a message is recognised.

    Args:
        clean_answers: the answers of the clean runs, that of the run whose rows `pairs` starts from first.
        answer: the answer to judge.
        pairs: value in the clean run → value in this run; or what `bijection` returned, domain → such pairs.

    Returns:
        True if it is the same.
    """
    return _Walk(pairs).same(tuple(clean_answers), answer)


class _Walk:
    def __init__(self, pairs: Mapping[Any, Any]) -> None:
        self._renamed: set[tuple[str, str]] = set()
        for clean, other in pairs.items():
            inner = other.items() if isinstance(other, Mapping) else ((clean, other),)
            self._renamed.update((_text(one), _text(two)) for one, two in inner)
        self._path: list[int] = []

    def same(self, cleans: tuple[Any, ...], answer: Any) -> bool:
        first = cleans[0]
        if _equal(first, answer) or id(answer) in self._path:
            return True
        if isinstance(first, AbstractSet) and isinstance(answer, AbstractSet):
            return self._same_set(cleans, answer)
        parts = _parts(first)
        if parts is None or _parts(answer) is None:
            return self._same_leaf(cleans, answer)
        if type(first) is not type(answer) and not (isinstance(first, Mapping) and isinstance(answer, Mapping)):
            return False
        self._path.append(id(answer))
        try:
            return self._same_parts([parts, *(_parts(clean) or {} for clean in cleans[1:])], _parts(answer) or {})
        finally:
            self._path.pop()

    def _same_parts(self, cleans: list[dict[Any, Any]], answer: dict[Any, Any]) -> bool:
        if len(cleans[0]) != len(answer):
            return False
        free = dict.fromkeys(answer)
        for name, part in cleans[0].items():
            versions = (part, *(clean[name] for clean in cleans[1:] if name in clean))
            # A new key of the database may be the key of a dictionary.
            candidates = ([name] if name in free else []) + [n for n in free if n != name and self._is_renamed(name, n)]
            partner = next((n for n in candidates if self.same(versions, answer[n])), _NONE)
            if partner is _NONE:
                return False
            del free[partner]
        return True

    def _same_set(self, cleans: tuple[Any, ...], answer: AbstractSet[Any]) -> bool:
        missing, extra = list(cleans[0] - answer), list(answer - cleans[0])
        for value in list(missing):
            partner = next((other for other in extra if self._is_renamed(value, other)), _NONE)
            if partner is not _NONE:
                missing.remove(value)
                extra.remove(partner)
        differ = any(clean != cleans[0] for clean in cleans[1:])
        return len(missing) == len(extra) and (not missing or (differ and all(map(_volatile, [*missing, *extra]))))

    def _same_leaf(self, cleans: tuple[Any, ...], answer: Any) -> bool:
        first = cleans[0]
        if type(first) is not type(answer) and not (_volatile(first) and _volatile(answer)):
            return False
        if isinstance(first, bool):
            return False
        if self._is_renamed(first, answer):
            return True
        if any(not _equal(clean, first) for clean in cleans[1:]) and all(map(_volatile, (*cleans, answer))):
            return True
        if isinstance(first, Number | date | time | timedelta | UUID):
            return encode(first) == encode(answer)  # not-a-number is not equal to itself
        return self._same_text([_pieces(clean) for clean in cleans], _pieces(answer))

    def _same_text(self, cleans: list[list[str]], answer: list[str]) -> bool:
        cleans = [clean for clean in cleans if len(clean) == len(cleans[0])]
        if len(cleans[0]) != len(answer):
            return False
        return all(
            column[0] == piece
            or (_text(column[0]), _text(piece)) in self._renamed
            or (len(set(column)) > 1 and all(map(_volatile, (*column, piece))))
            for column, piece in zip(zip(*cleans, strict=True), answer, strict=True)
        )

    def _is_renamed(self, clean: Any, other: Any) -> bool:
        return (_text(clean), _text(other)) in self._renamed


_NONE = object()


def _equal(one: Any, other: Any) -> bool:
    """Equality that survives objects whose ``==`` raises or does not answer with a truth value."""
    try:
        return bool(one == other)
    except Exception:
        return False


def _volatile(value: Any) -> bool:
    return is_time(value) or is_opaque(value)


def _text(value: Any) -> str:
    """A generated value as text; a UUID in its one notation."""
    return uuid_digits(value) or str(value)


def _pieces(value: Any) -> list[str]:
    if isinstance(value, bytes | bytearray):
        text = bytes(value).decode(errors="surrogateescape")
    else:
        text = value if isinstance(value, str) else _ADDRESS.sub("", repr(value))
    return _PIECES.split(text)


def _parts(value: Any) -> dict[Any, Any] | None:
    """What a structured value consists of, by name or position; None for a leaf."""
    if isinstance(value, Mapping):
        return dict(value)
    if is_dataclass(value) and not isinstance(value, type):
        return {part.name: getattr(value, part.name) for part in fields(value)}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes | bytearray | memoryview):
        return dict(enumerate(value))
    # An object that says itself when it is equal to another (a pydantic or attrs model) is what its fields are.
    if hasattr(value, "__dict__") and not isinstance(value, type) and _says_equal(value):
        return {name: part for name, part in vars(value).items() if not name.startswith("_")} or None
    return None


def _says_equal(value: Any) -> bool:
    return any("__eq__" in kind.__dict__ for kind in type(value).__mro__[:-1])
