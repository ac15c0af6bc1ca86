"""Several clients at once while their server is killed: what was acknowledged is there, and no other change in part.

Each transaction gets a row of acidity's own just before its COMMIT, in a table of acidity's own: a mark. What has come
back is told by the marks alone, whatever the clients have done to each other's rows. The rows then have to be what
comes of just those clients one after another, in some order, or of them with the others cut off on their way (see
`cut_off`). Rows that no order gives are a part of a change, or come of clients that are not isolated from one another,
which is letter I's: the clients are let at the rows without a kill, one standing before its COMMIT, then all in step,
and where that does not show the second, the round is unknown.
"""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain, combinations, islice, permutations

from acidity.adapters.seam import Actor, Layer, PassThrough, PendingCall
from acidity.analysis.compare import Comparer
from acidity.core.call import Kind, commits_acknowledged
from acidity.core.outcome import Ending, State
from acidity.core.scenario import Operation
from acidity.core.schedule import Choice, Schedule
from acidity.engines.hosted import HostedSandbox
from acidity.engines.own_calls import own_calls
from acidity.prove.crash.cut_off import CutOff
from acidity.prove.crash.forgetful import emptied, forgetful
from acidity.prove.crash.judge import Word
from acidity.prove.crash.kills import AFTER, BEFORE, KILLED, UNDER_WAY_MAX_S, named, under_way
from acidity.prove.drill.striker import FaultInjector, Strike, context_of
from acidity.prove.explore.lab import Lab
from acidity.prove.explore.oracle import Oracle
from acidity.prove.faults.bait import table
from acidity.prove.runs import Runs
from acidity.prove.stage.call import Caller, Player
from acidity.prove.stage.host import LoopHost, is_async
from acidity.prove.stage.play import play
from acidity.prove.stage.run import Scene

CLIENTS_MAX = 3
ROUNDS = 6  # of all clients together, unless ``runs_max=`` says how many
_IN_STEP = 3  # rounds without a kill, to see whether the clients are isolated from one another
_AT_ONCE = 12  # the same of coroutines alone, which nobody holds
_FIRST_MARK, _MARKS = 1_000_000, 1_000  # the bait has rows of its own; of each client so many
_STEP_S = 1.0  # a client that waits for the other one's lock does not come; then nobody waits any more


@dataclass(frozen=True, slots=True)
class Moment:
    """The server is killed so long after the clients have begun, whatever they do then.

    Attributes:
        delay_us: microseconds.
    """

    delay_us: int


Kill = Strike | Moment


@dataclass(frozen=True, slots=True)
class Round:
    """One killed server, and what was there afterwards.

    Attributes:
        schedule: how it prints.
        players: the clients, each with what it did.
        endings: how each of them ended.
        state: the rows after the recovery.
        word: what they are; None where no order of the clients gives them.
        lost: the clients whose acknowledged change is gone.
        wanted: rows that would have been right, where something is lost: of one of the orders.
        forgot: the tables are made to keep no row over a crash, and nothing else is lost.
    """

    schedule: Schedule
    players: Sequence[Player]
    endings: Sequence[Ending]
    state: State
    word: Word | None
    lost: tuple[str, ...] = ()
    wanted: State | None = None
    forgot: bool = False


