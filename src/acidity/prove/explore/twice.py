"""Each serial order is run twice, so that what chance makes shows: `Twice`, and why two runs cannot be compared."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from acidity.core.call import Event
from acidity.core.said import first_other
from acidity.engines.sandbox import Unsettled
from acidity.prove.explore.lab import Lab, Played
from acidity.prove.explore.sayings import Sayings
from acidity.prove.explore.serial import NoOracle, calls_in
from acidity.prove.stage.clock import let_second_pass
from acidity.prove.stage.ending import failure, other_first


class Twice:
    """Runs serial orders of the callers of a Lab, each twice.

    Args:
        lab: runs them.
        sayings: what callers say.
        met_others: whether the engine turned a Call away because of other callers, which nobody has one by one.
        filled: operations whose very first run was another one than those after it → why.

    Attributes:
        filled: those and the ones whose first run is none of the two → why.
    """

    def __init__(
        self, lab: Lab, sayings: Sayings, met_others: Callable[[Event], bool], filled: Mapping[str, str] | None = None
    ) -> None:
        self._lab = lab
        self._sayings = sayings
        self._met_others = met_others
        self.filled = dict(filled or {})

    def run(self, order: Sequence[str]) -> tuple[Played, ...]:
        """The two runs of an order.

        Raises:
            NoOracle: nothing can be compared with them.
        """
        named = _named(order)
        try:
            with self._lab.different():
                first, pair = self._two(order)
        except Unsettled as error:
            raise NoOracle(f"{named}, one after the other: {error}") from None
        for run in pair:
            if run.unseen:
                raise NoOracle(f"{named}, one after the other: {run.unseen[0]}")
        if calls_in(pair[0].history) != calls_in(pair[1].history):
            failed = self._fails(order, *pair) or self._fails(order, *reversed(pair))
            calls = f"make other database calls each time: {first_other(pair[0].history, pair[1].history)}"
            told = f"{failed} in one of two runs" if failed else calls
            raise NoOracle(f"not deterministic: {named}, one after the other, {told}")
        for run in pair:
            if broken := next((step for step in run.steps if step.raised), None):
                raise NoOracle(f"after {named}, one after the other, {broken} fails: {broken.raised[:200]}")
            if turned := next((event for event in run.history if self._met_others(event)), None):
                raise NoOracle(f"{named}, one after the other: {turned.call.label[:60]} got {turned.reply.error}")
        for name in order:
            one, other = (run.endings[name] for run in pair)
            if (one.answered, one.exception, one.succeeded) != (other.answered, other.exception, other.succeeded):
                told = "" if pair[0] is not first else f", the second time in {self._own}"
                raise NoOracle(f"{named}, one after the other: {name} ended in two ways{told}")
        return pair

    def _two(self, order: Sequence[str]) -> tuple[Played, tuple[Played, Played]]:
        """The very first run, and two that may be compared: that one may fill a cache, which no later one does."""
        first = self._lab.serially(order)
        pair = (first, self._later(first, order, at_once=True))
        if calls_in(pair[0].history) == calls_in(pair[1].history):
            return first, pair
        pair = (pair[1], self._later(pair[1], order))
        if calls_in(pair[1].history) == calls_in(first.history):
            again = self._later(pair[1], order, at_once=True)
            if calls_in(again.history) == calls_in(pair[0].history):
                raise NoOracle(self._only_in_here(order, first, pair[0]))
        for name in order:
            if calls_in(first.of(name)) != calls_in(pair[0].of(name)):
                self.filled[self._called(name)] = other_first(first.endings[name], pair[0].endings[name])
        return first, pair

    @property
    def _own(self) -> str:
        """What callers at once have each for itself."""
        return "a process of its own" if self._lab.apart else "a thread or task of its own"

    def _only_in_here(self, order: Sequence[str], here: Played, apart: Played) -> str:
        """Why callers at once cannot be compared with those who went another way since they were not apart."""
        advice = "" if self._lab.apart else "; --actors processes gives each caller a main thread"
        if failed := self._fails(order, here, apart):
            return f"{failed} in {self._own}, as callers at once have one, and not without{advice}"
        return f"{_named(order)}, one after the other, make other database calls in {self._own}{advice}"

    def _fails(self, order: Sequence[str], without: Played, run: Played) -> str:
        """Who fails in a run and how, where nobody fails in another one; empty if nobody does."""
        for name in order:
            if run.endings[name].exception and not without.endings[name].exception:
                return f"{self._called(name)}() fails with {failure(run.endings[name])}"
        return ""

    def _later(self, before: Played, order: Sequence[str], *, at_once: bool = False) -> Played:
        """The same order once more, when a clock that tells whole seconds tells another one."""
        said = [self._sayings.of(before, name) for name in before.endings]
        let_second_pass(before.state, said, self._lab.stage.seed)
        return self._lab.serially(order, at_once=at_once)

    def _called(self, name: str) -> str:
        return self._lab.operations[self._lab.names.index(name)].name


def _named(order: Sequence[str]) -> str:
    return " then ".join(order) or "nobody"
