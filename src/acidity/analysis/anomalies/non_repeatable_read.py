"""Non-repeatable read: a caller asks one question twice and gets two answers."""

from __future__ import annotations

from acidity.analysis.anomalies.base import Seen
from acidity.analysis.anomalies.read_skew import is_act
from acidity.analysis.dependencies import Dependencies, Edge, Kind


class NonRepeatableRead:
    """See `Anomaly`."""

    code = "ACI304"
    source = "Berenson et al., SIGMOD 1995, P2 (A2)"

    def detect(self, graph: Dependencies) -> Seen | None:
        """The same query saw a row before, and then after another caller's change of it; or two queries of one row did.

        MariaDB answers a SELECT at REPEATABLE READ by its snapshot, and one with FOR UPDATE by what is committed now.
        """
        for before, after in graph.circles(Kind.RW):
            if after.kind is not Kind.WR or before.predicate:
                continue
            if same_question(before, after):
                return Seen((before, after), (), f"{before.source} asked the same twice and got two answers")
            if same_row(before, after):
                return Seen((before, after), (), f"{before.source} asked for the same row twice and got two answers")
        return None


def same_question(before: Edge, after: Edge) -> bool:
    """Whether two queries are the same, with the same parameters, asked one after the other."""
    assert before.read is not None
    assert after.read is not None
    one, other = before.read.event, after.read.event
    same = one.call.sql == other.call.sql and one.call.params == other.call.params
    return same and one.order < other.order and before.second is after.first


def same_row(before: Edge, after: Edge) -> bool:
    """Whether two queries show their caller one row, as it was before and after one change of it."""
    if is_act(before) or is_act(after) or after.predicate or before.second is not after.first:
        return False
    return len(before.items) == 1 and before.items == after.items


NON_REPEATABLE_READ = NonRepeatableRead()
