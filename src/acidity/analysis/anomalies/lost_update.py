"""Lost update: two callers read one version of a row, both write it, and what the first wrote is gone."""

from __future__ import annotations

from acidity.analysis.anomalies.base import Seen
from acidity.analysis.dependencies import Commit, Dependencies, Kind
from acidity.analysis.reads import Item


class LostUpdate:
    """See `Anomaly`."""

    code = "ACI301"
    source = "Berenson et al., A Critique of ANSI SQL Isolation Levels, SIGMOD 1995, P4"

    def detect(self, graph: Dependencies) -> Seen | None:
        """A caller read a row before another one wrote it, and wrote it afterwards itself."""
        for read, write in graph.circles(Kind.RW):
            if write.kind is not Kind.WW or write.item not in read.items or read.predicate:
                continue
            lost, kept = write.first, write.second
            assert lost is not None
            assert kept is not None
            assert write.item is not None
            if overwrites(kept, lost, write.item):
                return Seen((read, write), (), _told(kept, lost, write.item))
        return None


def overwrites(kept: Commit, lost: Commit, item: Item) -> bool:
    """Whether the later commit put a value of the program's own where the earlier one had put another."""
    one, other = lost.to(item), kept.to(item)
    return one is not None and other is not None and bool(one.columns & other.blind)


def _told(kept: Commit, lost: Commit, item: Item) -> str:
    if any(kept.item_of(change) == item for change in kept.changes):
        return f"what {lost.actor} wrote is gone: {kept.actor} has written over it what it had read before"
    return f"{kept.actor} did not see what {lost.actor} had written, and wrote the same over it"


LOST_UPDATE = LostUpdate()
