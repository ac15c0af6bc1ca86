"""The `Hall`: callers in threads and as tasks of one loop, and the controller between them.

What a caller does is called as in any run; here are only the two ways to wait for a bell, and how a run is given up.
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any, cast

from acidity.adapters.pools import are_at_work
from acidity.adapters.seam import Actor
from acidity.core.outcome import Ending
from acidity.core.turn import Trace, Turn
from acidity.prove.explore.asleep import Asleep, lock_of_task, lock_of_thread
from acidity.prove.explore.control import Choose, Control
from acidity.prove.explore.gate import Baton, Gate, Place
from acidity.prove.explore.in_order import InOrder
from acidity.prove.stage.call import Caller, Player
from acidity.prove.stage.helpers import working_for
from acidity.prove.stage.host import LoopHost, is_async, tasks_begun_by
from acidity.prove.stage.naps import may_be_skipped
from acidity.prove.stage.overseer import CALLERS

LEAVES_S = 1.5  # how long a run that is given up may take to come to its end; Ctrl-C ends a search within two seconds


class Stay:
    """Threads that have done all stay until all may go: a system gives the number of one that is gone to the next."""

    def __init__(self) -> None:
        self._over = threading.Event()
        self._done: list[threading.Thread] = []

    def wait(self) -> None:
        """In such a thread: until all may go."""
        self._over.wait()

    def note(self, threads: Iterable[threading.Thread]) -> None:
        """These have done all."""
        self._done += threads

    def end(self) -> None:
        """All may go; those that have done all are gone."""
        self._over.set()
        for thread in self._done:
            thread.join()


class Hall:
    """Lets the callers of one run play in an order; `play` is what a Stage takes as ``direct``.

    Args:
        choose: says who goes on.
        rescue: ends the sessions of the callers from outside.
        after_turn: told of each turn.
        in_order: callers that nothing tells apart.
        stay: where threads wait that have done all; None if they may go when all have.
        brief: callers limit how long they wait, see `Gate.asks`.

    Attributes:
        trace: what happened, once all have ended.
        left: the names of threads that could not be ended.
        locks: lines of the program at which callers waited for a lock, or for a pool, that is one for each process.
        spins: see `Control`.
    """

    def __init__(
        self,
        choose: Choose,
        rescue: Callable[[], None],
        after_turn: Callable[[Turn], None],
        in_order: InOrder,
        stay: Stay | None = None,
        *,
        brief: bool = False,
    ) -> None:
        self.trace = Trace((), ())
        self.left: tuple[str, ...] = ()
        self.locks: dict[str, None] = {}
        self.spins: dict[str, None] = {}
        self._choose = choose
        self._rescue = rescue
        self._after_turn = after_turn
        self._in_order = in_order
        self._brief = brief
        self._shared = stay is not None
        self._stay = stay or Stay()
        self._endings: dict[str, Ending] = {}
        self._raised: list[BaseException] = []
        self._threads: dict[str, threading.Thread] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._actors: dict[str, Actor] = {}
        self._asleep = Asleep()

    def play(self, caller: Caller, players: Sequence[Player], loop: LoopHost | None) -> list[Ending]:
        """Call the operation of every player, one Call at a time.

        Raises:
            Stuck: one of them does not go on.
            KeyboardInterrupt: the user pressed Ctrl-C.
        """
        try:
            if loop is None:
                self._in_threads(caller, players)
            else:
                loop.run(self._in_loop(caller, players))
            self._stay.note(self._threads.values())
        finally:
            if not self._shared:
                self._stay.end()
        if self._raised:
            raise self._raised[0]
        return [self._endings[player.actor.name] for player in players]

    # Threads

    def _in_threads(self, caller: Caller, players: Sequence[Player]) -> None:
        bell: SimpleQueue[None] = SimpleQueue()
        gates = [self._gate(player, lambda: bell.put(None)) for player in players]
        by_name = {player.actor.name: player for player in players}

        def start(gate: Gate) -> None:
            self._start_thread(caller, by_name[gate.name], gate)

        course = self._control(gates, players, start).course()
        try:
            pause = next(course)
            while True:
                pause = course.send(_rang(bell, pause))
        except StopIteration as done:
            self.trace = cast("Trace", done.value)
        except BaseException:
            deadline, rescued = time.monotonic() + LEAVES_S, False
            while self._dismiss(gates) and time.monotonic() < deadline:
                if not _rang(bell, 0.05) and not rescued:
                    rescued = True
                    self._try_to_rescue()
            self._name_left(gates)
            raise

    def _start_thread(self, caller: Caller, player: Player, gate: Gate) -> None:
        def live() -> None:
            try:
                self._endings[gate.name] = caller.call(player)
            except BaseException as error:
                self._raised.append(error)
            finally:
                gate.end()
                self._stay.wait()

        context = contextvars.copy_context()
        name = _called(gate)
        self._threads[gate.name] = threading.Thread(target=context.run, args=(live,), name=name, daemon=True)
        self._threads[gate.name].start()

    # Tasks, and threads beside them

    async def _in_loop(self, caller: Caller, players: Sequence[Player]) -> None:
        loop = asyncio.get_running_loop()
        may_be_skipped(asyncio.current_task())
        bell = asyncio.Event()

        def ring() -> None:
            loop.call_soon_threadsafe(bell.set)

        by_name = {player.actor.name: player for player in players}
        gates = [self._gate(player, ring) for player in players]

        async def live(player: Player, gate: Gate) -> None:
            try:
                self._endings[gate.name] = await caller.call_async(player)
            except BaseException as error:
                self._raised.append(error)
            finally:
                gate.end()

        def start(gate: Gate) -> None:
            player = by_name[gate.name]
            if is_async(player.operation):
                self._tasks[gate.name] = loop.create_task(live(player, gate), name=_called(gate))
            else:
                self._start_thread(caller, player, gate)

        course = self._control(gates, players, start).course()
        try:
            pause = next(course)
            while True:
                pause = course.send(await _rang_async(bell, pause))
        except StopIteration as done:
            self.trace = cast("Trace", done.value)
        except BaseException:
            await self._dismiss_async(gates, bell)
            raise

    async def _dismiss_async(self, gates: Sequence[Gate], bell: asyncio.Event) -> None:
        deadline, rescued = time.monotonic() + LEAVES_S, False
        while self._dismiss(gates) and time.monotonic() < deadline:
            if not await _rang_async(bell, 0.05) and not rescued:
                rescued = True
                self._try_to_rescue()
                for task in self._tasks.values():
                    task.cancel()
        self._name_left(gates)

    # Both

    def _gate(self, player: Player, ring: Callable[[], None]) -> Gate:
        gate = Gate(player.actor.name, Baton(), ring, asks=self._brief, inner=player.actor.interceptor)
        player.actor.interceptor = gate
        return gate

    def _control(self, gates: Sequence[Gate], players: Sequence[Player], start: Callable[[Gate], None]) -> Control:
        self._actors = actors = {player.actor.name: player.actor for player in players}
        return Control(
            gates,
            self._choose,
            start,
            lambda name: actors[name].events,
            self._idles,
            lambda turn: self._have_gone_on(gates, turn),
            self._in_order,
            self.spins,
        )

    def _have_gone_on(self, gates: Sequence[Gate], turn: Turn) -> None:
        """Nobody can go on by himself: who is in the program waits there, perhaps for a lock of its own."""
        for gate in gates:
            self.locks |= gate.blocking
            if gate.place is Place.PYTHON:
                tasks = self._tasks_of(gate)
                lines = map(lock_of_task, tasks) if tasks else map(lock_of_thread, self._threads_of(gate))
                self.locks |= dict.fromkeys(filter(None, lines))
        self._after_turn(turn)

    def _dismiss(self, gates: Sequence[Gate]) -> bool:
        """Let everybody leave who waits at a gate; whether anybody is left."""
        left = [gate for gate in gates if gate.place not in {Place.OUTSIDE, Place.GONE}]
        for gate in left:
            gate.abandoned = True
            if gate.place in {Place.GATE, Place.REFUSED}:
                gate.place = Place.PYTHON
                gate.baton.hand_over()
        return bool(left)

    def _idles(self, gate: Gate) -> bool:
        tasks, threads = self._tasks_of(gate), self._threads_of(gate)
        if are_at_work():
            return False
        return (not tasks or self._asleep.tasks(tasks)) and all(self._asleep.thread(each) for each in threads)

    def _tasks_of(self, gate: Gate) -> list[asyncio.Task[Any]]:
        """Its own and those that it has begun; none for a caller in a thread."""
        own = self._tasks.get(gate.name)
        return [] if own is None else [own, *tasks_begun_by(self._actors[gate.name])]

    def _threads_of(self, gate: Gate) -> list[threading.Thread]:
        """Its own, where it has one, and those that are at work for it."""
        own = self._threads.get(gate.name)
        return [*([] if own is None else [own]), *working_for(self._actors[gate.name])]

    def _try_to_rescue(self) -> None:
        with suppress(Exception):  # its sessions have ended by themselves
            self._rescue()

    def _name_left(self, gates: Sequence[Gate]) -> None:
        self.left = tuple(gate.name for gate in gates if gate.place not in {Place.OUTSIDE, Place.GONE})


def _called(gate: Gate) -> str:
    """The name of its thread or task: the same in every run."""
    return f"{CALLERS}{gate.name}"


def _rang(bell: SimpleQueue[None], seconds: float) -> bool:
    """Wait for it; several rings are one."""
    try:
        bell.get(timeout=seconds)
    except Empty:
        return False
    with suppress(Empty):
        while True:
            bell.get_nowait()
    return True


async def _rang_async(bell: asyncio.Event, seconds: float) -> bool:
    """The same in a loop, where the callers run meanwhile."""
    try:
        await asyncio.wait_for(bell.wait(), seconds)
    except TimeoutError:
        return False
    bell.clear()
    return True
