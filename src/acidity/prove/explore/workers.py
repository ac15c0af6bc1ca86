"""The callers of one run in processes of their own, as the workers of a server are, and the controller in this one.

A lock of the program is one for each process, so it keeps no two workers apart. Every run forks its callers anew, when
no connection of the program's is open; each opens its own. They hang on a `Line` each, and die with this process.
"""

from __future__ import annotations

import os
import select
import signal
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, cast

from acidity.adapters.seam import PassThrough, PendingCall, next_place
from acidity.adapters.wire import LiveConnection
from acidity.core.call import Event
from acidity.core.outcome import Ending
from acidity.core.turn import Trace, Turn
from acidity.engines.base import Sandbox
from acidity.engines.sandbox import Unsettled
from acidity.prove.explore.asleep import Asleep
from acidity.prove.explore.control import Choose, Control
from acidity.prove.explore.gate import Baton, Gate, Place
from acidity.prove.explore.hall import LEAVES_S
from acidity.prove.explore.in_order import InOrder
from acidity.prove.explore.line import Line
from acidity.prove.explore.worker import Grant, Live, Told, live
from acidity.prove.stage.call import Player

_LISTENS_MS = 50  # whoever is to leave is told so, as soon as it stands at its gate


class Workers:
    """Lets the callers of one run play in an order, each in a process of its own.

    Args:
        choose: says who goes on.
        parts: the databases by name.
        play: what the process of a caller does.
        after_turn: told of each turn.
        in_order: callers that nothing tells apart.
        brief: callers limit how long they wait, see `Gate.asks`.

    Attributes:
        trace: what happened, once all have ended.
        spins: see `Control`.
    """

    def __init__(
        self,
        choose: Choose,
        parts: Mapping[str, Sandbox],
        play: Live,
        after_turn: Callable[[Turn], None],
        in_order: InOrder,
        *,
        brief: bool = False,
    ) -> None:
        self.trace = Trace((), ())
        self.spins: dict[str, None] = {}
        self._choose = choose
        self._parts = parts
        self._play = play
        self._after_turn = after_turn
        self._in_order = in_order
        self._brief = brief
        self._asleep = Asleep()
        self._workers: dict[str, _Worker] = {}
        self._endings: dict[str, Ending] = {}
        self._unseen: list[str] = []

    def play(self, players: Sequence[Player]) -> tuple[list[Ending], list[str]]:
        """Call the operation of every player, one Call at a time.

        Returns:
            How each ended, and what reached the database past the seam.

        Raises:
            Unsettled: one of them does not go on, or its process has died.
            KeyboardInterrupt: the user pressed Ctrl-C.
        """
        try:
            for player in players:
                self._fork(player)
            gates = [worker.gate for worker in self._workers.values()]
            actors = {player.actor.name: player.actor for player in players}
            course = Control(
                gates,
                self._choose,
                lambda gate: gate.baton.hand_over(),
                lambda name: actors[name].events,
                lambda gate: self._asleep.process(self._workers[gate.name].pid),
                self._after_turn,
                self._in_order,
                self.spins,
            ).course()
            pause = next(course)
            while True:
                pause = course.send(self._rang(pause))
        except StopIteration as done:
            self.trace = cast("Trace", done.value)
        except BaseException:
            try:
                self._dismiss()
            finally:
                self._kill()
            raise
        finally:
            self._leave()
        return [self._endings[player.actor.name] for player in players], self._unseen

    def _fork(self, player: Player) -> None:
        mine, its = Line.pair()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # a fork with threads; the child has one
            try:
                pid = os.fork()
            except OSError:
                mine.close()
                its.close()
                raise
        if pid == 0:
            mine.close()
            for worker in self._workers.values():
                worker.line.close()
            live(player, its, self._play, brief=self._brief)
        its.close()
        self._workers[player.actor.name] = _Worker(player, pid, mine)

    def _rang(self, seconds: float) -> bool:
        """Wait until somebody has come to another place, but not for longer than this."""
        deadline = time.monotonic() + seconds
        lines = {it.line.reader: it for it in self._workers.values() if it.gate.place is not Place.GONE}
        ears = select.poll()
        for reader in lines:
            ears.register(reader, select.POLLIN)
        rang = False
        while not rang:
            found = ears.poll(max(0.0, deadline - time.monotonic()) * 1000)
            if not found:
                return False
            for reader, _ in found:
                if lines[reader].gate.place is Place.GONE:  # its end of the line is closed
                    ears.unregister(reader)
                else:
                    rang |= self._hear(lines[reader])
        return True

    def _hear(self, worker: _Worker) -> bool:
        """Take in a message; whether its caller has come to a place where it stays."""
        gate = worker.gate
        try:
            told, *rest = worker.line.hear()
        except EOFError:
            raise Unsettled(f"the process of {gate.name} has died") from None
        if told is Told.FAILED:
            raise Unsettled(f"{gate.name}, in a process of its own: {rest[0]}")
        if told is Told.ANSWERED:
            gate.place, gate.brief = Place.PYTHON, False
        elif told is Told.FLIGHT:
            gate.brief, *asked = rest
            gate.pending, gate.place = self._asked(*asked), Place.FLIGHT
        elif told is Told.PLACE:
            place, event, database, session, news = rest
            worker.take(news)
            gate.pending, gate.place = self._asked(event, database, session), place
            return True
        else:
            news, self._endings[gate.name], unseen, effects, keys, told = rest
            worker.take(news)
            worker.player.actor.effects.update(effects)
            worker.player.actor.effect_keys |= keys
            worker.player.actor.told += told
            self._unseen += unseen
            gate.place = Place.GONE
            return True
        return False

    def _asked(self, event: Event, database: str | None, session: int | None) -> PendingCall:
        far = None if database is None else _FarWire(self._parts[database], session)
        wire = cast("LiveConnection | None", far)
        return PendingCall(event.call, wire, event.call.sql, event.call.params, _is_not_sent_here)

    def _dismiss(self) -> None:
        """Let everybody come to an end who has begun: a lock of multiprocessing is not let go by whoever is killed."""
        deadline = time.monotonic() + LEAVES_S
        while time.monotonic() < deadline:
            left = [it for it in self._workers.values() if it.gate.place not in {Place.OUTSIDE, Place.GONE}]
            if not left:
                return
            for worker in left:
                worker.gate.abandoned = True
                if worker.gate.place in {Place.GATE, Place.REFUSED}:
                    worker.gate.place = Place.PYTHON
                    worker.gate.baton.hand_over()
            ears = select.poll()
            for worker in left:
                ears.register(worker.line.reader, select.POLLIN)
            heard = {reader for reader, _ in ears.poll(_LISTENS_MS)}
            for worker in (it for it in left if it.line.reader in heard):
                try:
                    self._hear(worker)
                except Unsettled:  # it has died, or could not be told how it ended
                    worker.gate.place = Place.GONE

    def _kill(self) -> None:
        for worker in self._workers.values():
            with suppress(ProcessLookupError):
                os.kill(worker.pid, signal.SIGKILL)

    def _leave(self) -> None:
        """No process stays behind, and no descriptor."""
        for worker in self._workers.values():
            worker.line.close()
            with suppress(ChildProcessError):
                os.waitpid(worker.pid, 0)
        self._workers.clear()


class _Worker:
    """A caller in a process of its own, as the controller sees it."""

    def __init__(self, player: Player, pid: int, line: Line) -> None:
        self.player = player
        self.pid = pid
        self.line = line
        baton = _FarBaton(line)
        self.gate = baton.gate = Gate(player.actor.name, baton, lambda: None, inner=PassThrough())

    def take(self, news: Sequence[Event]) -> None:
        """Note what was answered; the order of Events is that of this process."""
        self.player.actor.events += [replace(event, order=next_place()) for event in news]


class _FarBaton(Baton):
    """Lets a caller go that waits in another process."""

    def __init__(self, line: Line) -> None:
        super().__init__()
        self.gate: Gate
        self._line = line

    def hand_over(self) -> None:
        """Send what the gate over there has to know."""
        gate = self.gate
        with suppress(BrokenPipeError):  # it has died, which is heard next
            self._line.tell(Grant(gate.others_wait, gate.begins, gate.abandoned, gate.gives_up))
        gate.gives_up = False


@dataclass(frozen=True, slots=True)
class _FarWire:
    """What the controller has to know of a connection in another process."""

    sandbox: Sandbox
    session: int | None


def _is_not_sent_here(_pending: PendingCall) -> Any:
    raise AssertionError("a Call of another process")
