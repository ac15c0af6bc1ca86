"""What was seen of the runs that were made, so that a search that begins again need not make them once more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from acidity.core.turn import Turn

ROWS_MAX = 100_000  # that callers were answered in all runs that are kept; what came after them is made again


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen of one turn.

    Attributes:
        able: who could have been let go.
        chosen: who was.
        turns: what came of it; more than one, if nobody could go on afterwards and the engine ended that.
    """

    able: tuple[str, ...]
    chosen: str
    turns: list[Turn] = field(default_factory=list)


Run = Sequence[Seen]


class Memory:
    """The runs of a search, by who was let go in them."""

    def __init__(self) -> None:
        self._runs: dict[tuple[str, ...], Run] = {}
        self._now: list[Seen] = []
        self._rows = 0

    def begin(self) -> None:
        """A run begins."""
        self._now = []

    def choose(self, able: tuple[str, ...], chosen: str) -> None:
        """Somebody is let go."""
        self._now.append(Seen(able, chosen))

    def turn(self, turn: Turn) -> None:
        """That came of it."""
        self._now[-1].turns.append(turn)

    def keep(self) -> None:
        """The run is over."""
        turns = [turn for each in self._now for turn in each.turns]
        rows = sum(len(event.reply.rows or ()) for turn in turns for event in turn.events)
        if self._rows + rows <= ROWS_MAX:
            self._rows += rows
            self._runs[tuple(each.chosen for each in self._now)] = self._now

    def like(self, grants: tuple[str, ...]) -> Run | None:
        """A run that began like this; None if there is none."""
        return next((run for made, run in self._runs.items() if made[: len(grants)] == grants), None)
