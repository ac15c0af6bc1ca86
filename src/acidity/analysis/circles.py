"""Circles in the graph of who depends on whom, of any length: the cycles that Adya's phenomena are made of."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from itertools import pairwise, permutations, product

from acidity.analysis.dependencies import Commit, Dependencies, Edge, Kind

Node = Hashable
Circle = tuple[Edge, ...]
_Steps = Mapping[tuple[Node, Node], Mapping[tuple[Kind, bool], Edge]]


def of_callers(graph: Dependencies) -> Iterator[Circle]:
    """The circles of callers, short ones first; between two callers one edge of each kind stands for all."""
    return _circles(_steps(graph.edges, lambda edge: (edge.source, edge.target)))


def of_transactions(graph: Dependencies) -> Iterator[Circle]:
    """The circles of single transactions that have committed: what a caller does in another one is apart."""
    return _circles(_steps(graph.edges, _transactions))


def _transactions(edge: Edge) -> tuple[Node, Node] | None:
    """The numbers of the two commits; None where what was read was read in none."""
    reading = None if edge.read is None else edge.read.within
    source = _number(edge.first, reading)
    target = _number(edge.second, reading)
    return None if source is None or target is None else (source, target)


def _number(commit: Commit | None, otherwise: int | None) -> int | None:
    return otherwise if commit is None else commit.number


def _steps(edges: Iterable[Edge], ends: Callable[[Edge], tuple[Node, Node] | None]) -> _Steps:
    steps: dict[tuple[Node, Node], dict[tuple[Kind, bool], Edge]] = {}
    for edge in edges:
        pair = ends(edge)
        if pair is not None and pair[0] != pair[1]:
            steps.setdefault(pair, {}).setdefault((edge.kind, edge.predicate), edge)
    return steps


def _circles(steps: _Steps) -> Iterator[Circle]:
    nodes = list(dict.fromkeys(node for pair in steps for node in pair))
    for length in range(2, len(nodes) + 1):
        for first, *others in permutations(nodes, length):
            if any(nodes.index(other) < nodes.index(first) for other in others):
                continue  # it begins with the node that comes first, so that each is there once
            round_trip = (first, *others, first)
            pairs = list(pairwise(round_trip))
            if all(pair in steps for pair in pairs):
                yield from product(*(steps[pair].values() for pair in pairs))