class Clients:
    """Lets some operations at the rows at once, and kills the server under them.

    Args:
        runs: of the check.
        operations: one for each client.

    Raises:
        NoOracle: what comes of them one after another cannot be told apart from chance.
        UsageError: an operation fails alone.
        Unsettled: the database does not come to rest.
    """

    def __init__(self, runs: Runs, operations: Sequence[Operation]) -> None:
        self._stage = runs.stage
        self._within = runs.within
        (part,) = self._stage.parts.values()
        assert isinstance(part, HostedSandbox)
        self._part = part
        self._marks = table(part, "bait")
        self.forgetful = forgetful(part)
        lab = Lab(self._stage, operations)
        oracle = Oracle(lab, self._stage.scenario.ignore)
        masks = replace(oracle.masks, moments=frozenset())  # to be recovered takes its time
        self._comparer = Comparer(self._stage.seed, masks)
        self._operations = dict(zip(lab.names, operations, strict=True))
        self._serials = {names: tuple(oracle.orders(names)) for names in _subsets(lab.names)}
        (first, *_) = self._serials[lab.names]
        self._commits = tuple(
            (event.call.actor, event.call.index) for event in first.runs[0].history if event.call.commits
        )
        alone = {name: self._serials[name,][0].runs[0].history for name in lab.names}
        self._cut_off = CutOff(self._stage, self._operations, alone, self._within)
        self._took_s = self._timed()

    @property
    def commits(self) -> Mapping[str, int]:
        """How often each of them commits, one after another."""
        return Counter(name for name, _ in self._commits)

    def kills(self, count: int, seed: int) -> list[Kill]:
        """So many: at the COMMITs of each, before, under way and after, and at moments drawn by the seed."""
        return list(islice(kills_at(self._commits, self._took_s, random.Random(seed)), count))  # noqa: S311

    def meant(self, schedule: Schedule, seed: int) -> Kill:
        """The kill that a Schedule names."""
        choice = schedule.choices[0]
        if choice.fault == KILLED:
            return Moment(int(choice.state.partition(".")[0]))
        strike = named(choice.fault, choice.calls, seed)
        return Strike(strike.fault, strike.index, actor=choice.actor)

    def schedule_of(self, kill: Kill) -> Schedule:
        """How a round prints: whose Call is struck, and who else is there."""
        names = list(self._operations)
        if isinstance(kill, Moment):
            first = Choice(names[0], fault=KILLED, state=f"{kill.delay_us}.us")
        else:
            first = kill.schedule.choices[0]
        return Schedule((first, *(Choice(name) for name in names if name != first.actor)))

    def round(self, kill: Kill) -> Round | None:
        """Let them at the rows and kill the server; None where the Call of the kill was not reached.

        Raises:
            Unsettled: the database does not come to rest.
            TooSymmetric: a bound of the comparison was hit.
        """
        players = [self._player(name, kill) for name in self._operations]
        delay_s = kill.delay_us / 1e6 if isinstance(kill, Moment) else None
        scene = self._played(players, delay_s)
        injectors = [each.actor.interceptor for each in players]
        if not isinstance(kill, Moment) and not any(isinstance(it, FaultInjector) and it.struck for it in injectors):
            return None
        return self._judged(self.schedule_of(kill), players, scene)

    def are_isolated(self) -> bool:
        """Whether they leave rows that some order gives when they come by each other and in step, without a kill."""
        if not self._pass_in_order():
            return False
        threads = [name for name, operation in self._operations.items() if not is_async(operation)]
        for _ in range(_IN_STEP if threads else _AT_ONCE):
            barrier = threading.Barrier(max(1, len(threads)))
            players = [
                Player(operation, Actor(name, _InStep(barrier) if name in threads else PassThrough()))
                for name, operation in self._operations.items()
            ]
            if not self._is_serial(players, self._played(players).seen.second):
                return False
        return True

    def _pass_in_order(self) -> bool:
        """Whether they do when one of them stands before its COMMIT while the others come by, and then goes on."""
        for order in permutations(self._operations) if self._cut_off.can_stand else ():
            players = [Player(self._operations[name], Actor(name, self._within())) for name in order]
            if not self._is_serial(players, self._cut_off.come_by(players, order[:1])):
                return False
        return True

    def _is_serial(self, players: Sequence[Player], state: State) -> bool:
        through = [each.actor.name for each in players if commits_acknowledged(each.actor.history)]
        return self._gives(state, tuple(sorted(through)))

    def _played(self, players: Sequence[Player], delay_s: float | None = None) -> Scene:
        self._stage.sandbox.reset()
        self._part.ask(f"DELETE FROM {self._marks} WHERE id >= {_FIRST_MARK}")  # noqa: S608 - a table of our own
        self._part.flush()
        if delay_s is None:
            return self._stage.play(players, reset=False)
        return self._stage.play(players, reset=False, direct=partial(self._killing, delay_s))

    def _killing(
        self, delay_s: float, caller: Caller, players: Sequence[Player], loop: LoopHost | None
    ) -> list[Ending]:
        trouble: list[BaseException] = []
        killer = threading.Thread(target=self._kill_after, args=(delay_s, trouble))
        killer.start()
        try:
            return play(caller, players, loop)
        finally:
            killer.join()
            if trouble:
                raise trouble[0]

    def _kill_after(self, delay_s: float, trouble: list[BaseException]) -> None:
        time.sleep(delay_s)
        try:
            with own_calls():
                self._part.kill_server()
                self._part.revive_server()
        except BaseException as error:  # told in the thread of the check
            trouble.append(error)

    def _player(self, name: str, kill: Kill) -> Player:
        operation = self._operations[name]
        if isinstance(kill, Moment) or kill.actor != name:
            return Player(operation, Actor(name, self._marking(name)))
        injector = FaultInjector(kill, context_of(self._stage, operation), inner=self._marking(name))
        return Player(operation, Actor(name, injector), injector.needs)

    def _marking(self, name: str) -> Marking:
        first = _FIRST_MARK + _MARKS * list(self._operations).index(name)
        return Marking(self._marks, first, inner=self._within())

    def _timed(self) -> float:
        """How long they are at work, in seconds."""
        took: list[float] = []

        def timed(caller: Caller, players: Sequence[Player], loop: LoopHost | None) -> list[Ending]:
            began = time.monotonic()
            endings = play(caller, players, loop)
            took.append(time.monotonic() - began)
            return endings

        self._stage.play(
            [Player(each, Actor(name, PassThrough())) for name, each in self._operations.items()], direct=timed
        )
        return took[0]

    def _judged(self, schedule: Schedule, players: Sequence[Player], scene: Scene) -> Round:
        """Compare the rows with the orders of those that must be there, with some of those that may be."""
        state = scene.seen.second
        there = {number for (number,) in self._part.ask(f"SELECT id FROM {self._marks}")}  # noqa: S608 - our own
        found = [(player.actor.name, it) for player in players for it in commits_of(player)]
        lost = {name for name, it in found if it.acknowledged and it.mark is not None and it.mark not in there}
        must = {name for name, it in found if it.mark in there or (it.acknowledged and it.mark is None)}
        if lost:
            wanted = self._serials[tuple(sorted(must | lost))][0].state
            return Round(schedule, players, scene.endings, state, Word.LOST, tuple(sorted(lost)), wanted)
        may = {name for name, it in found if not it.acknowledged and it.mark is None}
        ways = self._gives, self._gives_beside, self._gives_past
        explained = any(is_explained(must, may, partial(gives, state)) for gives in ways)
        before = None if explained else self._before_it_was_emptied(must, may, state)
        if before is not None:
            return Round(schedule, players, scene.endings, state, Word.LOST, wanted=before, forgot=True)
        return Round(schedule, players, scene.endings, state, Word.OK if explained else None)

    def _before_it_was_emptied(self, must: set[str], may: set[str], state: State) -> State | None:
        """The rows that some order of the clients gives, if those of forgetful tables are all that is gone of them."""
        for names in _subsets(must | may):
            for serial in self._serials[names] if must <= {*names} else ():
                if self._comparer.same(state, emptied(serial.state, state, self.forgetful)):
                    return serial.state
        return None

    def _gives(self, state: State, names: tuple[str, ...]) -> bool:
        """Whether some order of these clients leaves these rows."""
        return any(self._comparer.same(state, serial.state) for serial in self._serials[names])

    def _gives_beside(self, state: State, names: tuple[str, ...]) -> bool:
        """Whether some order of all of them leaves these rows in which the others are cut off."""
        return any(self._comparer.same(state, each) for each in self._cut_off.states(names))

    def _gives_past(self, state: State, names: tuple[str, ...]) -> bool:
        """Whether one does in which the others are cut off only after these have come by what they had locked."""
        return any(self._comparer.same(state, each) for each in self._cut_off.states_past(names))


