"""The `Lab`: runs of several operations at once on one Stage, in an order that somebody chooses, and one by one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from acidity.adapters.seam import Actor, PassThrough
from acidity.core.call import History
from acidity.core.outcome import Ending, State
from acidity.core.scenario import Operation
from acidity.core.schedule import FIRST, actor_name
from acidity.core.step import Step
from acidity.core.turn import Trace, Turn
from acidity.engines.sandbox import Unsettled
from acidity.prove.explore.breaches import Breach, CommittedStates, Stated
from acidity.prove.explore.control import Choose
from acidity.prove.explore.hall import Hall
from acidity.prove.stage.aftermath import step_of
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
        steps: what ran when all of them had ended: recover, settle.
        breaches: what did not hold in a committed state; only where several commits are meant.
    """

    trace: Trace
    endings: Mapping[str, Ending]
    history: History
    state: State
    effects: Mapping[str, Mapping[str, int]]
    unseen: tuple[str, ...] = ()
    steps: tuple[Step, ...] = ()
    breaches: tuple[Breach, ...] = ()

    @property
    def whole_history(self) -> History:
        """The Calls of the callers and of the steps: all that wrote the rows."""
        return tuple(event for part in (self.history, *(step.history for step in self.steps)) for event in part)

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
        self._several = stage.scenario.commits == "several"
        self._stated = Stated(stage)
        for part in stage.parts.values():
            part.exact = True
            part.choose_victims()

    def run(
        self, choose: Choose, after_turn: Callable[[Turn], None] | None = None, names: Sequence[str] | None = None
    ) -> Played:
        """Run all of them at once, or some, from the rows before.

        Args:
            choose: says who goes on.
            after_turn: told of each turn, while all wait.
            names: who takes part; by default all.

        Raises:
            Unsettled: one of them did not go on, or not end.
            Deviated: from `choose`.
            KeyboardInterrupt: the user pressed Ctrl-C.
        """
        watch = CommittedStates(self._stated, len(self.names if names is None else names))
        told = [each for each in (after_turn, watch.after_turn if self._several else None) if each is not None]
        hall = Hall(choose, self._rescue, lambda turn: _tell(told, turn))
        names = self.names if names is None else names
        players = [Player(each, Actor(name, PassThrough(), records=True)) for name, each in self._callers(names)]
        self.runs += 1
        try:
            with asking():
                rehearsed = self._rehearsal.run(players, hall.play)
        finally:
            self.left = self.left or hall.left
        played = _played(players, hall.trace, rehearsed.endings, rehearsed.look.state, rehearsed.bypasses)
        return self._followed(played, watch)

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
        return self._followed(
            _played(players, Trace((), ()), endings, state, unseen), CommittedStates(self._stated, len(order))
        )

    def _followed(self, played: Played, watch: CommittedStates) -> Played:
        """The same with its steps, after which its rows are judged."""
        steps: list[Step] = []
        unseen = [*played.unseen, *watch.unread]
        for role, operation in self.stage.scenario.steps.items():
            player = Player(operation, Actor(FIRST, PassThrough(), records=True))
            with asking():
                rehearsed = self._rehearsal.run([player], reset=not (played.endings or steps))
            steps.append(step_of(role, operation, player.actor, rehearsed.endings[0], rehearsed.look.state))
            unseen += rehearsed.bypasses
            if steps[-1].raised:
                break
        state = steps[-1].state if steps else played.state
        if self._several:
            with asking():
                watch.end(state, played.endings.values())
        return replace(played, state=state, unseen=tuple(unseen), steps=tuple(steps), breaches=tuple(watch.breaches))

    def _callers(self, names: Sequence[str]) -> list[tuple[str, Operation]]:
        return [(name, self.operations[self.names.index(name)]) for name in names]

    def _rescue(self) -> None:
        for part in self.stage.parts.values():
            part.interrupt(self.stage.adapters.opened(part), everything=False)


def _tell(told: Sequence[Callable[[Turn], None]], turn: Turn) -> None:
    for each in told:
        each(turn)


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
