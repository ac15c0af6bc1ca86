"""Sessions that go on from one run to the next, where the engine knows how (docs/decisions/0022)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial

from acidity.adapters.base import Adapters
from acidity.engines.base import Sandbox
from acidity.prove.stage.call import Player
from acidity.prove.stage.onlook import Onlooker


class Sessions:
    """What a run leaves in its pools, at rest, for the next one.

    Args:
        parts: the databases of the check.
        adapters: know which connections a run has opened.
        onlooker: knows which players may be given a session of another run.
    """

    def __init__(self, parts: Iterable[Sandbox], adapters: Adapters, onlooker: Onlooker) -> None:
        self._parts = [part for part in parts if part.keeps_sessions]
        self._adapters = adapters
        self._onlooker = onlooker

    @contextmanager
    def lending(self, players: Sequence[Player]) -> Iterator[None]:
        """Sessions of the run before may be used again by these players."""
        with ExitStack() as stack:
            for part in self._parts:
                stack.enter_context(part.lending(partial(self._onlooker.lets_go_on, players)))
            yield

    def keep(self, *, at_rest: bool) -> None:
        """Keep for the next run what this one leaves in its pools, at rest; nothing else may be left then."""
        for part in self._parts:
            part.keep(self._adapters.opened(part) if at_rest else ())
