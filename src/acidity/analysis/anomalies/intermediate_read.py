"""Intermediate read: a caller sees a value that another one has written over before it commits."""

from __future__ import annotations

from acidity.analysis.anomalies.base import Seen
from acidity.analysis.dependencies import Dependencies


class IntermediateRead:
    """See `Anomaly`."""

    code = "ACI312"
    source = "Adya, Weak Consistency, MIT 1999, G1b"

    def detect(self, graph: Dependencies) -> Seen | None:
        """What was read fits no state that was ever committed, and whoever had written then wrote it again."""
        for read in graph.reads:
            if not read.fits_none or read.ahead is not None:
                continue
            if read.writers and all(writer.number is not None and writer.again for writer in read.writers):
                writer = read.writers[0].actor
                return Seen((), (read,), f"{read.actor} saw what {writer} was about to write over before its COMMIT")
        return None


INTERMEDIATE_READ = IntermediateRead()
