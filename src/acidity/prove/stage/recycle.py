"""Which connections of one run the next one may use: those of which the database says that all is at rest."""

from __future__ import annotations

from collections.abc import Mapping

from acidity.adapters.base import Adapters
from acidity.engines.base import Sandbox
from acidity.prove.stage.quiet import quiet


class Recycler:
    """Keeps connections over a reset, because opening one costs more than a run.

    Args:
        parts: the databases by name.
        adapters: know what the run has opened.
    """

    def __init__(self, parts: Mapping[str, Sandbox], adapters: Adapters) -> None:
        self._parts = parts
        self._adapters = adapters

    def after_run(self) -> None:
        """Close everything unless all of it lies in pools, idle; what was left open is rolled back by that."""
        if all(self._rests(part) for part in self._parts.values()):
            return
        self._forget()
        for part in self._parts.values():  # a server may still be at it
            part.settle(())

    def before_reset(self) -> None:
        """Close what would not see the rows before again."""
        if not all(part.lasting for part in self._parts.values()):
            self._forget()

    def _rests(self, part: Sandbox) -> bool:
        pooled = self._adapters.pooled(part)
        return pooled is not None and part.at_rest(self._adapters.opened(part)) == pooled

    def _forget(self) -> None:
        with quiet():
            self._adapters.forget()
