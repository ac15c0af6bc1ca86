"""G2-item: a circle of callers, some of whom read rows that others of them changed afterwards."""

from __future__ import annotations

from acidity.analysis.anomalies.base import Seen
from acidity.analysis.circles import of_callers
from acidity.analysis.dependencies import Dependencies, Kind


class G2Item:
    """See `Anomaly`."""

    code = "ACI316"
    source = "Adya, Weak Consistency, MIT 1999, G2-item"

    def detect(self, graph: Dependencies) -> Seen | None:
        """A circle of callers with anti-dependencies, all of them by rows that were there."""
        for circle in of_callers(graph):
            stale = [edge for edge in circle if edge.kind is Kind.RW]
            if stale and not any(edge.predicate for edge in stale):
                return Seen(circle, (), "each of them decided by a row that another one of them was about to change")
        return None


G2_ITEM = G2Item()
