"""The one seam: every database call of an operation passes here, and an `Interceptor` decides what becomes of it.

An adapter calls `request` for each Call it sees. Who is calling is known from a context variable, which SQLAlchemy's
greenlets and asyncio tasks carry along; a call by nobody while a run is on is a bypass, and makes the run unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Protocol

from acidity.core.call import OK, Call, Event, History, Kind, Reply, Site, Writes


class LiveConnection(Protocol):
    """The live connection that a Call goes over, as far as a fault needs it."""

    @property
    def engine(self) -> str:
        """The name of the database engine, such as ``sqlite``."""

    @property
    def database(self) -> str:
        """What the scenario calls the database; empty where there is only one."""

    @property
    def connection(self) -> Any:
        """The driver's connection, as the library has it."""

    @property
    def errors(self) -> Any:
        """The driver's module with the PEP 249 exception classes."""

    def on_driver(self, action: Callable[[Any], Any]) -> Any:
        """Run `action` with the driver's own connection, in the thread that the driver demands."""

    def send(self, sql: str) -> None:
        """Send a statement on the same connection, in the same transaction, unseen by the seam."""

    def close(self) -> None:
        """Close the driver's connection under the library's feet."""

    def rollback(self) -> None:
        """Roll back on the driver, unseen by the seam."""

    def impatient(self) -> AbstractContextManager[None]:
        """Let no lock wait last while the context does."""

    def disconnected(self, error: BaseException) -> bool:
        """Whether this error means that the connection is gone."""


@dataclass(slots=True)
class PendingCall:
    """One Call on its way to the database.

    An Interceptor lets it through with `perform`, or raises instead, or both. It notes in `fault` what it did, and sets
    `answered` to False when the program cannot know whether the Call took place.
    """

    call: Call
    wire: LiveConnection | None
    perform: Callable[[], None]
    fault: str = ""
    answered: bool = True


class Interceptor(Protocol):
    """Decides for each Call: pass, hold, break, rewrite."""

    def intercept(self, pending: PendingCall) -> None:
        """Let the Call pass with ``pending.perform()``, or do something else."""

    def keeps_open(self, wire: LiveConnection) -> bool:
        """Whether the pool's reset of this connection must be held back."""

    def failed(self, pending: PendingCall) -> None:
        """This Call ended with an error, of the database or of a fault."""

    def finish(self) -> None:
        """The operation has ended; let go of everything."""


class PassThrough:
    """The Interceptor that lets everything pass; the actor records it all the same."""

    def intercept(self, pending: PendingCall) -> None:
        """Let it pass."""
        pending.perform()

    def keeps_open(self, wire: LiveConnection) -> bool:
        """Never."""
        del wire
        return False

    def failed(self, pending: PendingCall) -> None:
        """Nothing to do about it."""

    def finish(self) -> None:
        """Nothing to let go of."""


@dataclass(slots=True)
class Layer:
    """An Interceptor around another one, which decides wherever this one has nothing to say.

    Attributes:
        inner: the next Interceptor on the way to the database.
    """

    inner: Interceptor = field(default_factory=PassThrough, kw_only=True)

    def intercept(self, pending: PendingCall) -> None:
        """Hand the Call on."""
        self.inner.intercept(pending)

    def keeps_open(self, wire: LiveConnection) -> bool:
        """Ask the inner Interceptor."""
        return self.inner.keeps_open(wire)

    def failed(self, pending: PendingCall) -> None:
        """Tell the inner Interceptor."""
        self.inner.failed(pending)

    def finish(self) -> None:
        """Let the inner Interceptor let go."""
        self.inner.finish()


@dataclass(slots=True)
class Actor:
    """One caller: its letter, its Interceptor, and the History of what it did."""

    name: str
    interceptor: Interceptor
    events: list[Event] = field(default_factory=list)
    effects: dict[str, int] = field(default_factory=dict)
    bypasses: list[str] = field(default_factory=list)
    made: int = 0
    connections: dict[int, int] = field(default_factory=dict)

    @property
    def history(self) -> History:
        """What it did so far."""
        return tuple(self.events)

    def number(self, connection: Any) -> int:
        """The number of a connection, from 1 in the order in which they were first used."""
        return self.connections.setdefault(id(connection), len(self.connections) + 1)


_current: ContextVar[Actor | None] = ContextVar("acidity_actor", default=None)
_passing: ContextVar[bool] = ContextVar("acidity_passing", default=False)


def current_actor() -> Actor | None:
    """The actor on whose behalf this code runs, or None."""
    return _current.get()


def passing() -> bool:
    """Whether a Call is on its way through the seam here, so that what the driver does now belongs to it."""
    return _passing.get()


@contextmanager
def unseen() -> Iterator[None]:
    """What a driver is asked in this context is no Call of the operation."""
    token = _passing.set(True)
    try:
        yield
    finally:
        _passing.reset(token)


@contextmanager
def acting(actor: Actor) -> Iterator[Actor]:
    """Make the calls in this context the actor's."""
    token = _current.set(actor)
    try:
        yield actor
    finally:
        _current.reset(token)


def request(
    actor: Actor,
    kind: Kind,
    sql: str,
    params: Any,
    *,
    wire: LiveConnection | None,
    connection: Any,
    site: Site | None,
    perform: Callable[[], None],
    many: bool = False,
    defaulted: frozenset[str] = frozenset(),
    autocommit: bool = False,
    writes: Writes = Writes.NO,
    opaque: bool = False,
) -> None:
    """Bring one Call to the actor's Interceptor and record what came of it.

    Raises:
        BaseException: whatever the database, the driver or a fault raised.
    """
    actor.made += 1
    number = actor.number(connection) if connection is not None else 0
    database = wire.database if wire is not None else ""
    told = (many, defaulted, number, autocommit, database, writes, opaque)
    call = Call(actor.name, actor.made, kind, sql, params, site, *told)
    pending = PendingCall(call, wire, perform)
    token = _passing.set(wire is not None)
    try:
        actor.interceptor.intercept(pending)
    except BaseException as error:
        actor.events.append(Event(call, _reply_to(pending, error), pending.fault))
        actor.interceptor.failed(pending)
        raise
    else:
        actor.events.append(Event(call, OK, pending.fault))
    finally:
        _passing.reset(token)


def _reply_to(pending: PendingCall, error: BaseException) -> Reply:
    """An error is an answer, unless it struck a COMMIT and says nothing about it."""
    wire = pending.wire
    answered = pending.answered
    if wire is not None and answered:
        answered = isinstance(error, wire.errors.Error) and not wire.disconnected(error)
    unknown = (pending.call.commits or pending.call.kind is Kind.PREPARE) and not answered
    names = ("sqlite_errorname", "sqlstate", "pgcode")
    code = next((str(found) for name in names if (found := getattr(error, name, None))), "")
    return Reply("unknown" if unknown else "error", f"{type(error).__name__}: {error}", code)
