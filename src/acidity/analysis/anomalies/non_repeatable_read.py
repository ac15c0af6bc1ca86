"""Non-repeatable read: a caller asks one question twice and gets two answers."""

from __future__ import annotations

from acidity.analysis.anomalies.base import Seen
from acidity.analysis.dependencies import Dependencies, Edge, Kind


class NonRepeatableRead:
    """See `Anomaly`."""

    code = "ACI304"
    source = "Berenson et al., SIGMOD 1995, P2 (A2)"

    def detect(self, graph: Dependencies) -> Seen | None:
        """The same query saw a row before, and then after another caller's change of it."""
        for before, after in graph.circles(Kind.RW):
            if after.kind is Kind.WR and same_question(before, after) and not before.predicate:
                told = f"{before.source} asked the same twice and got two answers"
                return Seen((before, after), (), told)
        return None


def same_question(before: Edge, after: Edge) -> bool:
    """Whether two queries are the same, with the same parameters, asked one after the other."""
    assert before.read is not None
    assert after.read is not None
    one, other = before.read.event, after.read.event
    same = one.call.sql == other.call.sql and one.call.params == other.call.params
    return same and one.order < other.order and before.second is after.first


NON_REPEATABLE_READ = NonRepeatableRead()