def kills_at(commits: Sequence[tuple[str, int]], took_s: float, draw: random.Random) -> Iterator[Kill]:
    """Kills without end: at each COMMIT in each way, and as often at a moment; none where nothing is committed.

    Args:
        commits: whose Call, and its number.
        took_s: how long the clients are at work, in seconds.
        draw: the moments.
    """
    while commits:
        for name, index in commits:
            yield Strike(AFTER, index, actor=name)
            yield Moment(round(draw.uniform(0, took_s) * 1e6))
            yield Strike(under_way(draw.uniform(0, UNDER_WAY_MAX_S)), index, actor=name)
            yield Strike(BEFORE, index, actor=name)


def is_explained(must: set[str], may: set[str], gives: Callable[[tuple[str, ...]], bool]) -> bool:
    """Whether rows are what comes of some clients.

    Args:
        must: those whose mark is there, or who were acknowledged without one.
        may: those who sent a COMMIT without a mark that was not answered.
        gives: whether some order of clients leaves the rows.
    """
    return any(gives(names) for names in _subsets(must | may) if must <= {*names})


@dataclass(frozen=True, slots=True)
class Committed:
    """A COMMIT that a client has sent.

    Attributes:
        mark: the number of the row that was written before it; None where none could be.
        acknowledged: it was answered.
    """

    mark: int | None
    acknowledged: bool


