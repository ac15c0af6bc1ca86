"""Phantom: a caller decides by a search, and another one adds or removes a row that it would have found."""

from __future__ import annotations

from acidity.analysis.anomalies.base import Seen
from acidity.analysis.dependencies import Dependencies, Kind


class Phantom:
    """See `Anomaly`."""

    code = "ACI303"
    source = "Berenson et al., SIGMOD 1995, P3; Adya, Weak Consistency, 1999, G2"

    def detect(self, graph: Dependencies) -> Seen | None:
        """A circle with a query whose answer a row has changed that came or went."""
        for one, other in graph.circles(Kind.RW):
            if one.predicate:
                told = f"a row that {one.target} added or removed belongs to what {one.source} had searched for"
                return Seen((one, other), (), told)
        return None


PHANTOM = Phantom()
