"""A harness that breaks a program at each step of its way to the databases, and judges what is left after recovery.

A step is a call of the driver, or of SQLAlchemy's dialect, on any of the databases. It can be struck in four ways: the
program fails before or after it, the wire is cut before it, the answer is lost and the wire cut after it. A killed
process is a real one. Whatever happened, after recovery the change is in all databases or in none, the caller was told
the truth, nothing is left prepared, and a second recovery finds nothing to do.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import create_engine, text
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import PoolProxiedConnection

from acidity.run import CommitUnknown, recover_two_phase
from acidity.run.twophase.decision import identity_of
from acidity.run.twophase.prepared import SPEAKS, prepared_in

Databases = Mapping[str, Engine]
Program = Callable[[Any, int], Any]
_STEPS = ("do_execute", "do_commit", "do_rollback", "do_prepare_twophase", "do_commit_twophase", "do_rollback_twophase")
_MYSQL = {"pymysql", "aiomysql"}
WAYS = ("fail-before", "fail-after", "cut-before", "cut-after")


class Struck(Exception):
    """The program fails here."""


@dataclass
class Strike:
    """Break one step.

    Attributes:
        at: which one, from 1.
        how: one of `WAYS`, or ``kill``; or a function to call with what the step works on, before it.
        steps: the names of those that were reached.
    """

    at: int
    how: Any
    steps: list[str] = field(default_factory=list)

    @property
    def reached(self) -> bool:
        return len(self.steps) >= self.at

    def around(self, engine: Engine, name: str, original: Callable[..., Any], subject: Any) -> Callable[[], Any]:
        self.steps.append(name)
        if len(self.steps) != self.at:
            return original
        return lambda: self._strike(engine, original, subject)

    def _strike(self, engine: Engine, original: Callable[..., Any], subject: Any) -> Any:
        if callable(self.how):
            self.how(subject)
        elif self.how == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        elif self.how == "fail-before":
            raise Struck
        elif self.how == "cut-before" and engine.dialect.name != "sqlite":
            cut(driver_of(subject), close=False)
        result = original()
        if self.how == "fail-after" or (self.how == "cut-after" and engine.dialect.name == "sqlite"):
            raise Struck
        if self.how == "cut-after":
            cut(driver_of(subject), close=True)
            raise lost(engine)
        return result


def driver_of(subject: Any) -> Any:
    """The driver's own connection behind a cursor, a pooled connection or a `Connection`."""
    if isinstance(subject, Connection):
        subject = subject.connection
    elif not isinstance(subject, PoolProxiedConnection):  # a cursor of an async driver, or of a plain one
        subject = getattr(subject, "_adapt_connection", None) or getattr(subject, "connection", subject)
    return getattr(subject, "driver_connection", subject)


def cut(driver: Any, *, close: bool) -> None:
    """Cut the wire; the server sees the client gone."""
    module = type(driver).__module__.partition(".")[0]
    if module == "asyncpg":
        driver.terminate()
    elif module == "aiomysql":
        driver.close()
    elif module == "pymysql":
        driver._sock.shutdown(socket.SHUT_RDWR)
    elif module in {"psycopg", "psycopg2"}:
        with socket.socket(fileno=os.dup(driver.fileno())) as wire:
            wire.shutdown(socket.SHUT_RDWR)
        if close:
            driver.close()
    else:
        raise NotImplementedError(module)


def lost(engine: Engine) -> BaseException:
    """What the driver says when no answer comes."""
    dialect = engine.dialect
    if dialect.driver in _MYSQL:
        return dialect.loaded_dbapi.OperationalError(2013, "Lost connection to MySQL server during query")
    if dialect.driver == "asyncpg":
        return dialect.loaded_dbapi.InterfaceError("connection is closed")
    return dialect.loaded_dbapi.OperationalError("server closed the connection unexpectedly")


@contextmanager
def struck(databases: Databases, strike: Strike) -> Iterator[None]:
    """While this lasts, steps on these databases are counted, and one is struck."""
    for engine in databases.values():
        for name in _STEPS:
            _put_around(engine, name, strike)
    try:
        yield
    finally:
        for engine in databases.values():
            for name in _STEPS:
                engine.dialect.__dict__.pop(name, None)


def _put_around(engine: Engine, name: str, strike: Strike) -> None:
    original = getattr(engine.dialect, name)

    def step(*args: Any, **kwargs: Any) -> Any:
        said = args[1] if name == "do_execute" else name
        return strike.around(engine, said, lambda: original(*args, **kwargs), args[0])()

    engine.dialect.__dict__[name] = step


