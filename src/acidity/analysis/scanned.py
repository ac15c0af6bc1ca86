"""Which rows a statement looks for without saying which it found: in an EXISTS, the SELECT of an INSERT, for a maximum.

Whether there is a row is the same for one and for two of them, and so may the greatest be, and whether there are enough
of them; so the answer does not tell that a second one came; the rows themselves do. Nor does a sum of 0 tell that there
is none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from acidity.analysis.questions import (
    ASKS,
    BEFORE,
    Query,
    behind_ctes,
    is_harmless,
    may_be_asked,
    parameters_in,
    without_locks,
)
from acidity.core.call import Call

_WORD = re.compile(r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|`[^`]*`|[()]|[\w$]+|\?|%s""")
_FILLS = re.compile(rf"{BEFORE}(?:insert|replace|create\s+(?:\w+\s+)*table)\b", re.IGNORECASE | re.DOTALL)
_AFTER = re.compile(r"returning\b|on\s+(?:conflict|duplicate)\b", re.IGNORECASE)  # what follows the SELECT of an INSERT
_EXTREMES = frozenset({"max", "min"})
_SUMS = frozenset({"sum", "avg", "total"})
_GROUPED = frozenset({"group", "union", "except", "intersect", "having", "with"})
_COMPARES = re.compile(r"[<>=]|\bcase\b", re.IGNORECASE)
_Span = tuple[int, int, int, int]  # where it begins and ends; the parameters by position before it and in it


def scanned_by(call: Call, *, sums: bool = False) -> tuple[Query, ...]:
    """Queries for the rows; nothing of a statement that looks for none in this way.

    Args:
        call: a question, or an INSERT or CREATE TABLE that takes its rows from one.
        sums: also for a sum or mean, since it came to 0.
    """
    first, before = behind_ctes(call.sql)
    if call.many or not may_be_asked(call.sql):
        return ()
    fills = _FILLS.match(call.sql, first) is not None
    if not fills and not ASKS.match(call.sql):
        return ()
    spans = [*_in_exists(call.sql), *(_selected(call.sql, first, before) if fills else [])]
    found = [(call.sql[span[0] : span[1]], _own(call, span)) for span in spans]
    if not (first and fills):
        asked = [*_selected(call.sql, first, before)]
        aggregates = _EXTREMES | _SUMS if sums else _EXTREMES
        searched = [*_searched(call.sql, asked, aggregates), *_compared(call.sql, asked)]
        found += [("SELECT * " + call.sql[span[0] : span[1]], _own(call, span)) for span in searched]
    if first:
        found = [_behind_with(call, (first, before), text, own) for text, own in found]
    return tuple(Query(without_locks(text), own) for text, own in found if not (fills or first) or is_harmless(text))


def _behind_with(call: Call, ctes: tuple[int, int], text: str, own: Any) -> tuple[str, Any]:
    """A part as a question behind the WITH of its statement, with the parameters of both."""
    first, before = ctes
    whole = call.sql[:first] + text
    if isinstance(call.params, Mapping) or not isinstance(call.params, Sequence):
        return whole, parameters_in(whole, call.params)
    return whole, (*call.params[:before], *own)


def _own(call: Call | Query, span: _Span) -> Any:
    """The parameters of a part."""
    start, end, before, own = span
    if isinstance(call.params, Mapping) or not isinstance(call.params, Sequence):
        return parameters_in(call.sql[start:end], call.params)
    return tuple(call.params[before : before + own])


def rows_behind(question: Query) -> Query | None:
    """A query for the rows that a question goes by, whole; None where it is none of rows as they stand in a table."""
    text = question.sql
    if behind_ctes(text)[0]:
        return None
    for span, words in _from_on(text, _selected(text, 0, 0)):
        if not words & _GROUPED:
            return Query("SELECT * " + text[span[0] : span[1]], _own(question, span))
    return None


def _searched(sql: str, spans: Iterable[_Span], aggregates: frozenset[str]) -> Iterator[_Span]:
    """From FROM on, each SELECT of an aggregate of its rows that may stay the same if one comes beside them."""
    for span, words in _from_on(sql, spans):
        if words & aggregates and not words & _GROUPED:
            yield span


def _compared(sql: str, spans: Iterable[_Span]) -> Iterator[_Span]:
    """From FROM on, each SELECT that only says how a count or a sum of its rows compares with something."""
    for each in spans:
        for span, words in _from_on(sql, [each]):
            if words & (_SUMS | {"count"}) and not words & _GROUPED and _COMPARES.search(sql, each[0], span[0]):
                yield span


def _from_on(sql: str, spans: Iterable[_Span]) -> Iterator[tuple[_Span, set[str]]]:
    """From FROM on, each SELECT, and the words of its own."""
    for start, end, before, own in spans:
        depth, since, listed, words = 0, -1, 0, set[str]()
        for word in _WORD.finditer(sql, start, end):
            text = word[0].lower()
            depth += (text == "(") - (text == ")")
            if depth == 0 and text == "from" and since < 0:
                since = word.start()
            listed += since < 0 and text in {"?", "%s"}
            words |= {text} if depth == 0 or since < 0 else set()
        if since >= 0:
            yield (since, end, before + listed, own - listed), words


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


def _selected(sql: str, first: int, before: int) -> Iterator[_Span]:
    """The outermost SELECT, with a WITH of its own."""
    depth, own, start = 0, 0, -1
    for word in _WORD.finditer(sql, first):
        text = word[0].lower()
        depth += (text == "(") - (text == ")")
        if depth == 0 and text in {"select", "with"} and start < 0:
            start = word.start()
        elif start >= 0 and depth == 0 and _AFTER.match(sql, word.start()):
            yield start, word.start(), before, own
            return
        if text in {"?", "%s"}:
            before, own = (before, own + 1) if start >= 0 else (before + 1, own)
    if start >= 0:
        yield start, len(sql), before, own
