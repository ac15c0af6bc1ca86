"""Clean runs whose new keys begin at other numbers, as they do after others that were taken back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cached_property

from acidity.analysis.canonical import TooSymmetric, made, same
from acidity.analysis.copies import first_keys, with_copies
from acidity.analysis.graph import TOKENS
from acidity.analysis.masks import Masks
from acidity.core.outcome import State
from acidity.engines.sandbox import Unsettled
from acidity.errors import UsageError
from acidity.prove.stage.overseer import DidNotEnd
from acidity.prove.stage.stage import Stage


class Elsewhere:
    """One more clean run, made when it is first asked for, on a database that uses up keys which were taken back.

    Args:
        stage: where it is made.
        run: makes it, and gives its rows; None if it went another way.
    """

    def __init__(self, stage: Stage, run: Callable[[], State | None]) -> None:
        self._stage = stage
        self._run = run
        self._places: Mapping[str, int] = {}
        self._ends: dict[frozenset[tuple[str, int]], State | None] = {}

    def with_copies(self, masks: Masks, clean: State) -> Masks:
        """The masks of clean runs with the places where copies of new keys stand.

        Args:
            masks: of the clean runs.
            clean: the rows after one of them.
        """
        domains = {domain for found in made(clean, self._stage.seed, masks).values() for domain in found}
        if domains <= {TOKENS} or self.state is None:
            return masks
        with suppress(TooSymmetric):
            return with_copies(masks, self._stage.seed, clean, self.state)
        return masks

    def with_keys_of(self, end: State, masks: Masks, clean: State) -> State | None:
        """The rows after a clean run whose new keys begin where those of another run do, where that tells anything.

        What is made of a key in other ways than as a copy (a hash, a short link) is the same in both, or wrong.

        Args:
            end: the rows after the other run.
            masks: of the clean runs.
            clean: the rows after one of them.
        """
        seed = self._stage.seed
        first, its = (first_keys(state, seed, masks) for state in (clean, end))
        later = {domain: its[domain] - key for domain, key in first.items() if its.get(domain, key) > key}
        if not later or self.state is None or same(clean, self.state, seed, masks):
            return None
        return self.later(later, masks, clean)

    def later(self, by: Mapping[str, int], masks: Masks, clean: State) -> State | None:
        """The rows after a clean run whose new keys begin further on; None if there is none.

        Args:
            by: the domain of the keys → by how much.
            masks: of the clean runs.
            clean: the rows after one of them.
        """
        if self.state is None:
            return None
        first, elsewhere = (first_keys(state, self._stage.seed, masks) for state in (clean, self.state))
        moved = {elsewhere[domain] - first[domain]: each for domain, each in by.items() if domain in elsewhere}
        ahead = {place: moved[its] for place, its in self._places.items() if its in moved}
        key = frozenset(ahead.items())
        if key not in self._ends:
            self._ends[key] = self._run_ahead(ahead)
        return self._ends[key]

    @cached_property
    def state(self) -> State | None:
        """The rows after a clean run whose new keys begin elsewhere; None if there is none."""
        return self._run_ahead(None)

    @property
    def known(self) -> State | None:
        """The same, if it was asked for."""
        return vars(self).get("state")

    def _run_ahead(self, ahead: Mapping[str, int] | None) -> State | None:
        with suppress(Unsettled, UsageError, DidNotEnd), _keys_ahead(self._stage, ahead) as moved:
            self._places = moved if ahead is None else self._places
            return self._run() if moved else None
        return None


@contextmanager
def _keys_ahead(stage: Stage, by: Mapping[str, int] | None) -> Iterator[Mapping[str, int]]:
    try:
        yield stage.sandbox.keys_ahead(by)
    finally:
        stage.sandbox.keys_ahead({})
