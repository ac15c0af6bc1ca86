"""G-single: a circle of callers with one query whose answer has changed since; the rest is written and read."""

from __future__ import annotations

from acidity.analysis.anomalies.base import Seen
from acidity.analysis.circles import of_callers
from acidity.analysis.dependencies import Dependencies, Kind


class GSingle:
    """See `Anomaly`."""

    code = "ACI315"
    source = "Adya, Weak Consistency, MIT 1999, G-single; Adya, Liskov and O'Neil, ICDE 2000"

    def detect(self, graph: Dependencies) -> Seen | None:
        """A circle of callers with exactly one anti-dependency."""
        for circle in of_callers(graph):
            stale = [edge for edge in circle if edge.kind is Kind.RW]
            if len(stale) == 1:
                told = f"{stale[0].source} goes by what others have built upon since, and by what was before it"
                return Seen(circle, (), told)
        return None


G_SINGLE = GSingle()
