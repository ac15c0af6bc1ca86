"""What is the same whenever a program makes a Call, so that two runs are known to make the same ones."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from itertools import zip_longest

from acidity.core.call import Call, Event, Kind
from acidity.core.lexis import Lexis
from acidity.core.prepared import without_names

_OF_SAVEPOINTS = frozenset({Kind.SAVEPOINT, Kind.RELEASE, Kind.ROLLBACK_TO})
_LEXIS = Lexis(names='"`')  # an array of PostgreSQL has brackets, and values in them
_NUMBER = re.compile(r"(?<![\w$:?@.])(?:0x[0-9a-f]+|(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)(?![\w$])", re.IGNORECASE)
_COMMENT = re.compile(r"/\*(?!M?!)|--(?:\s|\Z)")  # not what MariaDB carries out, nor its minus of a negative number
_UNSURE = re.compile(r"\\|#|\$\w*\$")  # it ends, comments and strings begin, in one engine and not in another
_SHOWN_MAX, _BEFORE_MAX = 100, 40


def said_each_time(call: Call) -> str:
    """The text of a Call without what a program may make anew.

    Those are names of prepared transactions, and of savepoints, which Django calls after the thread; comments; and the
    values that stand in a text, which mean no more than parameters would.
    """
    if call.kind is Kind.EFFECT:
        return call.sql
    return call.kind.value if call.kind in _OF_SAVEPOINTS else without_values(without_names(call.sql))


@lru_cache(maxsize=4096)
def without_values(sql: str) -> str:
    """The text with a ``?`` for each string and number; as it is where engines disagree on what is in a string.

    >>> without_values("UPDATE t1 SET at = 17.5, by = 'it''s me' WHERE id = $1 /* trace 7 */").strip()
    'UPDATE t1 SET at = ?, by = ? WHERE id = $1'
    """
    if _UNSURE.search(sql):
        return sql
    found = []
    for kind, text in _LEXIS.tokens(sql):
        if kind == "string":
            found.append("?")
        elif kind == "code":
            found.append(_NUMBER.sub("?", text))
        else:
            found.append(" " if kind == "comment" and _COMMENT.match(text) else text)
    return "".join(found)


def first_other(one: Sequence[Event], other: Sequence[Event]) -> str:
    """The first Call that is another one in the second of two runs, in words; nothing where there is none."""
    for number, (left, right) in enumerate(zip_longest(one, other), 1):
        if left is None or right is None or _known_by(left.call) != _known_by(right.call):
            texts = [_shown(left, right), _shown(right, left)]
            place = next((at for at, (a, b) in enumerate(zip(*texts, strict=False)) if a != b), 0)
            first, second = (_around(text, place) for text in texts)
            return f"call {number} is {first} in one and {second} in another"
    return ""


def _known_by(call: Call) -> tuple[str, Kind, str]:
    return call.actor, call.kind, said_each_time(call)


def _shown(event: Event | None, beside: Event | None) -> str:
    if event is None:
        return "none"
    other = beside is not None and beside.call.actor != event.call.actor
    return f"{event.call.label} of {event.call.actor}" if other else event.call.label


def _around(text: str, place: int) -> str:
    """What of a text is shown, so that the place is seen."""
    begin = place - _BEFORE_MAX if place >= _SHOWN_MAX else 0
    shown = text[begin : begin + _SHOWN_MAX]
    return f"{'…' * bool(begin)}{shown}{'…' * (len(text) > begin + _SHOWN_MAX)}"
