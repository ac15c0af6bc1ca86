"""Read skew: a caller sees one row as it was before another caller, and a second row as it was after."""

from __future__ import annotations

from acidity.analysis.anomalies.base import Seen
from acidity.analysis.dependencies import Dependencies, Edge, Kind


class ReadSkew:
    """See `Anomaly`."""

    code = "ACI305"
    source = "Berenson et al., SIGMOD 1995, A5A; Adya, Weak Consistency, 1999, G-single"

    def detect(self, graph: Dependencies) -> Seen | None:
        """One query of a caller came before another caller's change, and another query after it; or one row of an
        answer before it, and another row, or a part of the same, after it: a query that waits for a row reads that one
        once more, and none of those beside it (PostgreSQL manual, 13.2.1).
        """
        for read in graph.reads:
            if read.fits_none and not read.writers:
                told = f"{read.actor} saw, in one answer, some of it before a COMMIT of another one, and some after"
                return Seen((), (read,), told)
        for before, after in graph.circles(Kind.RW):
            if after.kind is Kind.WR and not is_act(before) and not is_act(after):
                told = f"{before.source} saw some of it before {before.target}, and some of it after"
                return Seen((before, after), (), told)
        return None


def is_act(edge: Edge) -> bool:
    """Whether it is the search of an UPDATE or DELETE, which shows its caller nothing, and of which nothing is kept."""
    return edge.read is not None and edge.read.acts and not edge.read.kept


READ_SKEW = ReadSkew()
