"""The `Lab`: runs of several operations at once on one Stage, in an order that somebody chooses, and one by one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from acidity.adapters.seam import Actor, PassThrough
from acidity.core.call import History
from acidity.core.outcome import Ending, State
from acidity.core.scenario import Operation
from acidity.core.schedule import actor_name
from acidity.core.turn import Trace, Turn
from acidity.engines.sandbox import Unsettled
from acidity.prove.explore.control import Choose
from acidity.prove.explore.hall import Hall
from acidity.prove.stage.call import Player
from acidity.prove.stage.rehearsal import Rehearsal
from acidity.prove.stage.stage import Stage


@dataclass(frozen=True, slots=True)
class Played:
    """One run of several callers.

    Attributes:
        trace: who was let go and what that led to; empty for callers that ran one by one.
        endings: how each caller ended.
        history: what all of them did, as it ended.
        state: the committed rows after it.
        effects: caller → effect → how often it took place.
        unseen: what reached the database past the seam, or cannot be compared.
    """

    trace: Trace
    endings: Mapping[str, Ending]
    history: History
    state: State
    effects: Mapping[str, Mapping[str, int]]
    unseen: tuple[str, ...] = ()

    def of(self, name: str) -> History:
        """What one caller did."""
        return tuple(event for event in self.history if event.call.actor == name)


class Lab:
    """Runs operations at once.

    Args:
        stage: where.
        operations: of the callers, in their order.

    Attributes:
        names: the letters of the callers.
        runs: how many were made.
        left: names of threads that could not be ended; nothing more can be run then.
    """

    def __init__(self, stage: Stage, operations: Sequence[Operation]) -> None:
        self.stage = stage
        self._rehearsal = Rehearsal(stage)
        self.operations = tuple(operations)
        self.names = tuple(actor_name(position) for position in range(len(operations)))
        self.runs = 0
        self.left: tuple[str, ...] = ()
        for part in stage.parts.values():
            part.exact = True
            part.choose_victims()

    def run(self, choose: Choose, after_turn: Callable[[Turn], None] | None = None) -> Played:
        """Run all of them at once, from the rows before.

        Args:
            choose: says who goes on.
            after_turn: told of each turn, while all wait.

        Raises:
            Unsettled: one of them did not go on, or not end.
            Deviated: from `choose`.
            KeyboardInterrupt: the user pressed Ctrl-C.
        """
        hall = Hall(choose, self._rescue) if after_turn is None else Hall(choose, self._rescue, after_turn)
        players = [Player(each, Actor(name, PassThrough(), records=True)) for name, each in self._callers(self.names)]
        self.runs += 1
        try:
            with asking():
                rehearsed = self._rehearsal.run(players, hall.play)
        finally:
            self.left = self.left or hall.left
        return _played(players, hall.trace, rehearsed.endings, rehearsed.look.state, rehearsed.bypasses)

    def serially(self, order: Sequence[str]) -> Played:
        """Run some of them one after the other, each when the one before has ended, from the rows before.

        Raises:
            Unsettled: one of them did not end.
            KeyboardInterrupt: the user pressed Ctrl-C.
        """
        self.runs += 1
        players: list[Player] = []
        endings: list[Ending] = []
        unseen: list[str] = []
        state = self.stage.seed
        for name, operation in self._callers(order):
            player = Player(operation, Actor(name, PassThrough(), records=True))
            with asking():
                rehearsed = self._rehearsal.run([player], reset=not players)
            players.append(player)
            endings += rehearsed.endings
            unseen += rehearsed.bypasses
            state = rehearsed.look.state
        return _played(players, Trace((), ()), endings, state, unseen)

    def _callers(self, names: Sequence[str]) -> list[tuple[str, Operation]]:
        return [(name, self.operations[self.names.index(name)]) for name in names]

    def _rescue(self) -> None:
        for part in self.stage.parts.values():
            part.interrupt(self.stage.adapters.opened(part), everything=False)


@contextmanager
def asking() -> Iterator[None]:
    """What acidity itself asks of the database in this context may fail, as when its server has died.

    Raises:
        Unsettled: it did.
    """
    try:
        yield
    except Exception as error:
        if isinstance(error, OSError) or any(kind.__name__ == "Error" for kind in type(error).__mro__):  # PEP 249
            raise Unsettled(f"the database could not be asked: {type(error).__name__}: {error}") from error
        raise


def _played(
    players: Sequence[Player], trace: Trace, endings: Sequence[Ending], state: State, unseen: Sequence[str]
) -> Played:
    names = [player.actor.name for player in players]
    events = sorted((event for player in players for event in player.actor.events), key=lambda event: event.order)
    effects = {player.actor.name: dict(player.actor.effects) for player in players}
    return Played(trace, dict(zip(names, endings, strict=True)), tuple(events), state, effects, tuple(unseen))
