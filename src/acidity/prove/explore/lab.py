"""The `Lab`: runs of several operations at once on one Stage, in an order that somebody chooses, and one by one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from acidity.adapters.seam import Actor, PassThrough
from acidity.core.call import History
from acidity.core.outcome import Ending, Mistake, State
from acidity.core.scenario import Operation
from acidity.core.schedule import FIRST, actor_name
from acidity.core.step import Step
from acidity.core.turn import Trace, Turn
from acidity.engines.sandbox import Unsettled
from acidity.prove.explore.breaches import Breach, CommittedStates, Stated
from acidity.prove.explore.control import Choose
from acidity.prove.explore.hall import Hall, Stay
from acidity.prove.explore.in_order import NOBODY, InOrder
from acidity.prove.explore.refusing import Noting, Refusal, Refusing
from acidity.prove.explore.texts import texts_of
from acidity.prove.explore.workers import Workers
from acidity.prove.stage.aftermath import step_of
from acidity.prove.stage.apart import live_apart
from acidity.prove.stage.call import Player
from acidity.prove.stage.clock import present
from acidity.prove.stage.naps import require_clocks
from acidity.prove.stage.rehearsal import Rehearsal
from acidity.prove.stage.run import Rehearsed
from acidity.prove.stage.stage import Stage
from acidity.prove.telling.unfit import OUTLIVED

NO_REFUSALS: Mapping[str, Refusal] = {}


@dataclass(frozen=True, slots=True)
class Played:
    """One run of several callers.

    Attributes:
        trace: who was let go and what that led to; empty for callers that ran one by one.
        endings: how each caller ended.
        history: what all of them did, as it ended.
        state: the committed rows after it.
        effects: caller → effect → how often it took place, without a key.
        unseen: what reached the database past the seam, or cannot be compared.
        steps: what ran when all of them had ended: recover, settle.
        breaches: what did not hold in a committed state; only where several commits are meant, and else, of callers
            one after the other, after a later one though it did after the first.
        raised: what the driver raised, by caller and the number of its Call; only there, too.
        keys: caller → (effect, idempotency key) of those that have one.
        told: caller → (effect, its key or None, what it was called with), as they took place.
        unlocked: caller → its Calls, by number, that ask for locks which the database does not have.
    """

    trace: Trace
    endings: Mapping[str, Ending]
    history: History
    state: State
    effects: Mapping[str, Mapping[str, int]]
    unseen: tuple[str, ...] = ()
    steps: tuple[Step, ...] = ()
    breaches: tuple[Breach, ...] = ()
    raised: Mapping[tuple[str, int], BaseException] = field(default_factory=dict, compare=False)
    keys: Mapping[str, frozenset[tuple[str, str]]] = field(default_factory=dict)
    told: Mapping[str, tuple[tuple[str, str | None, Any], ...]] = field(default_factory=dict)
    unlocked: Mapping[str, frozenset[int]] = field(default_factory=dict)

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
        apart: callers at once have a process each.

    Attributes:
        apart: callers at once have a process each.
        as_at_once: callers one by one have a thread, task or process each, too, since they ask who they are.
        brief: some limit how long they wait for a lock to less than a second.
        limits: some limit by a clock of their own how long a Call may take, which no schedule takes.
        names: the letters of the callers.
        runs: how many were made.
        left: names of threads that could not be ended; nothing more can be run then.
        locks: lines of the program at which callers waited for a lock that is one for each process.
        spins: lines at which callers were refused so often that they let others go on.
    """

    def __init__(self, stage: Stage, operations: Sequence[Operation], *, apart: bool = False) -> None:
        self.apart = apart
        self.as_at_once = False
        self.brief = False
        self.limits = False
        self.stage = stage
        self._rehearsal = Rehearsal(stage)
        self.operations = tuple(operations)
        self.names = tuple(actor_name(position) for position in range(len(operations)))
        self.runs = 0
        self.left: tuple[str, ...] = ()
        self.locks: dict[str, None] = {}
        self.spins: dict[str, None] = {}
        self._several = stage.scenario.commits == "several"
        self._stated = Stated(stage)
        self._stay: Stay | None = None
        for part in stage.parts.values():
            part.exact = True
            part.choose_victims()

    def run(
        self,
        choose: Choose,
        after_turn: Callable[[Turn], None] | None = None,
        names: Sequence[str] | None = None,
        refusals: Mapping[str, Refusal] = NO_REFUSALS,
        in_order: InOrder = NOBODY,
    ) -> Played:
        """Run all of them at once, or some, from the rows before.

        Args:
            choose: says who goes on.
            after_turn: told of each turn, while all wait.
            names: who takes part; by default all.
            refusals: who is turned away on the way, and how.
            in_order: callers that nothing tells apart.

        Raises:
            Unsettled: one of them did not go on, or not end.
            Deviated: from `choose`.
            ClockRead: sleeps were skipped that a clock would tell.
            KeyboardInterrupt: the user pressed Ctrl-C.
        """
        watch = CommittedStates(self._stated, len(self.names if names is None else names))
        told = [each for each in (after_turn, watch.after_turn if self._several else None) if each is not None]
        names = self.names if names is None else names
        players = [
            Player(each, Actor(name, PassThrough(), records=True, pings=False)) for name, each in self._callers(names)
        ]
        notes = {player.actor.name: self._noted(player.actor, refusals) for player in players if self._several}
        self.runs += 1
        began = present()
        rehearsed, trace = self._let_play(players, choose, lambda turn: _tell(told, turn), in_order)
        played = _played(players, trace, rehearsed.endings, rehearsed.look.state, rehearsed.bypasses)
        raised = {(name, index): error for name, note in notes.items() for index, error in note.raised.items()}
        return self._followed(replace(played, raised=raised), watch, began)

    @staticmethod
    def _noted(actor: Actor, refusals: Mapping[str, Refusal]) -> Noting:
        """What the driver raises is kept; a caller that shall be turned away is."""
        noting = Noting(inner=actor.interceptor)
        actor.interceptor = noting
        if actor.name in refusals:
            actor.interceptor = Refusing(refusals[actor.name], actor.events, inner=noting)
        return noting

    def _let_play(
        self,
        players: Sequence[Player],
        choose: Choose,
        after_turn: Callable[[Turn], None] = lambda _turn: None,
        in_order: InOrder = NOBODY,
        *,
        reset: bool = True,
    ) -> tuple[Rehearsed, Trace]:
        """In this process, or each in one of its own."""
        stage = self.stage
        here = Hall(choose, self._rescue, after_turn, in_order, self._stay, brief=self.brief)
        there = Workers(choose, stage.parts, partial(live_apart, stage), after_turn, in_order, brief=self.brief)
        try:
            with asking():
                if self.apart:
                    rehearsed = self._rehearsal.run(players, reset=reset, apart=there.play)
                else:
                    rehearsed = self._rehearsal.run(players, here.play, reset=reset)
        finally:
            self.left = self.left or here.left
            self.locks |= here.locks
            self.spins |= here.spins | there.spins
        return rehearsed, there.trace if self.apart else here.trace

    def _let_one_play(self, player: Player, *, reset: bool, at_once: bool) -> Rehearsed:
        if at_once:
            return self._let_play([player], lambda _turn, able: able[0], reset=reset)[0]
        with asking():
            return self._rehearsal.run([player], reset=reset)

    @contextmanager
    def different(self) -> Iterator[None]:
        """Runs one by one that are made in here have threads of their own: none has the identity of another one."""
        self._stay = Stay()
        try:
            yield
        finally:
            self._stay.end()
            self._stay = None

    def serially(self, order: Sequence[str], *, at_once: bool = False) -> Played:
        """Run some of them one after the other, each when the one before has ended, from the rows before.

        Args:
            order: who, in which order.
            at_once: each has a thread, task or process of its own, as callers at once have.

        Raises:
            Unsettled: one of them did not end.
            ClockRead: sleeps were skipped that a clock would tell.
            KeyboardInterrupt: the user pressed Ctrl-C.
        """
        self.runs += 1
        began = present()
        players: list[Player] = []
        endings: list[Ending] = []
        unseen: list[str] = []
        breaches: list[tuple[int, Breach]] = []
        state = self.stage.seed
        for name, operation in self._callers(order):
            player = Player(operation, Actor(name, PassThrough(), records=True, pings=False))
            rehearsed = self._let_one_play(player, reset=not players, at_once=at_once or self.as_at_once)
            players.append(player)
            endings += rehearsed.endings
            unseen += [*rehearsed.bypasses, *_closed(name, rehearsed.endings[0])]
            state = rehearsed.look.state
            if not self._several and not self.stage.scenario.steps:
                breaches += [(len(players), each) for each in self._broken(state, endings)]
        first = {each.violation.called for position, each in breaches if position == 1}
        later = tuple(each for _, each in breaches if each.violation.called not in first)
        played = replace(_played(players, Trace((), ()), endings, state, unseen), breaches=later)
        return self._followed(played, CommittedStates(self._stated, len(order)), began)

    def _broken(self, state: State, endings: Sequence[Ending]) -> list[Breach]:
        """What does not hold in the rows that are there now; an engine may not enforce what is declared."""
        with asking():
            return [Breach(each, state, None) for each in self._stated.end(state, endings)]

    def _followed(self, played: Played, watch: CommittedStates, began: float) -> Played:
        """The same with its steps, after which its rows are judged, and with how long all of it took."""
        steps: list[Step] = []
        unseen, stage = [*played.unseen, *watch.unread], self.stage
        for role, operation in stage.scenario.steps.items():
            player = Player(operation, Actor(FIRST, PassThrough(), records=True, pings=False))
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
        state = replace(state, during=(began, present()))
        whole = replace(
            played, state=state, unseen=tuple(unseen), steps=tuple(steps), breaches=(*played.breaches, *watch.breaches)
        )
        require_clocks(whole.whole_history, lambda: texts_of(stage.parts.values()))
        return whole

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


def _closed(name: str, ending: Ending) -> Iterator[str]:
    """What is to be said of a caller that finds a connection closed where nobody else could have closed it."""
    if ending.mistake is Mistake.CONNECTION and not ending.refusal:
        yield f"{name} fails with {ending.exception} ({ending.message[:60]}), which no database has said: {OUTLIVED}"


def _played(
    players: Sequence[Player], trace: Trace, endings: Sequence[Ending], state: State, unseen: Sequence[str]
) -> Played:
    names = [player.actor.name for player in players]
    events = sorted((event for player in players for event in player.actor.events), key=lambda event: event.order)
    keys = {player.actor.name: frozenset(player.actor.effect_keys) for player in players}
    effects = {
        player.actor.name: Counter(player.actor.effects) - Counter(effect for effect, _ in player.actor.effect_keys)
        for player in players
    }
    ended = dict(zip(names, endings, strict=True))
    told = {player.actor.name: tuple(player.actor.told) for player in players}
    unlocked = {player.actor.name: frozenset(player.actor.unlocked) for player in players if player.actor.unlocked}
    return Played(trace, ended, tuple(events), state, effects, tuple(unseen), keys=keys, told=told, unlocked=unlocked)
