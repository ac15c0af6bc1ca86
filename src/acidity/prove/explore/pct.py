"""Schedules by chance, with a bound: PCT (Burckhardt et al., *A Randomized Scheduler with Probabilistic Guarantees of
Finding Bugs*, ASPLOS 2010).

Every caller has a priority by chance, and whoever has the highest one goes on. In `depth` - 1 turns by chance the one
that goes on falls behind all others. A fault that takes `depth` ordered pairs of Calls is met in one run with a chance
of at least 1/(n·k^(depth-1)), for n callers and k turns.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from random import Random

DEPTH = 3  # what is read has changed before it is used, and a third one has made something of it


class Pct:
    """Chooses who goes on, for run after run; the same seed gives the same schedules.

    Args:
        names: of the callers.
        turns: how many a run has at most, as far as is known.
        seed: what chance begins with.
        depth: how many ordered pairs of Calls a fault may take.
    """

    def __init__(self, names: Sequence[str], turns: int, seed: int, depth: int = DEPTH) -> None:
        self._names = tuple(names)
        self._turns = turns
        self._chance = Random(seed)  # noqa: S311 - it hides nothing
        self._depth = depth
        self._seed = seed
        self._ranks: dict[str, int] = {}
        self._priorities: dict[str, int] = {}
        self._falls: dict[int, int] = {}

    @property
    def bound(self) -> Fraction:
        """The least chance with which one run meets a fault of this depth."""
        return Fraction(1, len(self._names) * self._turns ** (self._depth - 1))

    def described(self) -> str:
        """The seed, the depth and the bound."""
        return (
            f"PCT, seed {self._seed}: each meets a fault of depth {self._depth} with a chance of {self.bound} or more"
        )

    def begin(self) -> None:
        """The priorities and the turns of the next run; the lowest priorities are kept for those who fall behind."""
        ranks = self._chance.sample(range(self._depth, self._depth + len(self._names)), len(self._names))
        self._ranks = dict(zip(self._names, ranks, strict=True))
        turns = self._chance.sample(range(self._turns), min(self._depth - 1, self._turns))
        self._falls = {turn: self._depth - 1 - place for place, turn in enumerate(turns)}

    def __call__(self, number: int, able: tuple[str, ...]) -> str:
        """Who goes on in this turn."""
        if number == 0:  # a run may be made once more
            self._priorities = dict(self._ranks)
        first = max(able, key=self._priorities.__getitem__)
        if number in self._falls:
            self._priorities[first] = self._falls[number]
            first = max(able, key=self._priorities.__getitem__)
        return first
