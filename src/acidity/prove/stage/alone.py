"""One run of one operation that begins and ends with nobody connected, so that all it wrote lies in the files."""

from __future__ import annotations

from contextlib import AbstractContextManager

from acidity.prove.stage.call import Player
from acidity.prove.stage.quiet import quiet
from acidity.prove.stage.run import Rehearsed
from acidity.prove.stage.stage import Stage


def run_alone(stage: Stage, player: Player, meanwhile: AbstractContextManager[object]) -> Rehearsed:
    """Run it from the rows before, close every connection, and read what it left.

    Args:
        stage: where.
        player: who plays.
        meanwhile: entered when the rows before are there, and left when the last connection is closed.

    Raises:
        ForeignDatabase: an engine inside the operation points at a database that is not ours.
        KeyboardInterrupt: the user pressed Ctrl-C.
    """
    stage.overseer.leave_if_told()
    host = stage._host_of([player])
    stage._start_application(player.operation)
    with quiet():
        host.sync(stage.adapters.forget)
    stage.sandbox.reset()
    with meanwhile:
        try:
            (ending,), bypasses = stage.act([player])
            stage.sandbox.remember(player.actor.history)
            stage._refusals.raise_first()
        finally:
            with quiet():
                host.sync(stage.adapters.forget)
            for part in stage.parts.values():
                part.settle(())
    look = stage.sandbox.look()
    return Rehearsed((ending,), look, tuple(dict.fromkeys([*bypasses, *player.actor.bypasses, *look.beyond])))
