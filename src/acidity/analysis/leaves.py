"""The parts of an answer that have no parts themselves, each with the place in which it stands.

A text is taken piece by piece, so that a key or a number within a message has a place of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from enum import Enum
from typing import Any

from acidity.analysis.answers import parts_of, pieces_of, text_of
from acidity.analysis.values import uuid_digits

Path = tuple[Any, ...]
A_SET = "a set"  # the last step to the values of a set, which have no places


def leaves_of(answer: Any, path: Path = ()) -> Iterator[tuple[Path, str]]:
    """Each part of an answer that has no parts itself, as text; a text piece by piece."""
    parts = parts_of(answer)
    if isinstance(answer, set | frozenset):
        yield (*path, A_SET), repr(sorted(map(repr, answer)))
    elif parts is not None:
        for name, part in parts.items():
            yield from leaves_of(part, (*path, name))
    elif isinstance(answer, str | bytes):
        for place, piece in enumerate(_pieces(answer)):
            yield (*path, place), text_of(piece)
    else:
        yield path, repr(answer) if answer is None or isinstance(answer, bool | Enum) else text_of(answer)


def with_leaves(answer: Any, paths: AbstractSet[Path], other: str, path: Path = ()) -> Any:
    """The answer, with another text in these places; see `leaves_of`."""
    if not paths:
        return answer
    parts = parts_of(answer)
    if isinstance(answer, set | frozenset):
        return other if (*path, A_SET) in paths else answer
    if parts is not None:
        new = {name: with_leaves(part, paths, other, (*path, name)) for name, part in parts.items()}
        return type(answer)(new.values()) if isinstance(answer, list | tuple) else new
    if isinstance(answer, str | bytes):
        return "".join(other if (*path, place) in paths else piece for place, piece in enumerate(_pieces(answer)))
    return other if path in paths else answer


def _pieces(text: str | bytes) -> list[str]:
    return [text_of(text)] if uuid_digits(text) is not None else pieces_of(text)
