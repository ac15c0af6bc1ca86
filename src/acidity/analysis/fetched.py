"""What a program has fetched, as plain rows, and whether it may have come of an answer that acidity got itself.

Programs fetch rows as tuples, mappings, objects or single values, and their drivers may give a value another type than
the driver of acidity does (JSON as text, a UUID). None of this says anything of isolation, so none of it may name an
anomaly.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from acidity.analysis.values import encode
from acidity.core.call import Event
from acidity.core.row import cells_of

Rows = tuple[tuple[Any, ...], ...]


def rows_of(event: Event) -> Rows:
    """What the program got, as tuples."""
    return tuple(cells_of(row) for row in event.reply.rows or ())


def is_nothing(rows: Rows) -> bool:
    """Whether they tell that there is nothing: no row at all, or one in which all is NULL or 0."""
    return not rows or (len(rows) == 1 and all(value is None or value == 0 for value in rows[0]))


def may_come_of(answer: Rows, rows: Rows) -> bool:
    """Whether a program that got these rows may have got this answer; it need not fetch all of it.

    A row may have fewer cells than that of the answer, where the program has asked its driver for some of them; a value
    of NULL alone may also be what a driver gives for no row at all.
    """
    if not rows:
        return not answer
    if not answer:
        return rows == ((None,),)
    if all(len(row) == len(answer[0]) for row in rows) and len(rows) == len(answer):
        mine, theirs = (Counter(tuple(map(encode, row)) for row in each) for each in (rows, answer))
        if mine == theirs:
            return True
    return len(rows) <= len(answer) and all(map(_is_part_of, rows, answer))


def are_alike(answers: Iterable[Rows | None], rows: Rows) -> bool:
    """Whether these rows are of the same form as some answer, so that a difference between them is one of values."""
    known = [row for answer in answers for row in answer or ()]
    if not known or not rows:
        return True
    if any(len(row) != len(known[0]) for row in rows):
        return False
    return all(
        not (mine and theirs) or bool(mine & theirs)
        for mine, theirs in ((_types(rows, place), _types(known, place)) for place in range(len(known[0])))
    )


def _types(rows: Iterable[tuple[Any, ...]], place: int) -> set[type]:
    return {type(row[place]) for row in rows if row[place] is not None}


def _is_part_of(row: Sequence[Any], whole: Sequence[Any]) -> bool:
    """Whether the cells are those of the other row, in its order, perhaps not all of them."""
    if len(row) == len(whole):
        return all(map(_is_same, row, whole))
    left = iter(whole)
    return all(any(_is_same(cell, other) for other in left) for cell in row)


def _is_same(one: Any, other: Any) -> bool:
    """Whether two drivers may have given these for one stored value."""
    if encode(one) == encode(other):
        return True
    return type(one) is not type(other) and None not in (one, other) and _plain(one) == _plain(other)


def _plain(value: Any) -> str:
    """A value as text; JSON is written anew, so that text of it and what it holds are the same."""
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).decode(errors="replace")
    if isinstance(value, str):
        try:
            value = json.loads(value) if value[:1] in {"{", "["} else value
        except ValueError:
            return str(value)
    return json.dumps(value, sort_keys=True, default=str) if isinstance(value, dict | list) else str(value)
