"""Every sequence of grants, those with the fewest switches first: `Every` says which to run next. It runs nothing.

A run follows a prefix and then lets the same caller go on as long as it can. Wherever somebody else could have gone on
after the prefix, a longer prefix is to be tried; so each sequence is run exactly once. A *switch* here is one that
nobody was forced to: the caller before could have gone on.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from fractions import Fraction
from math import prod

from acidity.core.said import said_each_time
from acidity.core.turn import Trace, Turn


class Deviated(BaseException):
    """A run that starts like another one went another way: what is run is not deterministic."""


class Unable(Deviated):
    """Who is to go on next cannot.

    Attributes:
        name: who.
        turn: when, counted from 1.
        stands: what keeps that caller, in words; said by who lets callers go.
    """

    def __init__(self, name: str, turn: int, able: Sequence[str], stands: str = "") -> None:
        super().__init__(f"{name} could not go on in turn {turn}, but {', '.join(able) or 'nobody'}")
        self.name, self.turn, self.stands = name, turn, stands or f"{name} cannot go on"


class Every:
    """The sequences of grants that are left to try.

    Attributes:
        covered: the part of all sequences that was run, as the chance that callers who are let go at random, one by
            one, take one of them.
        switches: as many were allowed in the last one.
        longest: how many turns the longest run had.
        finished: every sequence was run.
    """

    def __init__(self) -> None:
        self.covered = Fraction(0)
        self.switches = 0
        self._left: list[tuple[int, int, tuple[str, ...]]] = [(0, 0, ())]
        self._number = 0
        self._able: dict[tuple[str, ...], tuple[str, ...]] = {}
        self._done: dict[tuple[str, ...], str] = {}
        self._run: set[tuple[str, ...]] = set()
        self.longest = 0
        self.finished = False

    @property
    def left(self) -> int:
        """How many runs are still to be made, at the least."""
        return len(self._left)

    def next(self) -> tuple[str, ...] | None:
        """The prefix of the next run; None when every sequence was run."""
        if not self._left:
            self.finished = True
            return None
        self.switches, _, prefix = heapq.heappop(self._left)
        return prefix

    def seen(self, prefix: Sequence[str], trace: Trace) -> None:
        """A run with that prefix went so.

        Raises:
            Deviated: one that began alike went another way.
        """
        self.beside(trace)
        grants = trace.grants
        for place in range(len(prefix), len(grants)):
            before = grants[place - 1] if place else None
            for other in trace.enabled[place]:
                if other != grants[place]:
                    longer = (*grants[:place], other)
                    self._number += 1
                    cost = switches_of(trace, place) + (before in trace.enabled[place] and before != other)
                    heapq.heappush(self._left, (cost, self._number, longer))

    def beside(self, trace: Trace) -> None:
        """A run that was chosen otherwise went so; what it leaves to be tried is left aside.

        Raises:
            Deviated: one that began alike went another way.
        """
        self._compare(trace)
        if trace.grants not in self._run:
            self._run.add(trace.grants)
            self.covered += Fraction(1, prod(map(len, trace.enabled)))
            self.longest = max(self.longest, len(trace.turns))

    def _compare(self, trace: Trace) -> None:
        """What is done after the same grants is the same, and so is who could have gone on."""
        for place, (turn, able) in enumerate(zip(trace.turns, trace.enabled, strict=True)):
            if self._able.setdefault(trace.grants[:place], able) != able:
                raise Deviated(f"in turn {place + 1} others could go on than in a run that began alike")
            done = _done_in(turn)
            before = self._done.setdefault(trace.grants[: place + 1], done)
            if before != done:
                raise Deviated(f"in turn {place + 1} {turn.actor} {done}; in a run that began alike it {before}")


def require_followed(prefix: Sequence[str], trace: Trace) -> None:
    """Make sure that a run went to the end of its prefix.

    Raises:
        Unable: everybody had ended before.
    """
    turns = len(trace.turns)
    if turns < len(prefix):
        raise Unable(prefix[turns], turns + 1, (), f"{prefix[turns]} has already ended")


def switches_of(trace: Trace, until: int | None = None) -> int:
    """How often somebody else was let go although the caller before could have gone on."""
    grants = trace.grants[:until]
    pairs = zip(grants, grants[1:], trace.enabled[1:], strict=False)
    return sum(1 for one, next_one, able in pairs if one != next_one and one in able)


def _done_in(turn: Turn) -> str:
    """What has to be the same in all runs that begin alike; parameters may hold generated values."""
    made = " ".join(said_each_time(turn.call).split()) or turn.call.kind.value if turn.call is not None else "no call"
    waits = ", which waits" if turn.waits else ""
    woke = f", and woke {' and '.join(turn.woken)}" if turn.woken else ""
    return f"made {made[:60]}{waits}{woke}"


class Chooser:
    """Follows a prefix, then lets the same caller go on as long as it can.

    Args:
        prefix: who goes on first.
    """

    def __init__(self, prefix: tuple[str, ...]) -> None:
        self._prefix = prefix
        self._last = ""

    def __call__(self, number: int, able: tuple[str, ...]) -> str:
        """Who goes on in this turn.

        Raises:
            Unable: whoever comes next in the prefix cannot.
        """
        if number == 0:
            self._last = ""
        if number < len(self._prefix):
            name = self._prefix[number]
            if name not in able:
                raise Unable(name, number + 1, able)
        else:
            name = self._last if self._last in able else able[0]
        self._last = name
        return name
