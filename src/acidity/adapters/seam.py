"""The one seam: every database call of an operation passes here, and an `Interceptor` decides what becomes of it.

An adapter calls `request` for each Call it sees. Who is calling is known from a context variable, which SQLAlchemy's
greenlets and asyncio tasks carry along; a call by nobody while a run is on is a bypass, and makes the run unknown.
An Interceptor may hold the Call as long as it likes: what the driver does is a part of the Call only inside
`PendingCall.perform`, and only in the context of this actor.
"""

from __future__ import annotations

import itertools
import sys
from asyncio import _get_running_loop
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import Context, ContextVar
from dataclasses import dataclass, field
from time import monotonic
from typing import TYPE_CHECKING, Any, Literal, Protocol

from acidity.adapters.closing import error_on_its_way
from acidity.adapters.limits import is_limited
from acidity.adapters.wire import LiveConnection
from acidity.core.call import Call, Event, History, Kind, Reply, Writes
from acidity.core.cause import Place
from acidity.core.row import as_it_is
from acidity.core.variable import context_variable
from acidity.engines.codes import code_of, steady_text
from acidity.engines.own_calls import OWN

if TYPE_CHECKING:
    from asyncio import Task
    from threading import Thread


@dataclass(slots=True)
class PendingCall:
    """One Call on its way to the database.

    An Interceptor lets it through with `perform`, or raises instead, or both. It may put another text or other
    parameters into `sql` and `params` before that: they are what the driver is sent. It notes in `fault` what it broke,
    and sets `answered` to False when the program cannot know whether the Call took place. One that tries a change puts
    what the changed program would ask into `call`, and what it would ask right after it into `after`.

    Attributes:
        call: what the program asked for, as it was then; it may change its parameters afterwards.
        wire: the connection that it goes over; None for an effect.
        sql: the text that is sent, at first the Call's own.
        params: the parameters that go with it.
        send: asks the driver with `sql` and `params` as they are, and gives what the driver gave.
        records: the adapter is to fill in `rows` and `rowcount`.
        inner: decides about what `perform` is about to send; None where it goes to the driver.
        result: what the driver gave; what the program gets.
        began: when it was first sent, in seconds of the monotonic clock; 0 before.
        ended: when that was last answered.
        after: what is done once it has been answered, before the program goes on; None for nothing.
        given: the parameters that the program has given.
    """

    call: Call
    wire: LiveConnection | None
    sql: str
    params: Any
    send: Callable[[PendingCall], Any]
    records: bool = False
    inner: Interceptor | None = None
    fault: str = ""
    answered: bool = True
    result: Any = None
    rows: Sequence[Any] | None = None
    rowcount: int | None = None
    began: float = 0.0
    ended: float = 0.0
    after: Callable[[], None] | None = None
    given: Any = field(init=False)

    def __post_init__(self) -> None:
        self.given = self.params

    def perform(self) -> None:
        """Let it take place; may be called again after an error.

        Raises:
            BaseException: whatever the database or the driver raised.
            RewriteError: its text was changed, and the program has not sent it as a text.
        """
        token = OWN.set(self.wire is not None)  # inside an effect the program makes Calls again
        self.began = self.began or monotonic()
        try:
            self._go_on()
        finally:
            self.ended = monotonic()
            OWN.reset(token)

    def _go_on(self) -> None:
        inner, self.inner = self.inner, None
        if inner is None:
            self.result = self.send(self)
            return
        try:
            inner.intercept(self)
        finally:
            self.inner = inner

    @property
    def rewritten(self) -> bool:
        """Whether an Interceptor has changed what is sent."""
        return self.sql is not self.call.sql or self.params is not self.given

    def refuse_rewriting(self) -> None:
        """For a Call that is a method of the driver (``commit()``) or holds a text that the driver has prepared.

        Raises:
            RewriteError: it was changed.
        """
        if self.rewritten:
            raise RewriteError(f"{self.call.label} was not sent as a text, so it cannot be rewritten")

    def reply(self, error: BaseException | None = None) -> Reply:
        """What came of it; an error is an answer, unless it struck a COMMIT and says nothing about it."""
        began, ended = self.began or monotonic(), self.ended or monotonic()
        if error is None:
            return Reply("ok", "", "", self.rows, self.rowcount, began, ended)
        of_the_driver = self.wire is not None and isinstance(error, self.wire.errors.Error)
        code = code_of(error) if of_the_driver else ""
        status: Literal["unknown", "error"] = "error"
        if self.call.autocommit or self.call.kind is Kind.COMMIT or self.call.kind is Kind.PREPARE:
            answered = self.answered and of_the_driver and self.wire is not None and not self.wire.is_gone(error)
            status = "error" if answered else "unknown"
        return Reply(status, f"{type(error).__name__}: {steady_text(error)}", code, None, None, began, ended)


class RewriteError(TypeError):
    """An Interceptor changed the text of a Call that has none."""


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
        """Whether the pool's reset is held back: never."""
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
class Helper:
    """Something that an actor has started.

    Attributes:
        thread: that does it, once there is one.
        line: of the program, where that has started it; empty where a library did so for itself.
    """

    thread: Thread | None
    line: str = ""


