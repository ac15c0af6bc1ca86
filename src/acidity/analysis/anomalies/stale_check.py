"""Stale check: a caller acts on what it has checked, and meanwhile another one has changed that."""

from __future__ import annotations

from acidity.analysis.anomalies.base import Seen
from acidity.analysis.dependencies import Dependencies, Kind


class StaleCheck:
    """See `Anomaly`."""

    code = "ACI308"
    source = "ACIDRain (Warszawski and Bailis, SIGMOD 2017); a circle with one anti-dependency, Adya 1999"

    def detect(self, graph: Dependencies) -> Seen | None:
        """A query whose answer has changed when its caller writes."""
        for check, act in graph.circles(Kind.RW):
            changed = check.second
            assert changed is not None
            if self._acted(graph, check.source, changed.number):
                told = f"when {check.source} acted, what it had checked was no longer so"
                return Seen((check, act), (), told)
        return self._refused(graph)

    def _acted(self, graph: Dependencies, actor: str, number: int) -> bool:
        """Whether a caller has committed after a commit, or has at least tried to write what it changed.

        Who finds no row to write as it expects, and gives up by itself, acts all the same.
        """
        return any(commit.actor == actor and commit.number > number for commit in graph.commits) or any(
            read.acts and read.actor == actor and read.at >= number for read in graph.reads
        )

    def _refused(self, graph: Dependencies) -> Seen | None:
        """The same where the database refused what the caller then wrote, by a constraint."""
        for check in graph.edges:
            changed = check.second
            if check.kind is not Kind.RW or changed is None:
                continue
            if any(it.event.call.actor == check.source and it.at >= changed.number for it in graph.errors):
                told = f"when {check.source} acted, what it had checked was no longer so, and the database refused it"
                return Seen((check,), (), told)
        return None


STALE_CHECK = StaleCheck()
