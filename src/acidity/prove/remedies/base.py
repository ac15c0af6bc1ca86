"""What a remedy under trial is: a change to the operation, made by an Interceptor instead of an editor."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from acidity.adapters.seam import ACTOR, Layer, PendingCall, request
from acidity.core.call import Call, History, Kind
from acidity.core.cause import CauseKind, Place


@dataclass(frozen=True, slots=True)
class Misfit:
    """Why a change cannot be tried on an operation.

    Attributes:
        reason: in words.
        worth_saying: it is not already clear from the operation itself (nobody asks for one COMMIT instead of one).
    """

    reason: str
    worth_saying: bool = True


@dataclass(slots=True)
class Patient:
    """The operation that a change is tried on.

    Attributes:
        history: of its clean run.
        shown: of the runs that show what the change may help against.
        engines: the name of a database → that of its engine.
        spoiled: why the trial says nothing, once an Interceptor has found that out.
        did: what the reader must know of how the change was made.
    """

    history: History
    shown: Sequence[History] = ()
    engines: dict[str, str] = field(default_factory=dict)
    spoiled: str = ""
    did: str = ""

    @property
    def seen(self) -> Sequence[History]:
        """All runs that are known."""
        return (self.history, *self.shown)


@dataclass(frozen=True, slots=True)
class RemedyTrial:
    """A change that can be tried.

    Attributes:
        name: what to change, in words.
        kinds: the causes that it may end.
        misfit: why it cannot be tried on an operation; None if it can.
        interceptor: makes the Interceptor of one run.
        brings: the causes that it cannot do without → what is needed against each, in words. It ends what it is meant
            against all the same, and these are said to remain.
    """

    name: str
    kinds: frozenset[CauseKind]
    misfit: Callable[[Patient], Misfit | None]
    interceptor: Callable[[Patient], Layer]
    brings: Mapping[CauseKind, str] = field(default_factory=dict)


def ask_beside(pending: PendingCall, kind: Kind, sql: str, send: Callable[[], None] | None = None) -> None:
    """What the changed program would ask in this line, too: a Call as any other, which a fault may strike.

    Args:
        pending: the Call of that line.
        kind: what it means.
        sql: the text; empty for a method of the driver.
        send: that method; None where the text is sent.

    Raises:
        BaseException: whatever the database or a fault raised.
    """
    actor, call, wire = ACTOR.get(), pending.call, pending.wire
    assert actor is not None, "an Interceptor is asked on behalf of an actor"
    assert wire is not None, "there is nothing to ask beside an effect"
    asks = send or partial(wire.send, sql)
    request(actor, kind, sql, None, wire=wire, place=place_of(call), send=lambda _: asks())


def place_of(call: Call) -> Place | None:
    """Where a Call was made."""
    site = call.decided or call.site
    return None if site is None else Place(site, call.path or (site,))


def becomes(pending: PendingCall, kind: Kind) -> None:
    """Note in the History that the Call is of another kind in the changed program."""
    pending.call = replace(pending.call, kind=kind, sql="", autocommit=False)
