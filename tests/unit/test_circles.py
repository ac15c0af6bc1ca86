"""Circles in the graph of who depends on whom: all that brute force finds, in the same order, and soon where it is not."""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import pairwise, permutations, product

import pytest

from acidity.analysis.anomalies import ANOMALIES
from acidity.analysis.circles import Circle, of_callers, of_transactions
from acidity.analysis.dependencies import Commit, Dependencies, Edge, Kind
from acidity.analysis.reads import Read
from acidity.core.call import Call, Event, Reply
from acidity.core.call import Kind as CallKind


def edge(kind: Kind, source: int, target: int, *, predicate: bool = False) -> Edge:
    """Between two transactions; each third one is of the same caller."""
    first, second = (Commit(event(number), number, (), ()) for number in (source, target))
    if kind is Kind.WW:
        return Edge(kind, who(source), who(target), first, second)
    read = Read(event(0), 0, (), within=target if kind is Kind.WR else source)
    commits = (first, None) if kind is Kind.WR else (None, second)
    return Edge(kind, who(source), who(target), *commits, read, (), predicate)


def who(number: int) -> str:
    return "ABC"[number % 3]


def event(number: int) -> Event:
    return Event(Call(who(number), number, CallKind.COMMIT), Reply("ok"), order=number)


def graph(*edges: Edge) -> Dependencies:
    return Dependencies((), (), edges)


def random_graph(seed: int) -> Dependencies:
    chance = random.Random(seed)
    numbers = range(1, chance.randint(2, 6) + 1)
    some = [
        edge(chance.choice(list(Kind)), *chance.sample(numbers, 2), predicate=chance.random() < 0.3)
        for _ in range(chance.randint(1, 14))
    ]
    return graph(*some)


def ends(each: Edge, *, of_callers: bool) -> tuple[object, object]:
    if of_callers:
        return each.source, each.target
    reading = each.read.within if each.read else None
    return each.first.number if each.first else reading, each.second.number if each.second else reading


def by_brute_force(found: Dependencies, *, of_callers: bool) -> Iterator[Circle]:
    """Every order of every number of nodes, as a circle if there is an edge from each to the next."""
    steps: dict[tuple[object, object], dict[tuple[Kind, bool], Edge]] = {}
    for each in found.edges:
        pair = ends(each, of_callers=of_callers)
        if pair[0] != pair[1]:
            steps.setdefault(pair, {}).setdefault((each.kind, each.predicate), each)
    nodes = list(dict.fromkeys(node for pair in steps for node in pair))
    for length in range(2, len(nodes) + 1):
        for first, *others in permutations(nodes, length):
            pairs = list(pairwise((first, *others, first)))
            if all(nodes.index(first) < nodes.index(other) for other in others) and steps.keys() >= set(pairs):
                yield from product(*(steps[pair].values() for pair in pairs))


@pytest.mark.parametrize("seed", range(60))
def test_all_circles_are_found_in_the_order_of_brute_force(seed):
    found = random_graph(seed)
    assert list(of_callers(found)) == list(by_brute_force(found, of_callers=True))
    assert list(of_transactions(found, *Kind)) == list(by_brute_force(found, of_callers=False))


@pytest.mark.parametrize("kinds", [(Kind.WW,), (Kind.WW, Kind.WR), (Kind.RW,)])
def test_circles_of_some_kinds_are_those_of_all_that_have_no_other(kinds):
    for seed in range(60):
        found = random_graph(seed)
        expected = [c for c in by_brute_force(found, of_callers=False) if all(each.kind in kinds for each in c)]
        assert list(of_transactions(found, *kinds)) == expected


def test_the_random_graphs_have_circles_of_all_lengths():
    lengths = {len(circle) for seed in range(60) for circle in by_brute_force(random_graph(seed), of_callers=False)}
    assert lengths >= {2, 3, 4, 5}


@pytest.mark.parametrize("name", ["dirty write", "circular information flow"])
def test_transactions_without_number_are_no_matter_where_nobody_wrote_over_anybody(name):
    """Each transaction changes a row that every one after it has read: among 40 there are circles without end."""
    stale = [edge(Kind.RW, one, other) for one in range(40) for other in range(40) if who(one) != who(other)]
    over = [edge(Kind.WW, one, one + 1) for one in range(39)]
    assert ANOMALIES[name].detect(graph(*over, *stale)) is None


def test_a_long_circle_is_found_among_many_transactions():
    """There is one circle only, through all forty of them."""
    over = [edge(Kind.WW, one, (one + 1) % 40) for one in range(40)]
    seen = ANOMALIES["dirty write"].detect(graph(*over))
    assert seen is not None
    assert len(seen.edges) == 40
