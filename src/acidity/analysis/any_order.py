"""A query that asks for no order gets its rows in any (SQL:2016 part 2, 4.33), and so does whoever is told of them.

PostgreSQL gives them as they lie in its pages, where an updated row moves behind those that were there before.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from copy import copy
from typing import Any

from acidity.analysis.answers import parts_of
from acidity.analysis.leaves import leaves_of
from acidity.core.call import Event

_WITHIN = re.compile(r"\([^()]*\)")  # a part of a query, the frame of a window, the arguments of a function
_ORDERED = re.compile(r"\border\s+by\b", re.IGNORECASE)
_GATHERS = re.compile(r"\b(?:jsonb?_agg|array_agg|json_arrayagg|json_group_array)\s*\(", re.IGNORECASE)
_ELEMENTS_MAX = 200  # of a list that is put in another order


def come_in_any_order(events: Iterable[Event]) -> bool:
    """Whether one of these Calls got several rows, or a list of them, and asked for no order."""
    return any(_has_several(event) and _asks_for_none(event.call.sql) for event in events)


def _has_several(event: Event) -> bool:
    rows = event.reply.rows or ()
    return len(rows) > 1 or (bool(rows) and _GATHERS.search(event.call.sql) is not None)


def _asks_for_none(text: str) -> bool:
    if _GATHERS.search(text):
        return not _ORDERED.search(text)
    while (shorter := _WITHIN.sub("", text)) != text:
        text = shorter
    return not _ORDERED.search(text)


def in_order_of(clean: Any, answer: Any) -> Any:
    """An answer with the elements of its lists in the places of those in another one that are most like them.

    Args:
        clean: the other one.
        answer: the answer, which stays as it is.

    Example:
        >>> in_order_of({"free": ["14A", "14B"]}, {"free": ["14B", "14A"], "rows": 2})
        {'free': ['14A', '14B'], 'rows': 2}
    """
    if isinstance(answer, str | bytes | bytearray):
        return answer
    cleans, parts = parts_of(clean), parts_of(answer)
    if not cleans or not parts or type(clean) is not type(answer):
        return answer
    if isinstance(answer, list) and len(clean) == len(answer) <= _ELEMENTS_MAX:
        parts = dict(enumerate(_arranged(clean, answer)))
    new = {name: in_order_of(cleans[name], part) if name in cleans else part for name, part in parts.items()}
    if all(new[name] is part for name, part in (parts_of(answer) or {}).items()):
        return answer
    return _with_parts(answer, new)


def _arranged(clean: list[Any], answer: list[Any]) -> list[Any]:
    """The elements of an answer, each where its like is; of several that are as much alike the one in that place."""
    wanted, there = ([dict(leaves_of(each)) for each in part] for part in (clean, answer))
    left = dict(enumerate(there))
    places: dict[int, int] = {}
    for place, leaves in enumerate(wanted):  # what is equal is not taken by what is nearly so
        found = [other for other, each in left.items() if each == leaves]
        if found:
            places[place] = min(found, key=lambda other: other != place)
            del left[places[place]]
    for place, leaves in enumerate(wanted):
        if place not in places:
            places[place] = max(left, key=lambda other: (len(leaves.items() & left[other].items()), other == place))
            del left[places[place]]
    return [answer[places[place]] for place in range(len(clean))]


def _with_parts(answer: Any, parts: dict[Any, Any]) -> Any:
    if type(answer) in {list, tuple}:
        return type(answer)(parts.values())
    if isinstance(answer, Mapping):
        return parts
    if not hasattr(answer, "__dict__"):  # a row, a named tuple
        return answer
    other = copy(answer)
    for name, part in parts.items():
        object.__setattr__(other, name, part)
    return other
