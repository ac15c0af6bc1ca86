"""Callers in processes of their own, which inherit no connection of the program's and leave none behind."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from acidity.core.outcome import Ending
from acidity.prove.stage.call import Player
from acidity.prove.stage.quiet import quiet
from acidity.prove.stage.stage import Stage

Apart = Callable[[Sequence[Player]], tuple[list[Ending], list[str]]]
"""Lets several callers play, each in a process; gives how each ended, and what reached the database past the seam."""


def play_apart(stage: Stage, players: Sequence[Player], play: Apart) -> tuple[list[Ending], list[str]]:
    """Let them play in processes that are forked now, each of which does what `live_apart` does."""
    with quiet():
        stage._host_of(players).let_go(stage.adapters.forget, stage.adapters.holds)
    for part in stage.parts.values():
        part.settle(())
    with quiet(), stage._limiting(players):
        found = play(players)
    for part in stage.parts.values():  # a server may still be at what a process has left open
        part.settle(())
    return found


def live_apart(stage: Stage, player: Player) -> tuple[Ending, list[str]]:
    """What such a process does: call one operation, and close its connections.

    Raises:
        ForeignDatabase: an engine inside the operation points at a database that is not ours.
    """
    (ending,), bypasses = stage._live(player, lambda _name, _key: None)
    stage._refusals.raise_first()
    with quiet():
        stage._host(player.operation).sync(stage.adapters.forget)
    return ending, bypasses