def commits_of(player: Player) -> list[Committed]:
    """What a client has committed, or tried to."""
    marks = _marking(player).marks
    return [
        Committed(marks.get(event.call.index), event.reply.status == "ok")
        for event in player.actor.history
        if event.call.commits
    ]


def _marking(player: Player) -> Marking:
    interceptor = player.actor.interceptor
    if isinstance(interceptor, FaultInjector):
        interceptor = interceptor.inner
    assert isinstance(interceptor, Marking), "each client has one"
    return interceptor


@dataclass(slots=True)
class Marking(Layer):
    """Just before each COMMIT writes a mark in its transaction; one that cannot write any more goes without.

    Where the connection is gone, the COMMIT fails with that: a library that has heard of it may have nothing to commit.

    Attributes:
        table: where.
        next: the number of the next mark.
        marks: the number of a COMMIT among the Calls → its mark.
    """

    table: str
    next: int
    marks: dict[int, int] = field(default_factory=dict)

    def intercept(self, pending: PendingCall) -> None:
        """Write, and let it pass."""
        if pending.call.kind is Kind.COMMIT and pending.wire is not None:
            number, self.next = self.next, self.next + 1
            if pending.wire.sends(f"INSERT INTO {self.table} (id, n) VALUES ({number}, 0)"):  # noqa: S608
                self.marks[pending.call.index] = number
        self.inner.intercept(pending)


def _subsets(names: Iterable[str]) -> list[tuple[str, ...]]:
    """Every subset, the largest first."""
    ordered = sorted(names)
    return list(chain.from_iterable(combinations(ordered, size) for size in range(len(ordered), -1, -1)))


@dataclass(slots=True)
class _InStep(Layer):
    """Before each Call waits until all are at their next one; as soon as one does not come, nobody waits any more.

    Attributes:
        barrier: of all clients.
    """

    barrier: threading.Barrier

    def intercept(self, pending: PendingCall) -> None:
        """Wait, and let it pass."""
        with suppress(threading.BrokenBarrierError):
            self.barrier.wait(_STEP_S)
        self.inner.intercept(pending)
