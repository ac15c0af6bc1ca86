"""The `Stage`: one Scenario on one Sandbox, ready to run an operation again and again under any Interceptor."""

from __future__ import annotations

import gc
import inspect
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from functools import partial
from typing import Any, Self

from sqlalchemy import create_engine
from sqlalchemy.exc import SQLAlchemyError

from acidity.adapters import ADAPTERS
from acidity.adapters.base import Adapters
from acidity.adapters.seam import Actor, Interceptor, PassThrough, acting
from acidity.adapters.site import calls_operations, counting_as_user
from acidity.adapters.sqlalchemy import SqlAlchemyAdapter
from acidity.analysis.canonical import equal_raw
from acidity.core.outcome import State
from acidity.core.scenario import Operation, Scenario
from acidity.core.schedule import Schedule
from acidity.engines.base import Ground, Sandbox
from acidity.engines.own_calls import own_calls
from acidity.errors import ForeignDatabase, UsageError
from acidity.prove.drill.child import Child
from acidity.prove.drill.striker import FaultInjector
from acidity.prove.faults.base import Lab
from acidity.prove.stage.effects import observed
from acidity.prove.stage.ending import answered, cancels, raised
from acidity.prove.stage.ground import BY_NAME, bound, ground_of, require_fitting, sandboxes_of, seeded
from acidity.prove.stage.host import Host, LoopHost, PlainHost, is_async
from acidity.prove.stage.http import Applications
from acidity.prove.stage.inject import injected, injected_async, injection_of
from acidity.prove.stage.quiet import quiet
from acidity.prove.stage.run import RawEnding, Run
from acidity.prove.stage.stranger import Encounter, meet, open_transactions
from acidity.prove.stage.views import Engines, judges_of

_TURN = threading.RLock()  # hooks are the process's, so checks in several of its threads take turns


