"""Runs of the same operations, many times: nobody looks but acidity, once, and connections at rest stay open."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from acidity.prove.stage.apart import Apart, play_apart
from acidity.prove.stage.call import Player
from acidity.prove.stage.looks import look_past
from acidity.prove.stage.naps import let_pass
from acidity.prove.stage.play import Direct, play
from acidity.prove.stage.quiet import quiet
from acidity.prove.stage.run import Rehearsed
from acidity.prove.stage.stage import Stage


class Rehearsal:
    """Runs callers on a Stage, for a check that makes many runs of them.

    Args:
        stage: where.
    """

    def __init__(self, stage: Stage) -> None:
        self._stage = stage

    def run(
        self, players: Sequence[Player], direct: Direct = play, *, reset: bool = True, apart: Apart | None = None
    ) -> Rehearsed:
        """Run callers, and read what they left.

        Args:
            players: who plays.
            direct: lets them play, in an order of its own.
            reset: start from the rows before; otherwise from what the last run left.
            apart: lets them play instead, in processes of their own.

        Raises:
            ForeignDatabase: an engine inside an operation points at a database that is not ours.
            KeyboardInterrupt: the user pressed Ctrl-C.
        """
        stage = self._stage
        stage.overseer.leave_if_told()
        let_pass()
        host = stage._host_of(players)
        for player in players:
            stage._start_application(player.operation)
        if reset:
            host.sync(stage.recycler.before_reset)
            stage.sandbox.reset()
        try:
            endings, bypasses = stage.act(players, direct) if apart is None else play_apart(stage, players, apart)
            made = tuple(event for player in players for event in player.actor.history)
            stage.sandbox.remember(made)
            stage._refusals.raise_first()
            host.sync(partial(stage.recycler.after_run, [event.call for event in made]))
            look = look_past(stage.sandbox, stage.parts)
        except BaseException:
            with quiet():
                host.sync(stage.adapters.forget)
            raise
        own = [bypass for player in players for bypass in player.actor.bypasses]
        locked = ["a transaction that was left open kept every reader out"] if look.locked_out else []
        return Rehearsed(tuple(endings), look, tuple(dict.fromkeys([*bypasses, *own, *look.beyond, *locked])))
