"""The `Stage`: one Scenario on one Sandbox, ready to run operations again and again under any Interceptors.

It owns everything that has to be taken back: hooks, hosts, engines and the Sandbox. How an operation is called is
`call`, how several callers run at once is `play`, and what a run leaves is read by `onlook`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext, suppress
from contextvars import ContextVar, copy_context
from functools import partial
from typing import Any, Self

from sqlalchemy.engine import Engine
from sqlalchemy.exc import SQLAlchemyError

from acidity.adapters import ADAPTERS
from acidity.adapters.base import Adapters
from acidity.adapters.seam import ACTOR, Actor, Interceptor, PassThrough, acting
from acidity.adapters.site import counting_as_user, file_of
from acidity.analysis.canonical import equal_raw
from acidity.core.exits import outliving
from acidity.core.options import RUN_TIMEOUT_S
from acidity.core.outcome import Ending, State
from acidity.core.scenario import Operation, Scenario
from acidity.core.schedule import FIRST, Schedule
from acidity.engines.base import Ground, Sandbox
from acidity.engines.frames import let_go_of_frames
from acidity.engines.own_calls import JUDGES, OWN
from acidity.errors import ForeignDatabase, UsageError
from acidity.prove.stage.beginnings import Beginnings
from acidity.prove.stage.bind import Setting
from acidity.prove.stage.call import Caller, Player
from acidity.prove.stage.child import Child, OnEffect
from acidity.prove.stage.effects import Heard, observed
from acidity.prove.stage.ground import bound, ground_of, sandboxes_of, seeded
from acidity.prove.stage.helpers import handing_on
from acidity.prove.stage.host import Host, LoopHost, PlainHost, is_async
from acidity.prove.stage.needs import NOTHING, Needs
from acidity.prove.stage.onlook import Onlooker
from acidity.prove.stage.overseer import DidNotEnd, Overseer
from acidity.prove.stage.play import Direct
from acidity.prove.stage.play import play as at_once
from acidity.prove.stage.quiet import quiet
from acidity.prove.stage.recycle import Recycler
from acidity.prove.stage.refusals import Refusals
from acidity.prove.stage.run import Run, Scene
from acidity.prove.stage.sessions import Sessions
from acidity.prove.stage.views import Engines, Judges

_TURN = threading.RLock()  # hooks are the process's, so checks in several of its threads take turns


class Stage:
    """Everything that one check needs to run operations; a context manager that leaves nothing behind.

    Args:
        scenario: what to run.
        db: the name of an engine.
        settings: settings of the database.
        isolation_level: of every transaction; one that the program sets itself is kept.
        run_timeout: how many seconds a run may take; an operation's own ``timeout=`` goes before it.

    Attributes:
        began: the instant of `time.monotonic` at which it was begun; starting an engine is a part of a check's time.
        parts: the databases by name; the only one has no name.
        sandbox: all of them as one.
        seed: the rows before; there from `__enter__` on.
        recycler: says what one of many runs leaves open for the next; there from then on, too.
        effects: what is heard of what takes place outside.

    Raises:
        UsageError: the schema, the set-up, a setting or ``bind=`` is wrong.
        EngineUnavailable: the engine cannot be started.
    """

    def __init__(
        self,
        scenario: Scenario,
        db: str,
        settings: Mapping[str, str],
        isolation_level: str | None = None,
        run_timeout: float = RUN_TIMEOUT_S,
    ) -> None:
        self.began = time.monotonic()
        self.scenario = scenario
        self.parts: Mapping[str, Sandbox] = {}
        self.sandbox: Ground
        self.seed: State
        self.adapters = Adapters(ADAPTERS[name](self) for name in ADAPTERS)
        self.overseer = Overseer(self._end_from_outside)
        self._asked = db, settings, {} if isolation_level is None else {"isolation_level": isolation_level}
        self._run_timeout = run_timeout
        self._cleanup = ExitStack()
        self._hosts: dict[bool, Host] = {}
        self._caller: Caller
        self._onlooker: Onlooker
        self._sessions: Sessions
        self._refusals, self._beginnings = Refusals(), Beginnings()
        self._judges: Judges
        self.effects = Heard()

    def __enter__(self) -> Self:
        try:  # a signal may come between any two of these lines
            self._cleanup.callback(self.overseer.close)
            self.overseer.start()
            self._take_ground()
            self._cleanup.enter_context(_TURN)
            self._cleanup.enter_context(outliving(self._refusals.refuse_end))
            written = (*self.scenario.operations, *self.scenario.steps.values())
            self._cleanup.enter_context(counting_as_user(file_of(operation.function) for operation in written))
            self.adapters.install()
            self._cleanup.callback(self.adapters.remove)
            for found, part in bound(self.scenario, self.parts):
                self._cleanup.enter_context(self._leading(found, part))
            self._create()
            self._caller.require_drivers()
            self._cleanup.enter_context(observed(self.scenario.effects, self.effects))
        except BaseException as error:
            self.__exit__(type(error), error, error.__traceback__)
            self.overseer.leave_if_told()  # the end of sessions from outside may be all that is wrong
            raise
        return self

    def _take_ground(self) -> None:
        db, settings, options = self._asked
        self.parts = sandboxes_of(self.scenario, db, settings)
        self.sandbox = ground_of(self.scenario, self.parts)
        self._cleanup.callback(self.sandbox.close)
        level = options.get("isolation_level")
        imposed = [] if level is None else [part.impose(level) for part in self.parts.values()]
        scenario = self.scenario
        if not all(imposed) and (scenario.bind or any(each.bind for each in scenario.databases.values())):
            raise UsageError("isolation_level= cannot be imposed on an engine of yours (bind=) here; set it there")
        self._caller = Caller(self.scenario, self.parts, options)
        self._onlooker = Onlooker(self.sandbox, self.parts, self.adapters, self.limiting)
        self._judges = Judges(self.parts)
        self._sessions = Sessions(self.parts.values(), self.adapters, self._onlooker)
        self.recycler = Recycler(self.parts, self.adapters)

    def _leading(self, found: Engine | Setting, part: Sandbox) -> AbstractContextManager[None]:
        return found.leading_to(part) if isinstance(found, Setting) else self.adapters.redirecting(found, part)

    def _create(self) -> None:
        """Make the rows before, where schema and set-up reach no other database than an operation does."""
        try:
            with (
                self.sandbox.watch(self._refusals.refuse_driver),
                acting(Actor(FIRST, PassThrough())),
                self.adapters.arming(),
            ):
                self.seed = seeded(self.scenario, self.parts, self.sandbox, self.limiting)
        except SQLAlchemyError as error:
            raise UsageError(f"setup= cannot write the rows before: {getattr(error, 'orig', None) or error}") from error
        except DidNotEnd as error:
            raise UsageError(str(error)) from None
        finally:
            self.adapters.forget()
            self.adapters.release()
            self._refusals.raise_first()

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        if error is not None and not isinstance(error, Exception):
            let_go_of_frames(error)
        self.close()

    def close(self) -> None:
        """Take back every hook, stop the hosts, drop the Sandbox; may be called twice."""
        try:
            with quiet():
                for host in self._hosts.values():
                    self._stop_applications(host)
                    host.let_go(self.adapters.forget, self.adapters.holds)
                    host.close()
        finally:
            self._hosts.clear()
            self._cleanup.close()
        self._refusals.raise_first()

    # Runs

    def run(
        self,
        operation: Operation,
        interceptor: Interceptor,
        schedule: Schedule | None = None,
        *,
        reset: bool = True,
        needs: Needs = NOTHING,
    ) -> Run:
        """Run one operation once, from the rows before, and read what it left.

        Args:
            operation: the operation.
            interceptor: decides for each of its Calls.
            schedule: how to call this run.
            reset: start from the rows before; otherwise from what the last run left.
            needs: what the run needs beside that.

        Raises:
            ForeignDatabase: an engine inside it points at a database that is not ours.
            KeyboardInterrupt: the user pressed Ctrl-C.
        """
        player = Player(operation, Actor(FIRST, interceptor, needs.records), needs)
        return Run.of(player.actor, self.play([player], reset=reset), schedule or Schedule())

    def play(self, players: Sequence[Player], *, reset: bool = True, direct: Direct = at_once) -> Scene:
        """Run one or several callers at once, and read what they left.

        Args:
            players: who plays; a player in a child process plays alone.
            reset: start from the rows before; otherwise from what the last run left.
            direct: lets them play, in an order of its own.

        Raises:
            ForeignDatabase: an engine inside an operation points at a database that is not ours.
            KeyboardInterrupt: the user pressed Ctrl-C.
        """
        self.overseer.leave_if_told()
        host = self._host_of(players)
        for player in players:
            self._start_application(player.operation)
        if reset:
            self.sandbox.reset()
        try:
            with self._routed(players):
                if any(player.needs.in_child for player in players):
                    (player,) = players
                    self._sessions.keep(at_rest=False)
                    host.let_go(self.adapters.forget, self.adapters.holds)
                    with self._limiting(players):
                        endings, bypasses = [Child(player, self._live, self.overseer.in_child).run()], list[str]()
                else:
                    with self._sessions.lending(players):
                        endings, bypasses = self.act(players, direct)
            self.sandbox.remember(tuple(event for player in players for event in player.actor.history))
            for player in players:
                host.sync(player.actor.interceptor.finish)
            self._refusals.raise_first()
            own = [bypass for player in players for bypass in player.actor.bypasses]
            seen = self._onlooker.look(host, players, endings, unseen=bool(bypasses or own))
            self._sessions.keep(at_rest=seen.at_rest)
        finally:
            with quiet():
                host.let_go(self.adapters.forget)
        return Scene(tuple(endings), seen, tuple(dict.fromkeys([*bypasses, *own, *seen.beyond])))

    def follow(self, operation: Operation, actor: Actor) -> Ending:
        """Run a step that follows an operation, as a process does that has just started; nothing of it is left open.

        Raises:
            ForeignDatabase: an engine inside it points at a database that is not ours.
        """
        host = self._host(operation)
        for part in self.parts.values():  # sessions that were closed or killed may hold locks for a moment
            host.sync(partial(part.settle, ()))
        try:
            (ending,), _ = self.act([Player(operation, actor)])
            self.sandbox.remember(actor.history)
            self._refusals.raise_first()
        finally:
            with quiet():
                host.let_go(self.adapters.forget)
        return ending

    def act(self, players: Sequence[Player], direct: Direct = at_once) -> tuple[list[Ending], list[str]]:
        """Let them play while the seam is armed; give how each ended and what bypassed the seam."""
        for player in players:  # in a child process no application runs yet
            self._begin_application(player.operation)
        host = self._host_of(players)
        self.effects.strays.clear()
        with self.sandbox.watch(self._refusals.refuse_driver) as seen, quiet(), self.adapters.arming():
            try:
                with self._limiting(players), handing_on([player.actor for player in players]):
                    # In a context of its own: one that is ended anywhere may leave variables of it as they were.
                    loop = host if isinstance(host, LoopHost) else None
                    endings = copy_context().run(direct, self._caller, players, loop)
            except DidNotEnd:
                host.abandon()
                raise
        return endings, [*seen, *self.adapters.bypasses(), *self.effects.strays, *self._beginnings.bypasses()]

    @contextmanager
    def limiting(self, name: str) -> Iterator[None]:
        """Code of the program's takes place here that is no run; it has as much time as a run.

        Raises:
            DidNotEnd: it took longer; the message begins with the name.
        """
        variables: tuple[ContextVar[Any], ...] = (ACTOR, JUDGES, OWN)
        kept = [(variable, variable.get()) for variable in variables]
        try:
            with self.overseer.limiting(name, self._run_timeout):
                yield
        except DidNotEnd as error:
            for variable, value in kept:  # what is ended anywhere may have left them as they were
                variable.set(value)
            raise DidNotEnd(f"{name} {error}") from None

    def _limiting(self, players: Sequence[Player]) -> AbstractContextManager[None]:
        limits = [self._run_timeout if it.operation.timeout is None else it.operation.timeout for it in players]
        return self.overseer.limiting(players[0].operation.name, max(limits))

    def _end_from_outside(self, everything: bool) -> None:  # noqa: FBT001 - see `Overseer`
        """Close what an operation waits for in a driver's C code; asked in the overseer's thread."""
        for part in self.parts.values():
            part.interrupt([*self.adapters.opened(part), *self._judges.opened], everything=everything)

    def _live(self, player: Player, on_effect: OnEffect) -> tuple[list[Ending], list[str]]:
        """The life of a child process, to which connections of the parent do not belong."""
        self._hosts = {kind: host for kind, host in self._hosts.items() if host.goes_on()}
        self.overseer.forget()
        self._caller.applications.forget()
        self.effects.took_place = on_effect
        return self.act([player])

    def _start_application(self, operation: Operation) -> None:
        """Start a web application before its first request; what it writes then belongs to the rows before."""
        if not self._begin_application(operation):
            return
        if not equal_raw(self.sandbox.look().state, self.seed):
            raise UsageError(
                f"{operation.name}: the application changes rows or tables when it starts; write them in setup= and "
                f"metadata=, so that they belong to the rows before"
            )

    def _begin_application(self, operation: Operation) -> bool:
        """Start it where it does not run yet, guarded as an operation is; whether that was the case."""
        if not self._caller.applications.awaits(operation):
            return False
        host = self._host(operation)
        assert isinstance(host, LoopHost), "an application has a loop"
        actor = self._beginnings.actor()
        with self._guarding(f"the start of {operation.name}", host):
            self._caller.applications.start(operation, host, actor)
        self._refusals.raise_first()
        return True

    def _stop_applications(self, host: Host) -> None:
        """What an application does when it is stopped is guarded, too; one that does not end is left."""
        if isinstance(host, LoopHost) and self._caller.applications.running:
            with suppress(UsageError), self._guarding("the end of the application", host):
                self._caller.applications.stop(host)

    @contextmanager
    def _guarding(self, name: str, host: Host) -> Iterator[None]:
        """The application does something that is no run: where it reaches, and how long it takes, is as in one.

        Raises:
            UsageError: it did not end.
        """
        try:
            with self.sandbox.watch(self._refusals.refuse_driver), quiet(), self.adapters.arming(), self.limiting(name):
                yield
        except DidNotEnd as error:
            host.abandon()
            raise UsageError(str(error)) from None
        finally:
            self._beginnings.over(self.adapters.bypasses())
            with quiet():
                host.let_go(self.adapters.forget)

    def _routed(self, players: Sequence[Player]) -> AbstractContextManager[Any]:
        """Through the proxy, for a fault that cuts the wire."""
        return self.sandbox.through_proxy() if any(each.needs.through_proxy for each in players) else nullcontext()

    def _host_of(self, players: Sequence[Player]) -> Host:
        """Where drivers can be used after all of them; a loop, as soon as one of them is a coroutine function."""
        return max((self._host(each.operation) for each in players), key=lambda host: host.asynchronous)

    def _host(self, operation: Operation) -> Host:
        asynchronous = is_async(operation)
        if asynchronous not in self._hosts:
            self._hosts[asynchronous] = LoopHost() if asynchronous else PlainHost()
        return self._hosts[asynchronous]

    # What the seam asks and tells

    def refuse(self, error: ForeignDatabase) -> None:
        """An engine inside the operation pointed elsewhere."""
        self._refusals.refuse(error)

    @contextmanager
    def judging(self, name: str = "an invariant") -> Iterator[tuple[Engines, Engines]]:
        """Plain engines of our own, unseen by the seam: on the rows now, and read-only on the rows before.

        Args:
            name: of what judges.

        Raises:
            ForeignDatabase: the judge uses another database.
            DidNotEnd: it took longer than a run may.
        """
        with self.limiting(name), self._judges.at_work() as engines:
            yield engines
        self._refusals.raise_first()