# One run


@dataclass
class Case:
    """Databases that take part, how the program works on them and how it is recovered.

    Attributes:
        urls: of each database, for plain engines.
        async_urls: the same for async ones; used if `asynchronous`.
        program: ``program(engines, number)``, writes `number` to every database.
        recover: ``recover(engines)``.
    """

    urls: Mapping[str, str]
    async_urls: Mapping[str, str]
    program: Program
    asynchronous: bool = False
    recover: Callable[[Databases], Any] = lambda databases: recover_two_phase(wait_s=5, **databases)
    numbers: Iterator[int] = field(default_factory=lambda: iter(range(1, 10**6)))

    def told(self, strike: Strike, number: int) -> str:
        """Run it: what the caller was told."""
        try:
            if self.asynchronous:
                asyncio.run(self._run_async(strike, number))
            else:
                self._run(strike, number)
        except CommitUnknown:
            return "unknown"
        except Exception:
            return "failed"
        return "ok"

    def _run(self, strike: Strike, number: int) -> None:
        engines = {name: create_engine(url) for name, url in self.urls.items()}
        try:
            for engine in engines.values():
                engine.connect().close()
            with struck(engines, strike):
                self.program(engines, number)
        finally:
            for engine in engines.values():
                engine.dispose()

    async def _run_async(self, strike: Strike, number: int) -> None:
        engines: dict[str, AsyncEngine] = {name: create_async_engine(url) for name, url in self.async_urls.items()}
        try:
            for engine in engines.values():
                async with engine.connect():
                    pass
            with struck({name: engine.sync_engine for name, engine in engines.items()}, strike):
                await self.program(engines, number)
        finally:
            for engine in engines.values():
                await engine.dispose()

    def killed(self, at: int, number: int) -> bool:
        """Run it in a process that is killed at this step; whether it got there."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # the child of a fork with threads does not last
            pid = os.fork()
        if pid == 0:
            with suppress(BaseException):
                self.told(Strike(at, "kill"), number)
            os._exit(0)
        _, status = os.waitpid(pid, 0)
        return os.WIFSIGNALED(status)


def problems(
    case: Case, databases: Databases, ways: tuple[str, ...] = WAYS, *, kill: bool = True, first: int = 1
) -> list[str]:
    """Strike every step from the `first` on in every way; what went wrong, and nothing else."""
    found: list[str] = []
    for way in (*ways, *(["kill"] if kill else [])):
        for at in range(first, 200):
            number = next(case.numbers)
            if way == "kill":
                reached, told, step = case.killed(at, number), "killed", ""
            else:
                strike = Strike(at, way)
                told, reached = case.told(strike, number), strike.reached
                step = strike.steps[at - 1] if reached else ""
            if not reached:
                assert at > first + 2, "there are more steps than that"
                assert way == "kill" or told == "ok", "nothing was struck"
                break
            found += [f"{way} at step {at} ({step}): {what}" for what in judge(case, databases, number, told)]
    return found


def judge(case: Case, databases: Databases, number: int, told: str) -> Iterator[str]:
    """What is wrong after recovery."""
    last = recovered(case, databases)
    if last:
        yield f"a second recovery did {last}"
    there = {name: is_there(engine, number) for name, engine in databases.items()}
    if len(set(there.values())) > 1:
        yield f"half: {there}"
    elif told == "ok" and not all(there.values()):
        yield "told ok, and nothing is there"
    elif told == "failed" and any(there.values()):
        yield "told failed, and it is there"
    left = in_doubt(databases)
    if left:
        yield f"left prepared: {left}"


def recovered(case: Case, databases: Databases) -> Any:
    """Recover until nothing is in progress any more; what one more recovery does."""
    for _ in range(1000):
        done = case.recover(databases) or []
        if all(getattr(each, "outcome", "") != "in progress" for each in done):
            return case.recover(databases)
    raise AssertionError(f"still in progress: {done}")


def is_there(engine: Engine, number: int) -> bool:
    with engine.connect() as connection:
        return bool(connection.execute(text("SELECT count(*) FROM work WHERE id = :id"), {"id": number}).scalar())


def in_doubt(databases: Databases) -> list[str]:
    """What is prepared and belongs to one of these databases as its coordinator."""
    identities = {identity_of(engine) for engine in databases.values()}
    found: list[str] = []
    for engine in databases.values():
        if engine.dialect.name in SPEAKS:
            with engine.connect() as connection:
                found += [str(gid) for gid in prepared_in(connection) if gid.coordinator in identities]
    return found
