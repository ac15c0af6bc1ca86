"""Duplicate insert: two callers look for a row, both find none, and both insert it."""

from __future__ import annotations

from acidity.analysis.anomalies.base import Seen
from acidity.analysis.dependencies import Dependencies, Edge, Kind, relevant
from acidity.analysis.fetched import is_nothing, rows_of


class DuplicateInsert:
    """See `Anomaly`."""

    code = "ACI307"
    source = "Bailis et al., Feral Concurrency Control, SIGMOD 2015; G2 of Adya on a predicate"

    def detect(self, graph: Dependencies) -> Seen | None:
        """Each found nothing, and would have found what the other one has inserted."""
        for one, other in graph.circles(Kind.RW):
            if other.kind is Kind.RW and found_none(one) and found_none(other) and in_one_table(one, other):
                told = f"{one.source} and {one.target} each found none, and each inserted one"
                return Seen((one, other), (), told)
        return None


def found_none(edge: Edge) -> bool:
    """Whether the query found nothing, or counted 0, and a row was inserted that it would have found."""
    assert edge.read is not None
    assert edge.second is not None
    read = edge.read
    rows = (read.answers[read.at] or ()) if read.acts else rows_of(read.event)
    if read.acts and read.own:
        return False  # what the committed rows do not tell: it found what its own caller had inserted
    if read.scans and read.seen is not None and read.scans[read.seen]:
        return False  # the values of several rows may come to 0
    return is_nothing(rows) and any(change.before is None for change in relevant(edge.read, edge.second))


def in_one_table(one: Edge, other: Edge) -> bool:
    """Whether both insert into the same table."""
    return one.item is not None and other.item is not None and one.item[0] == other.item[0]


DUPLICATE_INSERT = DuplicateInsert()
