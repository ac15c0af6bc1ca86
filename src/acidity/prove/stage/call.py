"""Call one operation as an actor: with what its first parameter asks for, and keep how it ended."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from acidity.adapters.seam import Actor, acting
from acidity.adapters.site import calls_operations
from acidity.core.outcome import Ending
from acidity.core.scenario import Operation, Scenario
from acidity.engines.base import Sandbox
from acidity.engines.hosting import require_driver
from acidity.prove.stage.asked_for import injection_of, session_class
from acidity.prove.stage.attempts import Attempts
from acidity.prove.stage.ending import answered, raised
from acidity.prove.stage.ground import BY_NAME, require_fitting
from acidity.prove.stage.helpers import rest, rest_async
from acidity.prove.stage.host import is_async
from acidity.prove.stage.http import Applications
from acidity.prove.stage.inject import injected, injected_async
from acidity.prove.stage.made import note
from acidity.prove.stage.naps import may_be_skipped
from acidity.prove.stage.needs import NOTHING, Needs
from acidity.prove.stage.read_out import read_out

_WITHOUT_ENGINE = frozenset({"dsn", "dbapi_connection"})  # the driver of an engine need not be there


@dataclass(frozen=True, slots=True)
class Player:
    """One caller in a run.

    Attributes:
        operation: what it calls.
        actor: who it is at the seam: its letter, its Interceptor, and its own History.
        needs: what its part needs beside that.
    """

    operation: Operation
    actor: Actor
    needs: Needs = NOTHING


@dataclass(frozen=True, slots=True)
class _Asked:
    """What an operation is given; asked of its signature once.

    Attributes:
        operation: kept, so that nobody else gets its id.
        what: what its first parameter asks for.
        session: the class of the session that it is given, if it is one.
    """

    operation: Operation
    what: str | None
    session: type[Session]


class Caller:
    """Calls operations on the databases of a scenario.

    Args:
        scenario: whose operations they are.
        parts: its databases by name; the only one has no name.
        options: of the engines that are made for the operations.

    Attributes:
        applications: the web applications that were started.
    """

    def __init__(self, scenario: Scenario, parts: Mapping[str, Sandbox], options: Mapping[str, Any]) -> None:
        self.applications = Applications()
        self._scenario = scenario
        self._parts = parts
        self._options = options
        self._engines: dict[tuple[str, bool], Any] = {}
        self._asked: dict[int, _Asked] = {}

    def require_drivers(self) -> None:
        """What the operations ask for needs a driver, and async code greenlets; before anything is run, they are there.

        Raises:
            EngineUnavailable: one is not installed; the message says what brings it.
            UsageError: an operation cannot be given what it asks for.
        """
        for operation in (*self._scenario.operations, *self._scenario.steps.values()):
            what = self._injection(operation)
            if what is None or what in {"url", "dsn", "dsns"}:
                continue
            asynchronous = is_async(operation) and what not in {"engine", "databases"}
            if asynchronous and what != "dbapi_connection":
                require_driver("greenlet")
            for part in self._parts.values():
                require_driver(part.driver(asynchronous=asynchronous))

    def call(self, player: Player) -> Ending:
        """Call a plain function, or an application over WSGI, as often as its ``retry=`` says.

        Raises:
            KeyboardInterrupt: the user pressed Ctrl-C; also `Terminated` and `Unsettled`, which are acidity's own.
        """
        attempts = Attempts(player.operation.retry)
        while True:
            ending = self._call(player, attempts)
            note(player.operation, player.actor.events)
            if not attempts.goes_on:
                rest(player.actor)
                return attempts.last(ending)

    @calls_operations
    def _call(self, player: Player, attempts: Attempts) -> Ending:
        operation = player.operation
        what, function = self._injection(operation), self.applications.callable_of(operation)
        try:
            with acting(player.actor):
                if what is None:
                    answer = read_out(function(*operation.arguments, **operation.keywords))
                elif what in BY_NAME:
                    answer = read_out(function(self._by_name(what), *operation.arguments, **operation.keywords))
                else:
                    engine, session = self._engine(asynchronous=False), self._asked[id(operation)].session
                    with injected(what, engine, operation, self._parts[""], session) as first:
                        answer = read_out(function(first, *operation.arguments, **operation.keywords))
            return answered(operation, answer)
        except BaseException as error:
            attempts.failed(error)
            return raised(operation, error, player.needs, function)

    async def call_async(self, player: Player) -> Ending:
        """Call a coroutine function, or an application over ASGI; what `call` raises, this raises."""
        player.actor.task = asyncio.current_task()
        may_be_skipped(player.actor.task)
        attempts = Attempts(player.operation.retry)
        while True:
            ending = await self._call_async(player, attempts)
            note(player.operation, player.actor.events)
            if not attempts.goes_on:
                player.actor.task = None  # from here on it is acidity's own, and what is left behind is cancelled alone
                await rest_async(player.actor)
                return attempts.last(ending)

    @calls_operations
    async def _call_async(self, player: Player, attempts: Attempts) -> Ending:
        operation = player.operation
        what, function = self._injection(operation), self.applications.callable_of(operation)
        try:
            with acting(player.actor):
                if what is None:
                    answer = read_out(await function(*operation.arguments, **operation.keywords))
                elif what in BY_NAME:
                    first = self._by_name(what, asynchronous=what != "databases")
                    answer = read_out(await function(first, *operation.arguments, **operation.keywords))
                else:
                    engine = None if what in _WITHOUT_ENGINE else self._engine(asynchronous=what != "engine")
                    async with injected_async(what, engine, operation, self._parts[""]) as first:
                        answer = read_out(await function(first, *operation.arguments, **operation.keywords))
            return answered(operation, answer)
        except BaseException as error:
            attempts.failed(error)
            return raised(operation, error, player.needs, function)

    def _injection(self, operation: Operation) -> str | None:
        """What its first parameter asks for."""
        known = self._asked.get(id(operation))
        if known is None:
            what = injection_of(operation)
            require_fitting(what, operation, self._scenario)
            known = self._asked[id(operation)] = _Asked(operation, what, session_class(operation))
        return known.what

    def _by_name(self, what: str, *, asynchronous: bool = False) -> dict[str, Any]:
        """What an operation on several databases receives: an engine, or a dsn, for each name."""
        if what == "dsns":
            return {name: part.dsn(asynchronous=asynchronous) for name, part in self._parts.items()}
        return {name: self._engine(name, asynchronous=asynchronous) for name in self._parts}

    def _engine(self, name: str = "", *, asynchronous: bool) -> Any:
        """One engine for each database and kind, for all runs: its pool is emptied after each of them."""
        key = name, asynchronous
        if key not in self._engines:
            url = self._parts[name].url(asynchronous=asynchronous)
            if asynchronous:
                from sqlalchemy.ext.asyncio import create_async_engine

                self._engines[key] = create_async_engine(url, **self._options)
            else:
                self._engines[key] = create_engine(url, **self._options)
        return self._engines[key]
