"""G2: a circle of callers, some of whom searched for what others of them added or removed afterwards."""

from __future__ import annotations

from acidity.analysis.anomalies.base import Seen
from acidity.analysis.circles import of_callers
from acidity.analysis.dependencies import Dependencies, Kind


class G2:
    """See `Anomaly`."""

    code = "ACI317"
    source = "Adya, Weak Consistency, MIT 1999, G2"

    def detect(self, graph: Dependencies) -> Seen | None:
        """A circle of callers with anti-dependencies of any kind."""
        for circle in of_callers(graph):
            if any(edge.kind is Kind.RW for edge in circle):
                return Seen(circle, (), "each of them decided by a search that another one of them was about to change")
        return None


G2_ANY = G2()
