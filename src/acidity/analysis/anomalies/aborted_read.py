"""Aborted read: a caller sees what another one has written and then takes back."""

from __future__ import annotations

from acidity.analysis.anomalies.base import Seen
from acidity.analysis.dependencies import Dependencies


class AbortedRead:
    """See `Anomaly`."""

    code = "ACI311"
    source = "Adya, Weak Consistency, MIT 1999, G1a; Berenson et al., SIGMOD 1995, A1"

    def detect(self, graph: Dependencies) -> Seen | None:
        """What was read fits no committed state, and whoever had written then has rolled back."""
        for read in graph.reads:
            if read.fits_none and read.writers and all(writer.number is None for writer in read.writers):
                writer = read.writers[0].actor
                return Seen((), (read,), f"{read.actor} saw what {writer} had written and then took back")
        return None


ABORTED_READ = AbortedRead()
