"""Dirty write: two transactions write over each other before either has committed, and the rows of both are mixed."""

from __future__ import annotations

from acidity.analysis.anomalies.base import Seen
from acidity.analysis.circles import of_transactions
from acidity.analysis.dependencies import Dependencies, Kind


class DirtyWrite:
    """See `Anomaly`."""

    code = "ACI313"
    source = "Berenson et al., SIGMOD 1995, P0; Adya, Weak Consistency, MIT 1999, G0"

    def detect(self, graph: Dependencies) -> Seen | None:
        """A circle of transactions, each of which wrote a row over what the one before had written."""
        circle = next(of_transactions(graph, Kind.WW), None)
        told = "some of the rows are of one of them, and some of the other"
        return None if circle is None else Seen(circle, (), told)


DIRTY_WRITE = DirtyWrite()
