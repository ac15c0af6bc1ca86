"""A query that asks for no order gets its rows in any (SQL:2016 part 2, 4.33), and so does whoever is told of them.

PostgreSQL gives them as they lie in its pages, where an updated row moves behind those that were there before.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Container, Iterable, Mapping
from contextlib import suppress
from copy import copy
from typing import Any

from acidity.analysis.answers import parts_of
from acidity.analysis.leaves import leaves_of
from acidity.analysis.reads import is_ordered
from acidity.core.call import Event

_WITHIN = re.compile(r"\([^()]*\)")  # a part of a query, the frame of a window, the arguments of a function
_GATHERS = re.compile(r"\b(?:jsonb?_agg|array_agg|json_arrayagg|json_group_array)\s*\(", re.IGNORECASE)
_JSON = frozenset({"[", "{"})
_BETWEEN = ("\n", "; ", ";", ", ", ",")  # what stands between the items of a text, of several the first
_ELEMENTS_MAX = 200  # of a list that is put in another order


def sizes_in_any_order(events: Iterable[Event]) -> frozenset[int]:
    """How many rows the Calls got that got several, or a list of them, and asked for no order; empty if none did."""
    found = set()
    for event in events:
        rows = event.reply.rows or ()
        gathers = bool(rows) and _GATHERS.search(event.call.sql) is not None
        if (len(rows) > 1 or gathers) and _asks_for_none(event.call.sql):
            found.add(len(rows))
    return frozenset(found)


def _asks_for_none(text: str) -> bool:
    if _GATHERS.search(text):
        return not is_ordered(text)
    while (shorter := _WITHIN.sub("", text)) != text:
        text = shorter
    return not is_ordered(text)


def in_order_of(clean: Any, answer: Any, sizes: Container[int] = frozenset()) -> Any:
    """An answer with the elements of its lists in the places of those in another one that are most like them.

    A text in which the same items come in another order, as lines or in a JSON document, is that of the other one.

    Args:
        clean: the other one.
        answer: the answer, which stays as it is.
        sizes: of the tuples that are lists; in all others a place has a meaning.

    Example:
        >>> in_order_of({"free": ["14A", "14B"]}, {"free": ["14B", "14A"], "rows": 2})
        {'free': ['14A', '14B'], 'rows': 2}
    """
    if isinstance(answer, str) and isinstance(clean, str):
        return clean if _has_same_items(clean, answer) else answer
    if isinstance(answer, str | bytes | bytearray):
        return answer
    cleans, parts = parts_of(clean), parts_of(answer)
    if not cleans or not parts or type(clean) is not type(answer):
        return answer
    is_list = isinstance(answer, list) or (type(answer) is tuple and len(answer) in sizes)
    if is_list and len(clean) == len(answer) <= _ELEMENTS_MAX:
        parts = dict(enumerate(_arranged(clean, answer)))
    new = {name: in_order_of(cleans[name], part, sizes) if name in cleans else part for name, part in parts.items()}
    if all(new[name] is part for name, part in (parts_of(answer) or {}).items()):
        return answer
    return _with_parts(answer, new)


def _has_same_items(clean: str, answer: str) -> bool:
    """Whether two texts list the same; within an item everything has its place."""
    if len(clean) != len(answer):
        return False
    if clean[:1] in _JSON:
        with suppress(ValueError):
            one, other = json.loads(clean), json.loads(answer)
            return bool(in_order_of(one, other) == one)
    between = next((each for each in _BETWEEN if each in clean), None)
    return between is not None and Counter(clean.split(between)) == Counter(answer.split(between))


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
