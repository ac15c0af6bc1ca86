"""Learn how far from the present the new times of clean runs are: `dated`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from acidity.analysis.canonical import canonical
from acidity.analysis.graph import Frame
from acidity.analysis.masks import Masks
from acidity.analysis.moments import TOLERANCE_S, Column, Dated, Moment, any_of, by_column, fixed, moment
from acidity.analysis.values import encode, instant
from acidity.core.outcome import State


def dated(masks: Masks, seed: State, cleans: Sequence[Sequence[State]], alike: Sequence[State] = ()) -> Masks:
    """The masks with what these runs show of how far from the present new times are.

    What was known stays as it was where these runs show nothing else, so that equal masks mean that nothing was learnt.

    Args:
        masks: under which the rows of each clean run are the same.
        seed: the rows before.
        cleans: the rows after runs in each of several orders; those of one order have to be the same.
        alike: the rows after several runs of one schedule; where chance is in a time of these, it is not told.
    """
    if not masks.times:
        return masks
    frame, loose = Frame(seed, masks), replace(masks, moments=frozenset(map(any_of, masks.times)))
    noted = [[_Noted.of(frame, state) for state in runs] for runs in cleans]
    same = [_Noted.of(frame, state) for state in alike] if _alike(alike, seed, loose) else []
    known = {column: list(each) for column, each in by_column(masks.moments).items()}
    for column in masks.times:
        moved = set().union(*(_not_in_all(column, runs) for runs in noted))  # a clock makes it, which goes on
        before = [each for each in known.get(column, []) if each.content not in moved]
        if any(_is_by_chance(column, runs) for runs in [*noted, same]) or _strays(column, same, before):
            known[column] = [any_of(column)]
        else:
            new = (each for runs in noted for each in _moments(column, runs, moved) if not _is_known(each, before))
            slack = TOLERANCE_S + _grain(column, noted)
            wider = (replace(each, first=each.first - slack, last=each.last + slack) for each in new)
            known[column] = list(_merged([*before, *wider]))
    found = replace(masks, moments=frozenset(each for moments in known.values() for each in moments))
    by_chance = any(_alike(runs, seed, loose) and not _alike(runs, seed, found) for runs in cleans)
    return loose if by_chance else found  # it may be chance which row has which of them


def tell_alone(masks: Masks, seed: State, shown: Iterable[State], states: Sequence[State]) -> bool:
    """Whether moments alone tell one of the States that are shown from all of some others."""
    if not masks.moments:
        return False
    loose = replace(masks, moments=frozenset())
    found = [{canonical(state, seed, each) for state in states} for each in (masks, loose)]
    return any(canonical(it, seed, masks) not in found[0] and canonical(it, seed, loose) in found[1] for it in shown)


def _not_in_all(column: Column, runs: Sequence[_Noted]) -> set[bytes]:
    """Times that some of these runs have, and others, which should be alike, have not."""
    contents = [set(run.contents(column)) for run in runs]
    every: set[bytes] = set().union(*contents)
    return {each for each in every if not all(each in content for content in contents)}


def _alike(states: Sequence[State], seed: State, masks: Masks) -> bool:
    return len({canonical(state, seed, masks) for state in states}) <= 1


class _Noted(Dated):
    """Notes the new times of a State."""

    def __init__(self, state: State) -> None:
        super().__init__({}, state.during)
        self.times: dict[Column, list[object]] = {}

    @classmethod
    def of(cls, frame: Frame, state: State) -> _Noted:
        noted = cls(state)
        frame.graph(state, noted)
        return noted

    def tell(self, column: Column, value: object) -> bytes:
        self.times.setdefault(column, []).append(value)
        return super().tell(column, value)

    def contents(self, column: Column) -> Counter[bytes]:
        return Counter(map(encode, self.times.get(column, ())))


def _is_by_chance(column: Column, runs: Sequence[_Noted]) -> bool:
    """Whether a column has times at other distances in one of these runs, though all should be alike."""
    for other in runs[1:]:
        both = runs[0].contents(column) & other.contents(column)
        one, two = (_without(both, run.times.get(column, ())) for run in (runs[0], other))
        pairs = zip(_sorted(column, one, runs[0]), _sorted(column, two, other), strict=False)
        slack = TOLERANCE_S + _grain(column, [runs])
        if len(one) != len(two) or any(
            not left.meets(replace(right, first=right.first - slack, last=right.last + slack)) for left, right in pairs
        ):
            return True
    return False


def _strays(column: Column, runs: Sequence[_Noted], known: Sequence[Moment]) -> bool:
    """Whether a column has times of known moments in some of these runs, and of no moment in others."""
    there = ([_is_known(each, known) for each in _sorted(column, run.times.get(column, ()), run)] for run in runs)
    return len({tuple(each) for each in there}) > 1


def _without(both: Counter[bytes], values: Iterable[object]) -> list[object]:
    """The values but for those that both runs have."""
    left, found = Counter(both), []
    for value in values:
        if left[encode(value)] > 0:
            left[encode(value)] -= 1
        else:
            found.append(value)
    return found


def _sorted(column: Column, values: Iterable[object], run: _Noted) -> list[Moment]:
    return sorted((moment(column, value, run.during) for value in values), key=lambda each: each.order)


def _moments(column: Column, runs: Sequence[_Noted], moved: set[bytes]) -> Iterator[Moment]:
    """Those of the times of runs that are alike; a time that all of them have is what it is, whatever the clock says,
    unless it has moved on in other runs.

    Where a clock makes it all the same, of days or hours, another one shows when the orders are run once more.
    """
    same = set(runs[0].contents(column)) if len(runs) > 1 else set()
    for run in runs[1:]:
        same &= set(run.contents(column))
    for run in runs:
        for value in run.times.get(column, ()):
            content = encode(value)
            yield fixed(column, content) if content in same - moved else moment(column, value, run.during)


def _is_known(this: Moment, known: Sequence[Moment]) -> bool:
    return any(this == each if this.content else this.meets(each) for each in known)


def _grain(column: Column, orders: Sequence[Sequence[_Noted]]) -> float:
    """To how many seconds the clock is cut that makes these times."""
    known = (instant(value) for runs in orders for run in runs for value in run.times.get(column, ()))
    return min((each[1] for each in known if each), default=0.0)


def _merged(moments: Iterable[Moment]) -> Iterator[Moment]:
    """Those that meet as one."""
    last: Moment | None = None
    for each in sorted(moments, key=lambda one: one.order):
        if last is not None and last.meets(each):
            last = replace(last, last=max(last.last, each.last))
            continue
        if last is not None:
            yield last
        last = each
    if last is not None:
        yield last
