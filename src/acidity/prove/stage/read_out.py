"""An answer that has still to be read is read to its end, as whoever asked for it would: iterators, results."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from typing import Any

from sqlalchemy.engine import Result, ScalarResult
from sqlalchemy.engine.result import MappingResult, TupleResult
from sqlalchemy.exc import SQLAlchemyError

ITEMS_MAX = 10_000  # of an iterator; one without end is read no further
_RESULTS = (Result, ScalarResult, MappingResult, TupleResult)
_LAZY = frozenset({"builtins", "itertools"})
_DEPTH = 3  # of containers in which there may be one


def read_out(answer: Any, depth: int = _DEPTH) -> Any:
    """The answer, where iterators of the language and results of SQLAlchemy are lists of what they give.

    Called where the operation's session is still open, as a part of it: a generator asks the database only now. A
    driver's cursor is left alone, since ``return connection.execute(…)`` seldom means its rows.

    Args:
        answer: what the operation returned.
        depth: of containers within it that are looked into.

    Returns:
        The same object, if there is nothing to read in it.
    """
    if isinstance(answer, _RESULTS):
        with suppress(SQLAlchemyError):  # it gives no rows, or is closed
            return list(answer)
        return answer
    if isinstance(answer, Iterator) and type(answer).__module__ in _LAZY:
        return [read_out(each, depth - 1) for each in islice(answer, ITEMS_MAX)]
    if depth and type(answer) in {list, tuple}:
        parts = [read_out(each, depth - 1) for each in answer]
        return answer if all(map(_is, parts, answer)) else type(answer)(parts)
    if depth and type(answer) is dict:
        named = {name: read_out(each, depth - 1) for name, each in answer.items()}
        return answer if all(map(_is, named.values(), answer.values())) else named
    return answer


def _is(one: object, other: object) -> bool:
    return one is other
