"""What a `Fault` is: a name, where it fits, and how it strikes one Call."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, Protocol

from acidity.adapters.seam import PendingCall
from acidity.adapters.wire import LiveConnection
from acidity.core.call import Call, Kind
from acidity.core.misfit import ONLY_READS, Misfit, Mode, Why
from acidity.core.prepared import commits_prepared
from acidity.engines.base import Sandbox
from acidity.engines.hosted import HostedSandbox

STRIKES_MAX = 12  # of a persistent fault: more than people retry, few enough for pauses that grow with every attempt
SENT: frozenset[Kind] = frozenset(Kind) - {Kind.EFFECT}


class Rarity(IntEnum):
    """How seldom programs meet a fault: the ordinary first.

    Attributes:
        FAILS: a statement or an effect fails.
        LOST: the connection is lost.
        KILLED: the process is killed.
        RARE: a COMMIT without an answer, no memory, a server that restarts, and the like.
    """

    FAILS = 0
    LOST = 1
    KILLED = 2
    RARE = 3


class NotApplicable(Exception):  # noqa: N818  # it is an answer, not an error
    """This fault cannot strike this Call here, for the reason given; the Call has not been made."""


@dataclass(slots=True)
class FaultContext:
    """What faults work with during one run.

    Attributes:
        sandboxes: the databases by name; the only one has no name.
        asynchronous: the operation is a coroutine.
        main_thread: signals can be raised here.
        database: the one that the Call in hand goes to.
        mode: how the last strike was made, set by `strike`.
        missed: why a strike turned out to have had nothing to break.
        unheard: why a strike may have had nothing to break: no error came of it, so the end of the run has to say.
        raised: the KeyboardInterrupt that a fault raised, to tell it from the user's own Ctrl-C.
        held: what persistent faults hold until the run ends, by database.
    """

    sandboxes: Mapping[str, Sandbox]
    asynchronous: bool
    main_thread: bool
    database: str = ""
    mode: Mode = "real"
    missed: str = ""
    unheard: str = ""
    raised: BaseException | None = None
    held: dict[str, dict[str, Any]] = field(default_factory=dict)

    def turn_to(self, call: Call) -> None:
        """The next question is about this Call, and so about its database."""
        self.database = call.database

    @property
    def sandbox(self) -> Sandbox:
        """The database of the Call in hand; an effect has none, and gets any."""
        return self.sandboxes.get(self.database) or next(iter(self.sandboxes.values()))

    @property
    def kept(self) -> dict[str, Any]:
        """Things of persistent faults that last until the run ends, at this database."""
        return self.held.setdefault(self.database, {})

    def let_go(self) -> None:
        """End what faults hold, everywhere."""
        for things in self.held.values():
            for thing in things.values():
                thing.close()
        self.held.clear()

    def wire(self, pending: PendingCall) -> LiveConnection:
        """The connection of a Call that goes to the database."""
        assert pending.wire is not None, "a fault of the database was aimed at an effect"
        return pending.wire


class Fault(Protocol):
    """One way to break.

    Attributes:
        name: as Schedules print it; says whether it strikes before or after the Call.
        sentence: what happens, for reports: "the connection is lost before {call}".
        persistent: it can also stay from the struck Call on.
        in_child: it kills the process, so the run happens in a child.
        through_proxy: connections of the run go through the proxy, where the engine has a wire.
        cancels: it cancels the task of the operation.
        lasting: what it holds is let go only when the run ends.
        rarity: how seldom programs meet it; a plainer one is shown where both tell the same.
        leaves_open: the transaction of the COMMIT that it refuses stays open.
        reason: what to say of a kind of Call that it does not break.
    """

    name: str
    sentence: str
    persistent: bool
    in_child: bool
    through_proxy: bool
    cancels: bool
    lasting: bool
    rarity: Rarity
    leaves_open: bool
    reason: str

    def misfit(self, call: Call, context: FaultContext) -> Misfit | None:
        """Why it cannot strike this Call; None if it can."""

    def strike(self, pending: PendingCall, context: FaultContext) -> None:
        """Break the Call: raise, with or without performing it.

        Raises:
            NotApplicable: it turned out that it cannot; nothing was done.
        """


Way = Callable[[PendingCall, FaultContext], None] | str


@dataclass(frozen=True, slots=True)
class SimpleFault:
    """A `Fault` made of a function; see there for the attributes.

    Attributes:
        kinds: the kinds of Call it fits.
        ways: engine → what it does there (gives nothing, raises what the program is to see), or why it does not exist
            there; ``"*"`` stands for every engine that is not named.
        writes_only: among statements, only those that write.
        reason: what to say where the kind does not fit.
        needs: what else keeps it from striking here; empty if nothing does.
        spares: why it cannot happen to this Call; empty if it can.
    """

    name: str
    sentence: str
    kinds: frozenset[Kind]
    ways: Mapping[str, Way]
    persistent: bool = False
    in_child: bool = False
    through_proxy: bool = False
    cancels: bool = False
    lasting: bool = False
    rarity: Rarity = Rarity.FAILS
    leaves_open: bool = False
    writes_only: bool = False
    reason: str = "it breaks another kind of Call"
    needs: Callable[[FaultContext], str] | None = None
    spares: Callable[[Call, FaultContext], str] | None = None

    def misfit(self, call: Call, context: FaultContext) -> Misfit | None:
        """Why it cannot strike this Call; None if it can."""
        if call.kind not in self.kinds:
            return Misfit(Why.ANOTHER_KIND, self.reason)
        if self.writes_only and call.kind is Kind.STATEMENT and not call.writes:
            return ONLY_READS
        way = self._way(context)
        if isinstance(way, str):
            return Misfit(Why.NOT_HERE, way)
        missing = self.needs(context) if self.needs is not None else ""
        missing = missing or (self.spares(call, context) if self.spares is not None else "")
        return Misfit(Why.NOT_HERE, missing) if missing else None

    def strike(self, pending: PendingCall, context: FaultContext) -> None:
        """Break the Call."""
        way = self._way(context)
        assert not isinstance(way, str), "plan() asks misfit first"
        way(pending, context)

    def _way(self, context: FaultContext) -> Way:
        engine = context.sandbox.engine_name
        return self.ways.get(engine) or self.ways.get("*") or f"it does not know how to strike on {engine}"


def hosted(context: FaultContext) -> HostedSandbox:
    """The Sandbox of a fault that needs a server."""
    sandbox = context.sandbox
    assert isinstance(sandbox, HostedSandbox), "the fault has no way on a file"
    return sandbox


@contextmanager
def one_transaction(wire: LiveConnection, sandbox: HostedSandbox) -> Iterator[None]:
    """For what several statements do together: a connection that commits by itself gets a transaction meanwhile."""
    alone = sandbox.commits_by_itself(wire.connection) and not sandbox.in_transaction(wire.connection)
    if alone:
        wire.send("BEGIN")
    try:
        yield
    finally:
        if alone:
            with suppress(Exception):  # the engine may have ended it already, or the session
                wire.send("ROLLBACK")


def require_transaction(pending: PendingCall, context: FaultContext) -> None:
    """A COMMIT with nothing to commit cannot be refused; on a connection that commits by itself every one is such.

    Raises:
        NotApplicable: no transaction is open, or it is prepared: then the database has promised that it can commit.
    """
    if commits_prepared(pending.call.sql):
        raise NotApplicable("what was prepared cannot be refused")
    if not context.sandbox.in_transaction(context.wire(pending).connection):
        raise NotApplicable("there was no transaction to refuse")


def apply(pending: PendingCall, context: FaultContext) -> None:
    """Let the Call take place, for a fault that strikes after it; one that fails by itself has no after."""
    try:
        pending.perform()
    except BaseException:
        context.missed = "the Call fails by itself, so there is nothing after it"
        raise


def driver_error(wire: LiveConnection, kind: str, message: str, code: int = 0, name: str = "") -> Exception:
    """An error as the driver would raise it, for a simulated fault."""
    error: Exception = getattr(wire.errors, kind)(message)
    if code:
        error.sqlite_errorcode = code  # type: ignore[attr-defined]
        error.sqlite_errorname = name  # type: ignore[attr-defined]
    return error
