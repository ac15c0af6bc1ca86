"""Clients that were cut off beside others that were not: what the database has given them stays used up.

A number of a sequence is not taken back with its transaction. Where a program writes its key into a text as well, the
rows of whoever comes next tell that somebody was there before, and no order of those who have committed gives them.
What a client has locked until it is cut off others may have skipped meanwhile, as SKIP LOCKED does.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from itertools import islice, permutations, product

from acidity.adapters.seam import Actor, Interceptor, Layer, PendingCall
from acidity.analysis.canonical import equal_raw
from acidity.core.call import History
from acidity.core.outcome import Ending, State
from acidity.core.scenario import Operation
from acidity.prove.drill.striker import FaultInjector, Strike, context_of
from acidity.prove.faults import FAULTS
from acidity.prove.stage.call import Caller, Player
from acidity.prove.stage.host import LoopHost, is_async
from acidity.prove.stage.overseer import CALLERS
from acidity.prove.stage.play import in_thread
from acidity.prove.stage.stage import Stage

_ORDERS_MAX = 24  # of one set of clients, each of them a run
_STANDS_S = 1.0  # who waits for a lock of one that stands does not come by; then that one goes on


class CutOff:
    """Runs clients one after another, some of which lose their connection before they commit.

    Args:
        stage: where.
        operations: one for each client.
        alone: what each client does when it is alone.
        within: makes the innermost Interceptor of each run.
    """

    def __init__(
        self,
        stage: Stage,
        operations: Mapping[str, Operation],
        alone: Mapping[str, History],
        within: Callable[[], Interceptor],
    ) -> None:
        self._stage = stage
        self._operations = operations
        self._places = {name: places_of(history) for name, history in alone.items()}
        self._within = within
        self._states: dict[tuple[tuple[str, ...], tuple[int, ...]], State | None] = {}
        self._past: dict[tuple[tuple[str, ...], tuple[str, ...]], State] = {}

    def states(self, through: Sequence[str]) -> Iterator[State]:
        """The rows after each order of all clients in which only these come through, and the others leave none.

        Raises:
            Unsettled: the database does not come to rest.
        """
        away = [name for name in self._operations if name not in through]
        orders = [order for order in permutations(self._operations) if away and order[-1] in through]
        places = product(*(self._places[name] for name in away))
        for cut in islice(((order, each) for each in places for order in orders), _ORDERS_MAX):
            if cut not in self._states:
                self._states[cut] = self._played(cut[0], dict(zip(away, cut[1], strict=True)))
            state = self._states[cut]
            if state is not None:
                yield state

    def states_past(self, through: Sequence[str]) -> Iterator[State]:
        """The rows after the same orders in which the others hold their locks before COMMIT until all have come by.

        Only of those who leave no rows when they are cut off there; of coroutines none, as nobody can hold one there.

        Raises:
            Unsettled: the database does not come to rest.
        """
        away = tuple(name for name in self._operations if name not in through)
        commits = [self._places[name][:1] for name in away]
        for order in permutations(self._operations) if away and self.can_stand and all(commits) else ():
            cut = order, tuple(place for (place,) in commits)
            if order[-1] not in through or self._states.get(cut) is None:
                continue
            if (order, away) not in self._past:
                players = [self._player(name, self._places[name][0] if name in away else None) for name in order]
                self._past[order, away] = self.come_by(players, away)
            yield self._past[order, away]

    @property
    def can_stand(self) -> bool:
        """Whether each of them has a thread of its own, in which it can be held."""
        return not any(is_async(operation) for operation in self._operations.values())

    def come_by(self, players: Sequence[Player], standing: Collection[str]) -> State:
        """The rows after these began one after another, where some stand before COMMIT until the others came by.

        Raises:
            Unsettled: the database does not come to rest.
        """
        held = {}
        for player in players:
            name = player.actor.name
            if name in standing and self._places[name]:
                held[name] = Standing(self._places[name][0], inner=player.actor.interceptor)
                player.actor.interceptor = held[name]

        def direct(caller: Caller, players: Sequence[Player], _loop: LoopHost | None) -> list[Ending]:
            with ThreadPoolExecutor(len(players), thread_name_prefix=CALLERS.rstrip("-")) as threads:
                started: list[Future[Ending]] = []
                try:
                    for player in players:
                        started.append(in_thread(threads, caller, player))
                        if player.actor.name in held:
                            held[player.actor.name].stand(started[-1])
                        else:
                            wait(started[-1:], _STANDS_S)
                finally:
                    for stands in held.values():
                        stands.go.set()
                return [each.result() for each in started]

        return self._stage.play(players, direct=direct).seen.second

    def _played(self, order: Sequence[str], cut: Mapping[str, int]) -> State | None:
        """The rows after it; None where who is cut off leaves any, as in a table without transactions."""
        state = self._stage.seed
        for name in order:
            player = self._player(name, cut.get(name))
            before, state = state, self._stage.play([player], reset=name == order[0]).seen.second
            if name in cut and not equal_raw(before, state):
                return None
        return state

    def _player(self, name: str, place: int | None) -> Player:
        operation = self._operations[name]
        if place is None:
            return Player(operation, Actor(name, self._within()))
        strike = Strike(FAULTS["connection-lost"], place, actor=name)
        injector = FaultInjector(strike, context_of(self._stage, operation), inner=self._within())
        return Player(operation, Actor(name, injector), injector.needs)


@dataclass(slots=True)
class Standing(Layer):
    """Stands before one of its Calls.

    Attributes:
        index: the number of the Call.
        there: it stands, or has ended.
        go: it may go on.
    """

    index: int
    there: threading.Event = field(default_factory=threading.Event)
    go: threading.Event = field(default_factory=threading.Event)

    def stand(self, ending: Future[Ending]) -> None:
        """Wait until it stands, or has ended."""
        ending.add_done_callback(lambda _: self.there.set())
        self.there.wait(_STANDS_S)

    def intercept(self, pending: PendingCall) -> None:
        """Stand, or let it pass."""
        if pending.call.index == self.index:
            self.there.set()
            self.go.wait()
        self.inner.intercept(pending)


def places_of(history: History) -> list[int]:
    """The numbers of the Calls before which a client may be cut off after it has written: its COMMIT first."""
    numbers: list[int] = []
    for event in history:
        if numbers or event.call.writes:
            numbers.append(event.call.index)
        if event.call.commits:
            break
    return numbers[:0:-1]