class Stage:
    """Everything that one check needs to run operations; a context manager that leaves nothing behind.

    Args:
        scenario: what to run.
        db: the name of an engine.
        settings: settings of the database.
        isolation_level: for the engines that acidity makes and injects.

    Attributes:
        began: the instant of `time.monotonic` at which it was begun; starting an engine is a part of a check's time.

    Raises:
        UsageError: the schema, the set-up, a setting or ``bind=`` is wrong.
        EngineUnavailable: the engine cannot be started.
    """

    def __init__(
        self, scenario: Scenario, db: str, settings: Mapping[str, str], isolation_level: str | None = None
    ) -> None:
        if isolation_level is not None and (scenario.bind or any(each.bind for each in scenario.databases.values())):
            raise UsageError("isolation_level= cannot be imposed on an engine of yours (bind=); set it there")
        self.began = time.monotonic()
        self._options: dict[str, Any] = {} if isolation_level is None else {"isolation_level": isolation_level}
        self.scenario = scenario
        self.parts: Mapping[str, Sandbox] = sandboxes_of(scenario, db, settings)
        self.sandbox: Ground = ground_of(scenario, self.parts)
        self.seed: State
        self._cleanup = ExitStack()
        self._cleanup.callback(self.sandbox.close)
        self._hosts: dict[bool, Host] = {}
        self._applications = Applications()
        self._engines: dict[tuple[str, bool], Any] = {}
        self._refused: ForeignDatabase | None = None
        self._judges: tuple[Engines, Engines] | None = None
        self._on_effect: Callable[[str, str | None], None] = lambda _name, _key: None
        self.adapter = SqlAlchemyAdapter(self)
        others = (ADAPTERS[name](self) for name in ADAPTERS if name != "sqlalchemy")
        self.adapters = Adapters([self.adapter, *others])

    def __enter__(self) -> Self:
        self._cleanup.enter_context(_TURN)
        try:
            written = (*self.scenario.operations, *self.scenario.steps.values())
            self._cleanup.enter_context(counting_as_user(map(_file_of, written)))
            self.adapters.install()
            self._cleanup.callback(self.adapters.remove)
            for engine, part in bound(self.scenario, self.parts):
                self._cleanup.enter_context(self.adapter.redirecting(engine, part))
            self._create()
            self._cleanup.enter_context(observed(self.scenario.effects, self._effect_took_place))
        except BaseException:
            self.close()
            raise
        return self

    def _create(self) -> None:
        """Make the rows before, where schema and set-up reach no other database than an operation does."""
        try:
            with self.sandbox.watch(self._refuse_driver), acting(Actor("A", PassThrough())), self.adapters.arming():
                self.seed = seeded(self.scenario, self.parts, self.sandbox)
        except SQLAlchemyError as error:
            raise UsageError(f"setup= cannot write the rows before: {getattr(error, 'orig', None) or error}") from error
        finally:
            self.adapters.forget()
            self.adapters.release()
            if self._refused is not None:
                raise self._refused

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Take back every hook, stop the hosts, drop the Sandbox; may be called twice."""
        with quiet():
            for host in self._hosts.values():
                self._applications.stop(host)
                host.sync(self.adapters.forget)
                host.close()
        self._hosts.clear()
        self._cleanup.close()

    def _effect_took_place(self, name: str, key: str | None) -> None:
        self._on_effect(name, key)

    def refuse(self, error: ForeignDatabase) -> None:
        """An engine inside the operation pointed elsewhere."""
        self._refused = self._refused or error

    def lab(self, operation: Operation) -> Lab:
        """What a fault works with."""
        return Lab(self.parts, is_async(operation), threading.current_thread() is threading.main_thread())

    def run(
        self, operation: Operation, interceptor: Interceptor, schedule: Schedule | None = None, *, reset: bool = True
    ) -> Run:
        """Run it once, from the rows before, and read what it left.

        Args:
            operation: the operation.
            interceptor: decides for each of its Calls.
            schedule: how to call this run.
            reset: start from the rows before; otherwise from what the last run left.

        Raises:
            ForeignDatabase: an engine inside it points at a database that is not ours.
            KeyboardInterrupt: the user pressed Ctrl-C.
        """
        host = self._host(operation)
        self._start_application(operation, host)
        if reset:
            self.sandbox.reset()
        actor = Actor("A", interceptor)
        injector = interceptor if isinstance(interceptor, FaultInjector) else None
        try:
            with self._routed(injector):
                if injector is not None and injector.strike.fault.in_child:
                    bypasses: list[str] = []
                    ending = Child(self, operation, actor, injector).run()
                else:
                    ending, bypasses = self.act(operation, actor)
            self.sandbox.remember(actor.history)
            host.sync(interceptor.finish)
            self._raise_refused()
            host.sync(lambda: self._settle(ending))
            first = self.sandbox.look()
            encounter = self._meet_stranger(host)
            second = self.sandbox.look()
            in_doubt = self.sandbox.in_doubt()
        finally:
            with quiet():
                host.sync(self.adapters.forget)
        return Run(
            schedule=schedule or Schedule(),
            ending=ending,
            history=actor.history,
            first=first.state,
            second=second.state,
            effects=dict(actor.effects),
            effect_keys=frozenset(actor.effect_keys),
            leaks=encounter.leaks,
            stopped=encounter.stopped,
            locked_out=first.locked_out,
            struck=injector is not None and injector.struck,
            missed=injector.missed if injector is not None else "",
            mode=injector.mode if injector is not None else "real",
            bypasses=tuple(dict.fromkeys([*bypasses, *actor.bypasses, *first.beyond, *second.beyond])),
            in_doubt=in_doubt,
        )

    def follow(self, operation: Operation, actor: Actor) -> RawEnding:
        """Run a step that follows an operation, as a process does that has just started; nothing of it is left open.

        Raises:
            ForeignDatabase: an engine inside it points at a database that is not ours.
        """
        host = self._host(operation)
        for part in self.parts.values():  # sessions that were closed or killed may hold locks for a moment
            host.sync(partial(part.settle, ()))
        try:
            ending, _ = self.act(operation, actor)
            self.sandbox.remember(actor.history)
            self._raise_refused()
        finally:
            with quiet():
                host.sync(self.adapters.forget)
        return ending

    def _raise_refused(self) -> None:
        if self._refused is not None:
            error, self._refused = self._refused, None
            raise error

    def _start_application(self, operation: Operation, host: Host) -> None:
        """Start a web application before its first request; what it writes then belongs to the rows before."""
        with quiet():
            if not self._applications.start(operation, host):
                return
            host.sync(self.adapters.forget)
        if not equal_raw(self.sandbox.look().state, self.seed):
            raise UsageError(
                f"{operation.name}: the application changes rows or tables when it starts; write them in setup= and "
                f"metadata=, so that they belong to the rows before"
            )

    def _routed(self, injector: FaultInjector | None) -> AbstractContextManager[Any]:
        """Through the proxy, for a fault that cuts the wire."""
        if injector is not None and injector.strike.fault.through_proxy:
            return self.sandbox.through_proxy()
        return nullcontext()

    def act(self, operation: Operation, actor: Actor) -> tuple[RawEnding, list[str]]:
        """Run it as the actor while the seam is armed; give how it ended and what bypassed the seam."""
        self._applications.start(operation, self._host(operation))  # in a child it is not running yet
        with self.sandbox.watch(self._refuse_driver) as seen, quiet(), self.adapters.arming():
            ending = self.execute(operation, actor)
        return ending, [*seen, *self.adapters.bypasses()]

    def _refuse_driver(self, where: str) -> None:
        error = ForeignDatabase(
            f"a driver connection inside the operation points at {where!r}, a database that acidity did not create; "
            f"nothing was opened."
        )
        self.refuse(error)
        raise error

    def execute(self, operation: Operation, actor: Actor) -> RawEnding:
        """Call the function as the actor, and keep how it ended."""
        host = self._host(operation)
        if isinstance(host, LoopHost):
            ending = host.run(self._call_async(operation, actor))
            if ending.exception == "CancelledError" and not cancels(actor):
                raise KeyboardInterrupt  # asyncio's way to pass on the user's Ctrl-C
            return ending
        return self._call(operation, actor)

    @calls_operations
    def _call(self, operation: Operation, actor: Actor) -> RawEnding:
        what, function = self._injection(operation), self._applications.callable_of(operation)
        try:
            with acting(actor):
                if what is None:
                    answer = function(*operation.arguments, **operation.keywords)
                elif what in BY_NAME:
                    answer = function(self._by_name(what), *operation.arguments, **operation.keywords)
                else:
                    with injected(what, self._engine(asynchronous=False), operation, self.parts[""]) as first:
                        answer = function(first, *operation.arguments, **operation.keywords)
            return answered(operation, answer)
        except BaseException as error:
            return raised(operation, error, actor, function)

    @calls_operations
    async def _call_async(self, operation: Operation, actor: Actor) -> RawEnding:
        what, function = self._injection(operation), self._applications.callable_of(operation)
        try:
            with acting(actor):
                if what is None:
                    answer = await function(*operation.arguments, **operation.keywords)
                elif what in BY_NAME:
                    first = self._by_name(what, asynchronous=what != "databases")
                    answer = await function(first, *operation.arguments, **operation.keywords)
                else:
                    engine = self._engine(asynchronous=what != "engine")
                    async with injected_async(what, engine, operation, self.parts[""]) as first:
                        answer = await function(first, *operation.arguments, **operation.keywords)
            return answered(operation, answer)
        except BaseException as error:
            return raised(operation, error, actor, function)

    def _settle(self, ending: RawEnding) -> None:
        """Let drivers finish, and garbage be collected: what only waits for the collector is no leak of the user's."""
        for part in self.parts.values():
            part.settle(self.adapters.opened(part))
        left_open = any(open_transactions(self.adapters.opened(part), part) for part in self.parts.values())
        if ending.exception == "CancelledError" or left_open:
            with quiet():
                gc.collect()

    def forked(self, on_effect: Callable[[str, str | None], None]) -> None:
        """This is a child process: loops and connections of the parent are not its own."""
        self._hosts.clear()
        self._applications.forget()
        self._on_effect = on_effect

    def _meet_stranger(self, host: Host) -> Encounter:
        def encounter(part: Sandbox) -> Encounter:
            opened = open_transactions(self.adapters.opened(part), part)
            all_engines = self.adapter.engines_of(part)
            engines = [each for each in all_engines if host.asynchronous or not each.dialect.is_async]
            with quiet():
                met = meet(engines, part, beside=self.adapters.strangers(part))
            return met.with_open(opened).at(part.name)

        return sum((host.sync(partial(encounter, part)) for part in self.parts.values()), Encounter())

    def _host(self, operation: Operation) -> Host:
        asynchronous = is_async(operation)
        if asynchronous not in self._hosts:
            self._hosts[asynchronous] = LoopHost() if asynchronous else PlainHost()
        return self._hosts[asynchronous]

    def _injection(self, operation: Operation) -> str | None:
        what = injection_of(operation)
        require_fitting(what, operation, self.scenario)
        return what

    def _by_name(self, what: str, *, asynchronous: bool = False) -> dict[str, Any]:
        """What an operation on several databases receives: an engine, or a dsn, for each name."""
        if what == "dsns":
            return {name: part.dsn(asynchronous=asynchronous) for name, part in self.parts.items()}
        return {name: self._engine(name, asynchronous=asynchronous) for name in self.parts}

    def _engine(self, name: str = "", *, asynchronous: bool) -> Any:
        key = name, asynchronous
        if key not in self._engines:
            url = self.parts[name].url(asynchronous=asynchronous)
            if asynchronous:
                from sqlalchemy.ext.asyncio import create_async_engine

                self._engines[key] = create_async_engine(url, **self._options)
            else:
                self._engines[key] = create_engine(url, **self._options)
        return self._engines[key]

    @contextmanager
    def judging(self) -> Iterator[tuple[Engines, Engines]]:
        """Plain engines of our own, unseen by the seam: on the rows now, and read-only on the rows before."""
        with own_calls():
            if self._judges is None:
                self._judges = judges_of(self.parts)
            yield self._judges


def _file_of(operation: Operation) -> str:
    function: Any = inspect.unwrap(getattr(operation.function, "func", operation.function))
    code = getattr(getattr(function, "__func__", function), "__code__", None)
    return code.co_filename if code is not None else ""
