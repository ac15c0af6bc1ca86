"""Dirty read: a caller sees what another one has not committed, and perhaps never will."""

from __future__ import annotations

from acidity.analysis.anomalies.base import Seen
from acidity.analysis.dependencies import Dependencies


class DirtyRead:
    """See `Anomaly`."""

    code = "ACI306"
    source = "Berenson et al., SIGMOD 1995, P1; Adya, Weak Consistency, 1999, G1a and G1b"

    def detect(self, graph: Dependencies) -> Seen | None:
        """A query got what no committed state gives until then, while somebody else had written and not committed."""
        for read in graph.reads:
            if read.fits_none and read.writers:
                told = f"{read.actor} saw rows that nobody had committed"
                return Seen((), (read,), told)
        return None


DIRTY_READ = DirtyRead()
