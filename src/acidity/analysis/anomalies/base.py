"""What an `Anomaly` is: a shape of the graph of a run, with the words that tell it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from acidity.analysis.dependencies import Dependencies, Edge
from acidity.analysis.reads import Read


@dataclass(frozen=True, slots=True)
class Seen:
    """Where an anomaly was seen.

    Attributes:
        edges: the dependencies that close a circle.
        reads: queries that show it by themselves, where no circle is needed.
        told: what it comes to, in one sentence.
    """

    edges: tuple[Edge, ...]
    reads: tuple[Read, ...] = ()
    told: str = ""


class Anomaly(Protocol):
    """One kind of anomaly.

    Attributes:
        code: the name of its code: ``ACI301``.
        source: where it is defined.
    """

    code: str
    source: str

    def detect(self, graph: Dependencies) -> Seen | None:
        """Where it is in the graph of a run; None if it is not."""
