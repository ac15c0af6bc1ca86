"""A caller in a process of its own: its `Gate` is here, and what it waits for comes over a `Line`."""

from __future__ import annotations

import os
import pickle
import signal
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import Enum
from typing import NoReturn

from acidity.adapters.seam import Actor, Layer, PendingCall
from acidity.analysis.fetched import rows_of
from acidity.core.call import Event
from acidity.core.outcome import Ending
from acidity.core.row import Fetched, was_asked_for
from acidity.prove.explore.gate import Baton, Gate, Place
from acidity.prove.explore.line import Line
from acidity.prove.stage.call import Player
from acidity.prove.stage.child import die_with_parent

Live = Callable[[Player], tuple[Ending, list[str]]]


class Told(Enum):
    """What a caller tells the controller.

    Attributes:
        FLIGHT: its Call is at the database now.
        ANSWERED: it has been answered, whatever the answer is.
        PLACE: it waits at its gate, or was refused.
        GONE: it has ended.
        FAILED: what it does cannot be told.
    """

    FLIGHT = "flight"
    ANSWERED = "answered"
    PLACE = "place"
    GONE = "gone"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Grant:
    """What the controller tells a caller: go on.

    Attributes:
        others_wait: see `Gate`, like the others.
        begins: see there.
        abandoned: see there.
        gives_up: see there.
    """

    others_wait: bool
    begins: bool
    abandoned: bool
    gives_up: bool


def live(player: Player, line: Line, play: Live, *, brief: bool) -> NoReturn:
    """The whole life of the process of a caller; it never returns.

    Args:
        player: who plays.
        line: to the controller.
        play: calls the operation; gives how it ended, and what reached the database past the seam.
        brief: callers limit how long they wait, see `Gate.asks`.
    """
    code, actor = 1, player.actor
    try:
        die_with_parent()
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the controller, which ends its callers
        teller = _Teller(line, actor)
        gate = Gate(actor.name, teller, teller.ring, asks=brief, inner=_Flying(teller, inner=actor.interceptor))
        teller.gate, actor.interceptor = gate, gate
        teller.take()
        ending, bypasses = play(player)
        unseen = [*bypasses, *actor.bypasses]
        told = [(effect, key, _shown(with_what)) for effect, key, with_what in actor.told]
        line.tell(Told.GONE, teller.news(), ending, unseen, actor.effects, actor.effect_keys, told)
        code = 0
    except BaseException as error:
        with suppress(OSError):
            line.tell(Told.FAILED, f"{type(error).__name__}: {error}")
    finally:
        os._exit(code)


class _Teller(Baton):
    """What a caller waits for at its gate: a message; it tells where it is before."""

    def __init__(self, line: Line, actor: Actor) -> None:
        super().__init__()
        self.gate: Gate
        self.line = line
        self._actor = actor
        self._told = 0

    def can_be_taken(self) -> bool:
        """It can: the process is the caller's."""
        return True

    def prepare(self) -> None:
        """Nothing: the process is the caller's, and may stand still."""

    def take(self) -> None:
        """Wait until the controller lets it go on."""
        (grant,) = self.line.hear()
        self.gate.others_wait, self.gate.begins = grant.others_wait, grant.begins
        self.gate.abandoned, self.gate.gives_up = grant.abandoned, grant.gives_up

    def ring(self) -> None:
        """Tell where it is now, and what has been answered since."""
        pending = self.gate.pending
        assert pending is not None
        self.line.tell(Told.PLACE, self.gate.place, *_asked(pending), self.news())

    def flies(self, pending: PendingCall) -> None:
        """Tell that its Call is at the database."""
        self.line.tell(Told.FLIGHT, self.gate.brief, *_asked(pending))

    def answered(self) -> None:
        """Tell that it is no longer there."""
        self.line.tell(Told.ANSWERED)

    def news(self) -> list[Event]:
        """The Events that were not told yet, as they are now: rows are fetched after the answer."""
        events = self._actor.events[self._told :]
        self._told += len(events)
        return [_plain(event) for event in events]


class _Flying(Layer):
    """Tells when a Call is at the database and when it is not."""

    def __init__(self, teller: _Teller, **layer: object) -> None:
        super().__init__(**layer)  # type: ignore[arg-type]
        self._teller = teller

    def intercept(self, pending: PendingCall) -> None:
        """Tell, and pass on."""
        if pending.wire is None:
            self.inner.intercept(pending)
            return
        self._teller.flies(pending)
        try:
            self.inner.intercept(pending)
        finally:
            self._teller.answered()


def _asked(pending: PendingCall) -> tuple[Event, str | None, int | None]:
    """The Call that is asked, its database (None for an effect), and the engine's number of the session."""
    wire, event = pending.wire, _plain(Event(pending.call, pending.reply()))
    return (event, None, None) if wire is None else (event, wire.database, wire.session)


def _plain(event: Event) -> Event:
    """An Event that another process can be told of."""
    if event.reply.rows is not None:
        rows = rows_of(event) if was_asked_for(event.reply.rows) else Fetched()
        event = replace(event, reply=replace(event.reply, rows=rows))
    if not _can_be_told(event.reply.rows):
        event = replace(event, reply=replace(event.reply, rows=None))
    if not _can_be_told(event.call.params):
        event = replace(event, call=replace(event.call, params=_shown(event.call.params)))
    return event


def _can_be_told(value: object) -> bool:
    try:
        pickle.dumps(value)
    except Exception:
        return False
    return True


def _shown(params: object) -> object:
    """Parameters that are objects of the program's own, as they are shown."""
    if isinstance(params, dict):
        return {name: value if _can_be_told(value) else repr(value) for name, value in params.items()}
    if isinstance(params, Sequence):
        return tuple(value if _can_be_told(value) else repr(value) for value in params)
    return repr(params)


__all__ = ["Grant", "Live", "Place", "Told", "live"]
