"""Clients that were cut off beside others that were not: what the database has given them stays used up.

A number of a sequence is not taken back with its transaction. Where a program writes its key into a text as well, the
rows of whoever comes next tell that somebody was there before, and no order of those who have committed gives them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice, permutations, product

from acidity.adapters.seam import Actor, Interceptor
from acidity.analysis.canonical import equal_raw
from acidity.core.call import History
from acidity.core.outcome import State
from acidity.core.scenario import Operation
from acidity.prove.drill.striker import FaultInjector, Strike, context_of
from acidity.prove.faults import FAULTS
from acidity.prove.stage.call import Player
from acidity.prove.stage.stage import Stage

_ORDERS_MAX = 24  # of one set of clients, each of them a run


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


def places_of(history: History) -> list[int]:
    """The numbers of the Calls before which a client may be cut off after it has written: its COMMIT first."""
    numbers: list[int] = []
    for event in history:
        if numbers or event.call.writes:
            numbers.append(event.call.index)
        if event.call.commits:
            break
    return numbers[:0:-1]
