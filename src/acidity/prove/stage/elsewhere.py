"""A clean run whose new keys begin at other numbers, as they do after others that were taken back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cached_property

from acidity.analysis.canonical import TooSymmetric, made
from acidity.analysis.copies import with_copies
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

    def with_copies(self, masks: Masks, clean: State) -> Masks:
        """The masks of clean runs with the places where copies of new keys stand.

        Args:
            masks: of the clean runs.
            clean: the rows after one of them.
        """
        domains = {domain for found in made(clean, self._stage.seed, masks).values() for domain in found}
        if domains <= {TOKENS} or self._state is None:
            return masks
        with suppress(TooSymmetric):
            return with_copies(masks, self._stage.seed, clean, self._state)
        return masks

    @cached_property
    def _state(self) -> State | None:
        with suppress(Unsettled, UsageError, DidNotEnd), _keys_elsewhere(self._stage) as can:
            return self._run() if can else None
        return None


@contextmanager
def _keys_elsewhere(stage: Stage) -> Iterator[bool]:
    try:
        yield stage.sandbox.keys_elsewhere(on=True)
    finally:
        stage.sandbox.keys_elsewhere(on=False)
