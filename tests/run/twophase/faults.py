"""A harness that strikes a program at a chosen step of its way to the databases, and judges what is left after recovery.

A step is a call of the driver, or of SQLAlchemy's dialect, on any of the databases; what happens there may involve
others, such as a recovery that runs at that moment, which no drill does. Whatever happened, after recovery the change is
in all databases or in none, the caller was told the truth, nothing is left prepared, and a second recovery finds nothing
to do. The drill itself, every fault at every Call, is in test_drill.py.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import create_engine, text
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.pool import PoolProxiedConnection

from acidity.run import CommitUnknown, recover_two_phase
from acidity.run.twophase.decision import identity_of
from acidity.run.twophase.prepared import SPEAKS, prepared_in

Databases = Mapping[str, Engine]
Program = Callable[[Any, int], Any]
_STEPS = ("do_execute", "do_commit", "do_rollback", "do_prepare_twophase", "do_commit_twophase", "do_rollback_twophase")


@dataclass
class Strike:
    """Break one step.

    Attributes:
        at: which one, from 1.
        how: a function to call with what the step works on, before it; None to lose its answer and cut the wire.
        steps: the names of those that were reached.
    """

    at: int
    how: Callable[[Any], Any] | None
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
        if self.how is not None:
            self.how(subject)
            return original()
        original()
        cut(driver_of(subject), close=True)
        raise lost(engine)


def driver_of(subject: Any) -> Any:
    """The driver's own connection behind a cursor, a pooled connection or a `Connection`."""
    if isinstance(subject, Connection):
        subject = subject.connection
    elif not isinstance(subject, PoolProxiedConnection):  # a cursor of an async driver, or of a plain one
        subject = getattr(subject, "_adapt_connection", None) or getattr(subject, "connection", subject)
    return getattr(subject, "driver_connection", subject)


def cut(driver: Any, *, close: bool) -> None:
    """Cut the wire; the server sees the client gone."""
    if type(driver).__module__.startswith("pymysql"):
        driver._sock.shutdown(socket.SHUT_RDWR)
        return
    with socket.socket(fileno=os.dup(driver.fileno())) as wire:
        wire.shutdown(socket.SHUT_RDWR)
    if close:
        driver.close()


def lost(engine: Engine) -> BaseException:
    """What the driver says when no answer comes."""
    errors = engine.dialect.loaded_dbapi
    if engine.dialect.driver == "pymysql":
        return errors.OperationalError(2013, "Lost connection to MySQL server during query")
    return errors.OperationalError("server closed the connection unexpectedly")


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


def told(urls: Mapping[str, str], program: Program, strike: Strike, number: int) -> str:
    """Run the program on these databases: what the caller was told."""
    engines = {name: create_engine(url) for name, url in urls.items()}
    try:
        for engine in engines.values():
            engine.connect().close()
        with struck(engines, strike):
            program(engines, number)
    except CommitUnknown:
        return "unknown"
    except Exception:
        return "failed"
    finally:
        for engine in engines.values():
            engine.dispose()
    return "ok"


def steps_of(urls: Mapping[str, str], program: Program, number: int) -> list[str]:
    """The names of all steps, when nothing is struck."""
    strike = Strike(10**6, None)
    assert told(urls, program, strike, number) == "ok"
    return strike.steps


def judge(databases: Databases, number: int, told: str) -> Iterator[str]:
    """What is wrong after recovery."""
    last = recovered(databases)
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


def recovered(databases: Databases) -> Any:
    """Recover until nothing is in progress any more; what one more recovery does."""
    for _ in range(1000):
        done = recover_two_phase(wait_s=5, **databases)
        if all(each.outcome != "in progress" for each in done):
            return recover_two_phase(wait_s=5, **databases)
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
