"""Duplicate insert: two callers look for a row, both find none, and both insert it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from acidity.analysis.anomalies.base import Seen
from acidity.analysis.dependencies import Commit, Dependencies, Edge, Kind, relevant
from acidity.analysis.fetched import is_nothing, rows_of
from acidity.analysis.reads import Read, words_of
from acidity.analysis.values import encode
from acidity.core.finding import RowChange

_CONDITION = re.compile(r"\b(?:where|on|using)\b(.*)", re.IGNORECASE | re.DOTALL)
_BEHIND = re.compile(r"\b(?:group|order)\s+by\b", re.IGNORECASE)


class DuplicateInsert:
    """See `Anomaly`."""

    code = "ACI307"
    source = "Bailis et al., Feral Concurrency Control, SIGMOD 2015; G2 of Adya on a predicate"

    def detect(self, graph: Dependencies) -> Seen | None:
        """Each found nothing, and inserted what it had looked for, and what the other one had."""
        for one, other in graph.circles(Kind.RW):
            if other.kind is Kind.RW and all(
                found_none(edge) and inserted_the_same(graph, edge) for edge in (one, other)
            ):
                told = f"{one.source} and {one.target} each found none, and each inserted one"
                return Seen((one, other), (), told)
        return None


def found_none(edge: Edge) -> bool:
    """Whether the query found nothing, or counted 0."""
    assert edge.read is not None
    read = edge.read
    rows = (read.answers[read.at] or ()) if read.acts else rows_of(read.event)
    if read.acts and read.own:
        return False  # what the committed rows do not tell: it found what its own caller had inserted
    if read.scans and read.seen is not None and read.scans[read.seen]:
        return False  # the values of several rows may come to 0
    return is_nothing(rows)


def inserted_the_same(graph: Dependencies, edge: Edge) -> bool:
    """Whether both inserted a row that the query would have found, the same one by all that it asks of a row.

    Who counts what is there by no condition, or looks for a row and inserts another one, may go by that as well; but it
    is no row that must not be there twice.
    """
    assert edge.read is not None
    assert edge.second is not None
    mine = [
        commit for commit in graph.commits if commit.actor == edge.source and edge.read.is_changed_by(commit.number)
    ]
    own = [row for commit in mine for row in _inserted(edge.read, commit)]
    return any(_are_the_same(edge.read, row, other) for row in own for other in _inserted(edge.read, edge.second))


def _inserted(read: Read, commit: Commit) -> Iterator[RowChange]:
    return (change for change in relevant(read, commit) if change.before is None)


def _are_the_same(read: Read, one: RowChange, other: RowChange) -> bool:
    """Whether two rows have the same values in the columns that a condition names, but for their primary keys."""
    condition = _CONDITION.search(read.text)
    if condition is None or one.table != other.table:
        return False
    asked = words_of(_BEHIND.split(condition[1])[0])
    key = {name for name, _ in one.key}
    rows = [
        {name: encode(value) for name, value in each.after or () if name.lower() in asked and name not in key}
        for each in (one, other)
    ]
    return rows[0] == rows[1]


DUPLICATE_INSERT = DuplicateInsert()