@dataclass(slots=True)
class Actor:
    """One caller: its letter, its Interceptor, and the History of what it did.

    Attributes:
        name: the letter.
        interceptor: decides for each of its Calls.
        records: rows and row counts are kept in its Replies.
        pings: what its driver is asked about a connection alone is a Call, too: there a lost one may be noticed.
        events: what it did so far, as it ended.
        effects: how often each effect took place.
        effect_keys: those under an idempotency key, with that.
        told: those that took place, with their idempotency keys and what they were called with.
        bypasses: what it did past the seam, in words.
        made: how many Calls it has made.
        connections: the number of each connection, by its identity.
        resets: a connection that its pool rolled back, with how many Calls had been made by then.
        unasked: the Calls that are a ROLLBACK nobody asked for: a Session or Connection was closed without COMMIT.
        unlocked: the Calls that ask for rows FOR UPDATE where the database has no such lock.
        given_up: a connection that was closed while an error was on its way, with how many Calls had been made by then.
        amid: the number of a connection → the error that was being handled when something was last written there.
        task: the one in which a coroutine function was called; None for a plain function.
        helpers: what it has started, and is at work.
        over: its run has ended.
    """

    name: str
    interceptor: Interceptor
    records: bool = False
    pings: bool = True
    events: list[Event] = field(default_factory=list)
    effects: dict[str, int] = field(default_factory=dict)
    effect_keys: set[tuple[str, str]] = field(default_factory=set)
    told: list[tuple[str, str | None, Any]] = field(default_factory=list)
    bypasses: list[str] = field(default_factory=list)
    made: int = 0
    connections: dict[int, int] = field(default_factory=dict)
    resets: list[tuple[int, int]] = field(default_factory=list)
    unasked: set[int] = field(default_factory=set)
    unlocked: set[int] = field(default_factory=set)
    given_up: list[tuple[int, int]] = field(default_factory=list)
    amid: dict[int, int] = field(default_factory=dict)
    task: Task[Any] | None = None
    helpers: dict[object, Helper] = field(default_factory=dict)
    over: bool = False

    @property
    def history(self) -> History:
        """What it did so far."""
        return tuple(self.events)

    def began(self, context: Context) -> bool:
        """Whether what goes on in this context was begun by it."""
        return context.get(ACTOR) is self

    def took_place(self, effect: str, key: str | None = None, told: Any = None) -> None:
        """Count an effect; one with an idempotency key only the first time under that key.

        Args:
            effect: its name.
            key: its idempotency key.
            told: what it was called with, frozen.
        """
        if key is not None:
            if (effect, key) in self.effect_keys:
                return
            self.effect_keys.add((effect, key))
        self.effects[effect] = self.effects.get(effect, 0) + 1
        self.told.append((effect, key, told))

    def was_reset(self, wire: LiveConnection) -> None:
        """Note that a pool rolled a connection back; one that was not used has no number, and is not of interest."""
        number = self.connections.get(id(wire))
        if number is not None:
            self.resets.append((number, self.made))
            self.closes(wire)

    def gives_up(self, wire: LiveConnection) -> bool:
        """Whether an error is on its way that was not, when something was last written on this connection."""
        error = error_on_its_way()
        return error not in {0, self.amid.get(self.connections.get(id(wire), 0), 0)}

    def closes(self, wire: LiveConnection) -> None:
        """The program closes a connection, which is no Call."""
        number = self.connections.get(id(wire))
        if number is not None and self.gives_up(wire):
            self.given_up.append((number, self.made))

    def number(self, wire: LiveConnection) -> int:
        """The number of a connection, from 1 in the order in which they were first used."""
        return self.connections.setdefault(id(wire), len(self.connections) + 1)


ACTOR: ContextVar[Actor | None] = context_variable("acidity_actor", None)  # read for every Call
_places = itertools.count(1)  # of Events in the one order of all actors; drawing the next one is atomic


def next_place() -> int:
    """The place of the next Event in the one order of all actors."""
    return next(_places)


def current_actor() -> Actor | None:
    """The actor on whose behalf this code runs, or None; what goes on when its run has ended is nobody's."""
    actor = ACTOR.get()
    return None if actor is None or actor.over else actor


@contextmanager
def acting(actor: Actor) -> Iterator[Actor]:
    """Make the calls in this context the actor's."""
    token = ACTOR.set(actor)
    try:
        yield actor
    finally:
        ACTOR.reset(token)


def request(
    actor: Actor,
    kind: Kind,
    sql: str,
    params: Any,
    *,
    wire: LiveConnection | None,
    place: Place | None,
    send: Callable[[PendingCall], Any],
    many: bool = False,
    defaulted: frozenset[str] = frozenset(),
    autocommit: bool = False,
    writes: Writes = Writes.NO,
    opaque: bool = False,
    schema: bool = False,
    limited: bool = False,
) -> Any:
    """Bring one Call to the actor's Interceptor, record what came of it, and give what the driver gave.

    Raises:
        BaseException: whatever the database, the driver or a fault raised.
    """
    actor.made += 1
    number, database = (actor.number(wire), wire.database) if wire is not None else (0, "")
    if wire is not None:
        wire.sandbox.used[wire.through] = None
    path, decided = ((), None) if place is None else (place.path, place.site)
    if writes:
        actor.amid[number] = id(sys.exc_info()[1])
    call = Call(
        actor.name,
        actor.made,
        kind,
        sql,
        params if type(params) is tuple and not params else as_it_is(params),
        path[0] if path else None,
        many,
        defaulted,
        number,
        autocommit,
        database,
        writes,
        opaque,
        path,
        decided,
        schema,
        limited or (_get_running_loop() is not None and is_limited(actor.began, wire and wire.connection)),
    )
    pending = PendingCall(call, wire, sql, params, send, actor.records and kind is Kind.STATEMENT)
    try:
        actor.interceptor.intercept(pending)
    except BaseException as error:
        actor.events.append(Event(pending.call, pending.reply(error), pending.fault, next(_places)))
        actor.interceptor.failed(pending)
        raise
    actor.events.append(Event(pending.call, pending.reply(), pending.fault, next(_places)))
    if pending.after is not None:
        pending.after()
    return pending.result
