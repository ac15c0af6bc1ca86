"""The `Stage`: one Scenario on one Sandbox, ready to run operations again and again under any Interceptors.

It owns everything that has to be taken back: hooks, hosts, engines and the Sandbox. How an operation is called is
`call`, how several callers run at once is `play`, and what a run leaves is read by `onlook`.
"""

from __future__ import annotations

import inspect
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from contextvars import copy_context
from functools import partial
from typing import Any, Self

from sqlalchemy.exc import SQLAlchemyError

from acidity.adapters import ADAPTERS
from acidity.adapters.base import Adapters
from acidity.adapters.seam import Actor, Interceptor, PassThrough, acting
from acidity.adapters.site import counting_as_user
from acidity.analysis.canonical import equal_raw
from acidity.core.options import RUN_TIMEOUT_S
from acidity.core.outcome import Ending, State
from acidity.core.scenario import Operation, Scenario
from acidity.core.schedule import FIRST, Schedule
from acidity.engines.base import Ground, Sandbox
from acidity.engines.own_calls import judging_calls
from acidity.errors import ForeignDatabase, UsageError
from acidity.prove.stage.call import Caller, Player
from acidity.prove.stage.child import Child, OnEffect
from acidity.prove.stage.effects import observed
from acidity.prove.stage.frames import let_go_of_frames
from acidity.prove.stage.ground import bound, ground_of, sandboxes_of, seeded
from acidity.prove.stage.host import Host, LoopHost, PlainHost, is_async
from acidity.prove.stage.needs import NOTHING, Needs
from acidity.prove.stage.onlook import Onlooker
from acidity.prove.stage.overseer import DidNotEnd, Overseer
from acidity.prove.stage.play import Direct
from acidity.prove.stage.play import play as at_once
from acidity.prove.stage.quiet import quiet
from acidity.prove.stage.recycle import Recycler
from acidity.prove.stage.run import Rehearsed, Run, Scene
from acidity.prove.stage.views import Engines, every, judges_of

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
        self._recycler: Recycler
        self._onlooker: Onlooker
        self._refused: ForeignDatabase | None = None
        self._judges: tuple[Engines, Engines] | None = None
        self._on_effect: OnEffect = lambda _name, _key: None

    def __enter__(self) -> Self:
        try:  # a signal may come between any two of these lines
            self._cleanup.callback(self.overseer.close)
            self.overseer.start()
            self._take_ground()
            self._cleanup.enter_context(_TURN)
            written = (*self.scenario.operations, *self.scenario.steps.values())
            self._cleanup.enter_context(counting_as_user(map(_file_of, written)))
            self.adapters.install()
            self._cleanup.callback(self.adapters.remove)
            for engine, part in bound(self.scenario, self.parts):
                self._cleanup.enter_context(self.adapters.redirecting(engine, part))
            self._create()
            self._cleanup.enter_context(observed(self.scenario.effects, self._effect_took_place))
        except BaseException as error:
            self.__exit__(type(error), error, error.__traceback__)
            raise
        return self

    def _take_ground(self) -> None:
        db, settings, options = self._asked
        self.parts = sandboxes_of(self.scenario, db, settings)
        self.sandbox = ground_of(self.scenario, self.parts)
        self._cleanup.callback(self.sandbox.close)
        level = options.get("isolation_level")
        imposed = [] if level is None else [part.impose(level) for part in self.parts.values()]
        if not all(imposed) and self._has_bound():
            raise UsageError("isolation_level= cannot be imposed on an engine of yours (bind=) here; set it there")
        self._caller = Caller(self.scenario, self.parts, options)
        self._recycler = Recycler(self.parts, self.adapters)
        self._onlooker = Onlooker(self.sandbox, self.parts, self.adapters)

    def _has_bound(self) -> bool:
        scenario = self.scenario
        return bool(scenario.bind) or any(each.bind for each in scenario.databases.values())

    def _create(self) -> None:
        """Make the rows before, where schema and set-up reach no other database than an operation does."""
        try:
            with self.sandbox.watch(self._refuse_driver), acting(Actor(FIRST, PassThrough())), self.adapters.arming():
                self.seed = seeded(self.scenario, self.parts, self.sandbox)
        except SQLAlchemyError as error:
            raise UsageError(f"setup= cannot write the rows before: {getattr(error, 'orig', None) or error}") from error
        finally:
            self.adapters.forget()
            self.adapters.release()
            if self._refused is not None:
                raise self._refused

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        if error is not None and not isinstance(error, Exception):
            let_go_of_frames(error)
        self.close()

    def close(self) -> None:
        """Take back every hook, stop the hosts, drop the Sandbox; may be called twice."""
        with quiet():
            for host in self._hosts.values():
                self._caller.applications.stop(host)
                host.sync(self.adapters.forget)
                host.close()
        self._hosts.clear()
        self._cleanup.close()

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
        player = Player(operation, Actor(FIRST, interceptor), needs)
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
            self._start_application(player.operation, self._host(player.operation))
        if reset:
            self.sandbox.reset()
        try:
            with self._routed(players):
                if any(player.needs.in_child for player in players):
                    (player,) = players
                    bypasses: list[str] = []
                    with self._limiting(players):
                        endings = [Child(player, partial(self._live, player), self.overseer.in_child).run()]
                else:
                    endings, bypasses = self.act(players, direct)
            self.sandbox.remember(tuple(event for player in players for event in player.actor.history))
            for player in players:
                host.sync(player.actor.interceptor.finish)
            self._raise_refused()
            own = [bypass for player in players for bypass in player.actor.bypasses]
            seen = self._onlooker.look(host, players, endings, unseen=bool(bypasses or own))
        finally:
            with quiet():
                host.sync(self.adapters.forget)
        return Scene(tuple(endings), seen, tuple(dict.fromkeys([*bypasses, *own, *seen.beyond])))

    def rehearse(self, players: Sequence[Player], direct: Direct = at_once, *, reset: bool = True) -> Rehearsed:
        """Run callers, and read once what they left: for a check that makes many runs of the same operations.

        No stranger comes, and connections that are at rest stay open for the next run where it can use them.

        Args:
            players: who plays.
            direct: lets them play, in an order of its own.
            reset: start from the rows before; otherwise from what the last run left.

        Raises:
            ForeignDatabase: an engine inside an operation points at a database that is not ours.
            KeyboardInterrupt: the user pressed Ctrl-C.
        """
        self.overseer.leave_if_told()
        host = self._host_of(players)
        for player in players:
            self._start_application(player.operation, self._host(player.operation))
        if reset:
            host.sync(self._recycler.before_reset)
            self.sandbox.reset()
        try:
            endings, bypasses = self.act(players, direct)
            self.sandbox.remember(tuple(event for player in players for event in player.actor.history))
            self._raise_refused()
            host.sync(self._recycler.after_run)
            look = self.sandbox.look()
        except BaseException:
            with quiet():
                host.sync(self.adapters.forget)
            raise
        own = [bypass for player in players for bypass in player.actor.bypasses]
        locked = ["a transaction that was left open kept every reader out"] if look.locked_out else []
        return Rehearsed(tuple(endings), look, tuple(dict.fromkeys([*bypasses, *own, *look.beyond, *locked])))

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
            self._raise_refused()
        finally:
            with quiet():
                host.sync(self.adapters.forget)
        return ending

    def act(self, players: Sequence[Player], direct: Direct = at_once) -> tuple[list[Ending], list[str]]:
        """Let them play while the seam is armed; give how each ended and what bypassed the seam."""
        for player in players:  # in a child process no application runs yet
            self._caller.applications.start(player.operation, self._host(player.operation))
        host = self._host_of(players)
        with self.sandbox.watch(self._refuse_driver) as seen, quiet(), self.adapters.arming():
            try:
                with self._limiting(players):
                    # In a context of its own: one that is ended anywhere may leave variables of it as they were.
                    loop = host if isinstance(host, LoopHost) else None
                    endings = copy_context().run(direct, self._caller, players, loop)
            except DidNotEnd:
                host.abandon()
                raise
        return endings, [*seen, *self.adapters.bypasses()]

    def _limiting(self, players: Sequence[Player]) -> AbstractContextManager[None]:
        limits = [self._run_timeout if it.operation.timeout is None else it.operation.timeout for it in players]
        return self.overseer.limiting(players[0].operation.name, max(limits))

    def _end_from_outside(self, everything: bool) -> None:  # noqa: FBT001 - see `Overseer`
        """Close what an operation waits for in a driver's C code; asked in the overseer's thread."""
        for part in self.parts.values():
            part.interrupt(self.adapters.opened(part), everything=everything)

    def _live(self, player: Player, on_effect: OnEffect) -> None:
        """The life of a child process, to which loops and connections of the parent do not belong."""
        self._hosts.clear()
        self._caller.applications.forget()
        self._on_effect = on_effect
        self.act([player])

    def _start_application(self, operation: Operation, host: Host) -> None:
        """Start a web application before its first request; what it writes then belongs to the rows before."""
        with quiet():
            if not self._caller.applications.start(operation, host):
                return
            host.sync(self.adapters.forget)
        if not equal_raw(self.sandbox.look().state, self.seed):
            raise UsageError(
                f"{operation.name}: the application changes rows or tables when it starts; write them in setup= and "
                f"metadata=, so that they belong to the rows before"
            )

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
        self._refused = self._refused or error

    def _refuse_driver(self, where: str) -> None:
        error = ForeignDatabase(
            f"a driver connection inside the operation points at {where!r}, a database that acidity did not create; "
            f"nothing was opened."
        )
        self.refuse(error)
        raise error

    def _raise_refused(self) -> None:
        if self._refused is not None:
            error, self._refused = self._refused, None
            raise error

    def _effect_took_place(self, name: str, key: str | None) -> None:
        self._on_effect(name, key)

    @contextmanager
    def judging(self) -> Iterator[tuple[Engines, Engines]]:
        """Plain engines of our own, unseen by the seam: on the rows now, and read-only on the rows before.

        Raises:
            ForeignDatabase: the judge uses another database.
        """
        if self._judges is None:
            self._judges = judges_of(self.parts)
        dialects = {id(engine.dialect) for engines in self._judges for engine in every(engines)}
        with judging_calls(dialects):
            yield self._judges
        self._raise_refused()


def _file_of(operation: Operation) -> str:
    function: Any = inspect.unwrap(getattr(operation.function, "func", operation.function))
    code = getattr(getattr(function, "__func__", function), "__code__", None)
    return code.co_filename if code is not None else ""
