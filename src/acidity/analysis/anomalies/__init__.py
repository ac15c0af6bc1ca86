"""The anomalies by name, one file each; a new one is a file and a line here.

They are asked in this order, from what is plainest to what is most general, and the first that is seen names the run.
"""

from __future__ import annotations

from acidity.analysis.anomalies.base import Anomaly, Seen
from acidity.analysis.dependencies import Dependencies
from acidity.core.registry import Registry

ANOMALIES: Registry[Anomaly] = Registry(
    "anomalies",
    {
        "aborted read": "acidity.analysis.anomalies.aborted_read:ABORTED_READ",
        "intermediate read": "acidity.analysis.anomalies.intermediate_read:INTERMEDIATE_READ",
        "dirty write": "acidity.analysis.anomalies.dirty_write:DIRTY_WRITE",
        "circular information flow": "acidity.analysis.anomalies.circular_flow:CIRCULAR_FLOW",
        "dirty read": "acidity.analysis.anomalies.dirty_read:DIRTY_READ",
        "lost update": "acidity.analysis.anomalies.lost_update:LOST_UPDATE",
        "duplicate insert": "acidity.analysis.anomalies.duplicate_insert:DUPLICATE_INSERT",
        "non-repeatable read": "acidity.analysis.anomalies.non_repeatable_read:NON_REPEATABLE_READ",
        "write skew": "acidity.analysis.anomalies.write_skew:WRITE_SKEW",
        "phantom": "acidity.analysis.anomalies.phantom:PHANTOM",
        "read skew": "acidity.analysis.anomalies.read_skew:READ_SKEW",
        "stale check": "acidity.analysis.anomalies.stale_check:STALE_CHECK",
        "G-single": "acidity.analysis.anomalies.g_single:G_SINGLE",
        "G2-item": "acidity.analysis.anomalies.g2_item:G2_ITEM",
        "G2": "acidity.analysis.anomalies.g2:G2_ANY",
    },
)


def name_of(graph: Dependencies) -> tuple[str, Seen] | None:
    """The first anomaly that is seen in a run, with where; None where the graph shows none that has a name here."""
    for name in ANOMALIES:
        seen = ANOMALIES[name].detect(graph)
        if seen is not None:
            return name, seen
    return None
