"""Write skew: each of two callers reads what the other one changes, and they write different rows."""

from __future__ import annotations

from acidity.analysis.anomalies.base import Seen
from acidity.analysis.dependencies import Dependencies, Edge, Kind


class WriteSkew:
    """See `Anomaly`."""

    code = "ACI302"
    source = "Berenson et al., SIGMOD 1995, A5B; Fekete et al., Making Snapshot Isolation Serializable, TODS 2005"

    def detect(self, graph: Dependencies) -> Seen | None:
        """Two callers, each with a query whose answer the other one changed afterwards by writing another row."""
        for one, other in graph.circles(Kind.RW):
            if other.kind is not Kind.RW or one.predicate or other.predicate or not _differ(one, other):
                continue
            told = f"{one.source} and {one.target} each decided by what the other one was about to change"
            return Seen((one, other), (), told)
        return None


def _differ(one: Edge, other: Edge) -> bool:
    """Whether each is of a row that the other one is not of."""
    if not (one.items and other.items):
        return one.items != other.items
    return not (set(one.items) <= set(other.items) or set(other.items) <= set(one.items))


WRITE_SKEW = WriteSkew()
