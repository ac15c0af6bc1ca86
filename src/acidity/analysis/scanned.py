"""Which rows a statement looks for without saying which it found: in an EXISTS, or in the SELECT of an INSERT.

Whether there is a row is the same for one and for two of them, so the answer does not tell that a second one came; the
rows themselves do.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from acidity.analysis.touched import ASKS, BEFORE, Query, may_be_asked, parameters_in, without_locks
from acidity.core.call import Call

_WORD = re.compile(r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|`[^`]*`|[()]|[\w$]+|\?|%s""")
_FILLS = re.compile(rf"{BEFORE}(?:insert|replace|create\s+(?:\w+\s+)*table)\b", re.IGNORECASE | re.DOTALL)
_CALLED = re.compile(r"([\w$]+)\s*\(")
# What may stand before a bracket in a part of a writing statement that is asked once more; all else may do something.
_WORDS = "select from where and or not in exists on as values by having when then else any all some with over union"
_FUNCTIONS = (
    "count sum min max avg coalesce nullif lower upper trim length abs round cast concat substr substring replace"
)
_HARMLESS = frozenset(f"{_WORDS} {_FUNCTIONS}".split())
_AFTER = frozenset({"returning", "on"})  # what follows the SELECT of an INSERT; ON is a join's, too
_Span = tuple[int, int, int, int]  # where it begins and ends; the parameters by position before it and in it


def scanned_by(call: Call) -> tuple[Query, ...]:
    """Queries for the rows; nothing of a statement that looks for none in this way.

    Args:
        call: a question, or an INSERT or CREATE TABLE that takes its rows from one.
    """
    fills = _FILLS.match(call.sql) is not None
    if call.many or not (fills or ASKS.match(call.sql)) or not may_be_asked(call.sql):
        return ()
    spans = list(_in_exists(call.sql)) or (list(_selected(call.sql)) if fills else [])
    found = [(call.sql[span[0] : span[1]], _own(call, span)) for span in spans]
    return tuple(Query(without_locks(text), own) for text, own in found if not fills or _is_harmless(text))


def _is_harmless(text: str) -> bool:
    """Whether it calls nothing that may do more than answer."""
    return all(name[1].lower() in _HARMLESS for name in _CALLED.finditer(text))


def _own(call: Call, span: _Span) -> Any:
    """The parameters of a part."""
    start, end, before, own = span
    if isinstance(call.params, Mapping) or not isinstance(call.params, Sequence):
        return parameters_in(call.sql[start:end], call.params)
    return tuple(call.params[before : before + own])


def _in_exists(sql: str) -> Iterator[_Span]:
    """What stands in each EXISTS that is in no other one."""
    depth, inside, start, before, own, last = 0, 0, 0, 0, 0, ""
    for word in _WORD.finditer(sql):
        text = word[0].lower()
        if text == "(":
            depth += 1
            if last == "exists" and not inside:
                inside, start, own = depth, word.end(), 0
        elif text == ")":
            if inside == depth:
                yield start, word.start(), before, own
                before, inside = before + own, 0
            depth -= 1
        elif text in {"?", "%s"}:
            before, own = (before, own + 1) if inside else (before + 1, own)
        last = text


def _selected(sql: str) -> Iterator[_Span]:
    """The outermost SELECT, as far as nothing follows it."""
    depth, before, own, start = 0, 0, 0, -1
    for word in _WORD.finditer(sql):
        text = word[0].lower()
        depth += (text == "(") - (text == ")")
        if depth == 0 and text == "select" and start < 0:
            start = word.start()
        elif start >= 0 and depth == 0 and text in _AFTER:
            return
        if text in {"?", "%s"}:
            before, own = (before, own + 1) if start >= 0 else (before + 1, own)
    if start >= 0:
        yield start, len(sql), before, own
