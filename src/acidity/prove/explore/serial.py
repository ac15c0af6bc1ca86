"""One serial order of some callers with what came of it: `Serial`; and what tells such runs from each other."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby

from acidity.core.call import History
from acidity.core.outcome import Ending, State
from acidity.core.said import said_each_time
from acidity.prove.explore.lab import Played


class NoOracle(Exception):  # noqa: N818 - a verdict (unknown), not a mistake of somebody
    """Nothing can be compared with the serial orders; the message says why."""


@dataclass(frozen=True, slots=True)
class Serial:
    """What comes of some callers one after the other.

    Attributes:
        order: their letters; a caller whose transactions stand for themselves is there once for each of them.
        runs: two runs of it, or one of their transactions; for nobody at all there is none.
        state: the rows after the first.
    """

    order: tuple[str, ...]
    runs: tuple[Played, ...]
    state: State

    @property
    def names(self) -> tuple[str, ...]:
        """The callers, each once."""
        return tuple(self.runs[0].endings) if self.runs else ()

    @property
    def uninterrupted(self) -> bool:
        """Whether each caller came to its end before the next one began."""
        owners = [name for name, _ in groupby(self.order)]
        return len(owners) == len(set(owners))

    def endings(self, name: str) -> tuple[Ending, ...]:
        """How this caller ended, in all runs."""
        return tuple(run.endings[name] for run in self.runs)


def calls_in(history: History) -> list[tuple[str, str, str]]:
    """The Calls of a run without their parameters, which may hold generated values."""
    return [(event.call.actor, event.call.kind.value, said_each_time(event.call)) for event in history]
