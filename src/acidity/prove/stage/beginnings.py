"""What a web application does when it is started: guarded as an operation, and seen by nobody afterwards.

Tasks that it starts then live on beside the runs. What they do belongs to no operation, and makes a run undecided.
"""

from __future__ import annotations

from collections.abc import Iterable

from acidity.adapters.seam import Actor, PassThrough, PendingCall
from acidity.core.schedule import FIRST


class Beginnings:
    """The actors as which applications were started, and what is known of what they left running."""

    def __init__(self) -> None:
        self._started: list[_Beginning] = []
        self._lasting: dict[str, None] = {}

    def actor(self) -> Actor:
        """Who starts the next one."""
        self._started.append(_Beginning())
        return Actor(FIRST, self._started[-1])

    def over(self, bypasses: Iterable[str]) -> None:
        """It has started; what was seen then, such as another process, may go on through every run."""
        self._lasting.update(dict.fromkeys(bypasses))
        for each in self._started:
            each.over = True

    def bypasses(self) -> list[str]:
        """What makes the run undecided that has just taken place."""
        seen = [text for each in self._started for text in each.seen]
        for each in self._started:
            each.seen.clear()
        return [*self._lasting, *seen]


class _Beginning(PassThrough):
    """Notes what is done as this actor when it is over.

    Attributes:
        over: the application has started.
        seen: in words.
    """

    def __init__(self) -> None:
        self.over = False
        self.seen: list[str] = []

    def intercept(self, pending: PendingCall) -> None:
        """Let it pass, and note it if it comes too late."""
        if self.over:
            self.seen.append(f"{pending.call.kind.value} by a task that the application has started, and no operation")
        super().intercept(pending)
