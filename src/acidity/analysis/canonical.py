"""Are two States the same up to the names of generated values? By digest, and exactly."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from acidity.analysis.graph import Colours, Frame, Graph, digest_of, hashed
from acidity.analysis.masks import Masks
from acidity.analysis.values import uuid_digits
from acidity.core.outcome import State

Bijection = dict[str, dict[Any, Any]]
TRIALS_MAX = 20_000
_FRAMES: list[Frame] = []
_FRAMES_MAX = 8


class TooSymmetric(Exception):  # noqa: N818 - a bound that was hit (unknown), not a mistake of somebody
    """The search for a renaming between two States was given up; whether they are the same is unknown."""


def canonical(state: State, seed: State, masks: Masks) -> bytes:
    """A digest of a State that does not depend on the names of generated values nor on the order of rows.

    Different digests mean different States. Equal digests mean the same State except for rare symmetric cases
    that only `same` tells apart.

    Args:
        state: the rows to describe.
        seed: the rows before, the same for all States that are compared.
        masks: what is not compared literally.

    Returns:
        16 bytes, the same in every process.
    """
    graph = _frame(seed, masks).graph(state)
    return digest_of(graph, graph.refine(range(len(graph.nodes)), graph.first_colours()))


def same(a: State, b: State, seed: State, masks: Masks) -> bool:
    """Whether two States are equal up to one renaming of generated values. Exact.

    Args:
        a: one State.
        b: the other.
        seed: the rows before, of both.
        masks: what is not compared literally.

    Returns:
        True or False; never a guess.

    Raises:
        TooSymmetric: the bound of the search was hit.
    """
    return equal_raw(a, b) or _renaming(a, b, seed, masks) is not None


def bijection(a: State, b: State, seed: State, masks: Masks) -> Bijection | None:
    """The renaming that turns one State into another.

    Where several are possible, smaller values go to smaller ones, so that what came first stays first.

    Args:
        a: one State, usually the clean run's.
        b: the other.
        seed: the rows before, of both.
        masks: what is not compared literally.

    Returns:
        Domain → value in `a` → value in `b`, or None when the States are not the same. A domain is the
        ``table.column`` of a key, or ``tokens``.

    Raises:
        TooSymmetric: the bound of the search was hit.
    """
    return _renaming(a, b, seed, masks)


def made(state: State, seed: State, masks: Masks) -> dict[str, dict[str, Any]]:
    """The generated values of a State that are not in the seed: as text → domain → value."""
    found: dict[str, dict[str, Any]] = {}
    for node in _frame(seed, masks).graph(state).nodes:
        for raw in node.raws.values():
            found.setdefault(uuid_digits(raw) or str(raw), {})[node.domain] = raw
    return found


def equal_raw(a: State, b: State) -> bool:
    """Whether two States hold the same values of the same types; `1`, `1.0` and `True` are three values."""
    if a is b:
        return True
    if a.tables.keys() != b.tables.keys():
        return False
    for name, one in a.tables.items():
        other = b.tables[name]
        if one.columns != other.columns or one.rows != other.rows:
            return False
        if any(
            list(map(type, left)) != list(map(type, right)) for left, right in zip(one.rows, other.rows, strict=True)
        ):
            return False
    return True


def _frame(seed: State, masks: Masks) -> Frame:
    """The Frame of this seed; a check reads thousands of States against the same one."""
    for frame in _FRAMES:
        if frame.seed is seed and frame.masks == masks:
            return frame
    frame = Frame(seed, masks)
    _FRAMES.append(frame)
    del _FRAMES[:-_FRAMES_MAX]
    return frame


def _renaming(a: State, b: State, seed: State, masks: Masks) -> Bijection | None:
    frame = _frame(seed, masks)
    one, other = frame.graph(a), frame.graph(b)
    if one.constant != other.constant or len(one.nodes) != len(other.nodes):
        return None
    if equal_raw(a, b):
        matched: dict[int, int] | None = {index: index for index in range(len(one.nodes))}
    else:
        matched = _Search(one, other).run()
    if matched is None or not _proved(one, other, matched):
        return None
    pairs: Bijection = {}
    for left, right in sorted(matched.items()):
        node = one.nodes[left]
        for shape, raw in node.raws.items():
            pairs.setdefault(node.domain, {})[raw] = other.nodes[right].raws[shape]
    return pairs


def _proved(one: Graph, other: Graph, matched: dict[int, int]) -> bool:
    """Whether the rows of one, renamed, are the rows of the other: checked anew, whatever the search did."""
    renamed = Counter(
        (base, tuple(matched[node] for node in links)) for base, links in zip(one.bases, one.links, strict=True)
    )
    return renamed == Counter((base, tuple(links)) for base, links in zip(other.bases, other.links, strict=True))


class _Search:
    """Find an isomorphism of two graphs by refinement, split into components, and individualisation.

    A value with a colour of its own can go to one place only. The others fall into components that share no row.
    Components can be matched one by one in any order, for isomorphism is an equivalence. Within a component one value
    is given a colour of its own, in turn against every value that looks like it.
    """

    def __init__(self, one: Graph, other: Graph) -> None:
        self._one, self._other = one, other
        self._trials = 0

    def run(self) -> dict[int, int] | None:
        nodes = list(range(len(self._one.nodes)))
        return self._match(nodes, list(nodes), self._one.first_colours(), self._other.first_colours())

    def _match(self, left: list[int], right: list[int], mine: Colours, theirs: Colours) -> dict[int, int] | None:
        if self._one.refine(left, mine) != self._other.refine(right, theirs):
            return None
        classes, partners = _classes(left, mine), _classes(right, theirs)
        if {colour: len(nodes) for colour, nodes in classes.items()} != {c: len(n) for c, n in partners.items()}:
            return None
        matched = {nodes[0]: partners[colour][0] for colour, nodes in classes.items() if len(nodes) == 1}
        pool: dict[tuple[bytes, ...], list[list[int]]] = {}
        for nodes in _components(self._other, (n for n in right if len(partners[theirs[n]]) > 1)):
            pool.setdefault(_signature(nodes, theirs), []).append(nodes)
        for nodes in _components(self._one, (n for n in left if len(classes[mine[n]]) > 1)):
            candidates = pool.get(_signature(nodes, mine), [])
            for position, candidate in enumerate(candidates):
                found = self._individualise(nodes, candidate, mine, theirs)
                if found is not None:
                    matched |= found
                    del candidates[position]
                    break
            else:
                return None
        return matched

    def _individualise(
        self, left: list[int], right: list[int], mine: Colours, theirs: Colours
    ) -> dict[int, int] | None:
        if len(left) == 1:
            return {left[0]: right[0]}
        chosen = min(_classes(left, mine).values(), key=len)[0]
        marked = hashed(b"chosen" + mine[chosen])
        for partner in right:
            if theirs[partner] != mine[chosen]:
                continue
            self._trials += 1
            if self._trials > TRIALS_MAX:
                raise TooSymmetric(f"no renaming was found, nor excluded, in {TRIALS_MAX} trials")
            found = self._match(left, right, mine | {chosen: marked}, theirs | {partner: marked})
            if found is not None:
                return found
        return None


def _classes(nodes: Iterable[int], colours: Colours) -> dict[bytes, list[int]]:
    classes: dict[bytes, list[int]] = {}
    for node in nodes:
        classes.setdefault(colours[node], []).append(node)
    return classes


def _signature(nodes: list[int], colours: Colours) -> tuple[bytes, ...]:
    return tuple(sorted(colours[node] for node in nodes))


def _components(graph: Graph, nodes: Iterable[int]) -> list[list[int]]:
    """The nodes grouped by the rows they share, each group sorted, the groups by their first node."""
    left = dict.fromkeys(nodes)
    found = []
    while left:
        start = next(iter(left))
        del left[start]
        group, stack = [start], [start]
        while stack:
            for row, _ in graph.nodes[stack.pop()].places:
                for node in graph.links[row]:
                    if node in left:
                        del left[node]
                        group.append(node)
                        stack.append(node)
        found.append(sorted(group))
    return found
