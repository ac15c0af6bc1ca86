"""Circular information flow: each of several transactions has read what another one had not committed yet."""

from __future__ import annotations

from acidity.analysis.anomalies.base import Seen
from acidity.analysis.circles import of_transactions
from acidity.analysis.dependencies import Dependencies, Kind


class CircularFlow:
    """See `Anomaly`."""

    code = "ACI314"
    source = "Adya, Weak Consistency, MIT 1999, G1c"

    def detect(self, graph: Dependencies) -> Seen | None:
        """A circle of transactions by what they wrote and read, with no change of what had been read before."""
        for circle in of_transactions(graph, Kind.WW, Kind.WR):
            if any(edge.kind is Kind.WR for edge in circle):
                return Seen(circle, (), "each of them goes by what another one of them had not committed yet")
        return None


CIRCULAR_FLOW = CircularFlow()
