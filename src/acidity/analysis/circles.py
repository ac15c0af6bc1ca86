"""Circles in the graph of who depends on whom, of any length: the cycles that Adya's phenomena are made of."""

from __future__ import annotations

from collections.abc import Callable, Container, Hashable, Iterable, Iterator, Mapping, Sequence
from itertools import pairwise, product

from acidity.analysis.dependencies import Commit, Dependencies, Edge, Kind

Node = Hashable
Circle = tuple[Edge, ...]
_Steps = Mapping[tuple[Node, Node], Mapping[tuple[Kind, bool], Edge]]
_Next = Mapping[Node, Sequence[Node]]


def of_callers(graph: Dependencies) -> Iterator[Circle]:
    """The circles of callers, short ones first; between two callers one edge of each kind stands for all."""
    return _circles(_steps(graph.edges, lambda edge: (edge.source, edge.target)), tuple(Kind))


def of_transactions(graph: Dependencies, *kinds: Kind) -> Iterator[Circle]:
    """The circles of single transactions that have committed, of edges of these kinds, short ones first.

    What a caller does in another transaction is apart. Callers who commit per row have many of them, and by all kinds
    together more circles than can be gone through: so the kinds are asked for, not sorted out afterwards.
    """
    return _circles(_steps(graph.edges, _transactions), kinds)


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


def _circles(steps: _Steps, kinds: Container[Kind]) -> Iterator[Circle]:
    """Short ones first, those of one length in the order of their nodes; each begins with its first node."""
    nodes = list(dict.fromkeys(node for pair in steps for node in pair))
    edges = {pair: [edge for edge in every.values() if edge.kind in kinds] for pair, every in steps.items()}
    after = {node: [other for other in nodes if edges.get((node, other))] for node in nodes}
    before = {node: [other for other in nodes if edges.get((other, node))] for node in nodes}
    ways = {first: _ways_back(first, nodes[place:], before) for place, first in enumerate(nodes)}
    begins = [first for first, back in ways.items() if any(node in back for node in after[first])]
    for length in range(2, len(nodes) + 1) if begins else ():
        for first in begins:
            for path in _closing((first,), length, after, ways[first]):
                yield from product(*(edges[pair] for pair in pairwise((*path, first))))


def _ways_back(first: Node, among: Sequence[Node], before: _Next) -> dict[Node, int]:
    """In how many steps each of these nodes leads to the first one by way of these; only those that do."""
    left = set(among) - {first}
    back, reached = {first: 0}, [first]
    for node in reached:
        new = [other for other in before[node] if other in left]
        left.difference_update(new)
        back.update((other, back[node] + 1) for other in new)
        reached += new
    return back


def _closing(path: tuple[Node, ...], length: int, after: _Next, back: Mapping[Node, int]) -> Iterator[tuple[Node, ...]]:
    """The paths of so many nodes that begin with this one, from whose end a step leads to its beginning."""
    if len(path) == length:
        yield path
        return
    for node in after[path[-1]]:
        if node not in path and back.get(node, length) <= length - len(path):
            yield from _closing((*path, node), length, after, back)
