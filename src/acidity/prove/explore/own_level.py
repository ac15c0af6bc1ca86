"""Which isolation level an operation sets itself, where a check imposes another one: the operation's own is kept."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from acidity.adapters.seam import ACTOR, Actor, Layer, PassThrough, PendingCall
from acidity.core.call import Call, History, Kind
from acidity.core.outcome import Ending
from acidity.core.scenario import Operation
from acidity.core.schedule import FIRST
from acidity.engines.sandbox import Unsettled
from acidity.prove.explore.lab import asking
from acidity.prove.stage.call import Player
from acidity.prove.stage.naps import leave_clocks
from acidity.prove.stage.overseer import DidNotEnd
from acidity.prove.stage.rehearsal import Rehearsal
from acidity.prove.stage.stage import Stage

_SETS = re.compile(
    r"\s*set\s+(?P<session>session\s+)?(?:characteristics\s+as\s+)?transaction\s+isolation\s+level\s+"
    r"(?P<level>read\s+(?:un)?committed|repeatable\s+read|serializable)"
    r"(?:[\s,]+(?:read\s+(?:only|write)|(?:not\s+)?deferrable))*\s*;?\s*",
    re.IGNORECASE,
)

BY_ITSELF = "AUTOCOMMIT"  # is no level of a transaction
_SOON_S = 60.0  # a pool has timers for connections that nobody has asked for in five minutes
_LASTS = re.compile(r"\s*copy\b", re.IGNORECASE)  # until all rows are copied nothing else is sent on its connection


class LevelSet(NamedTuple):
    """The level that a text sets, and does nothing else.

    Attributes:
        level: in capitals.
        lasts: it is that of the session, and not of one transaction, of which MariaDB does not say it.
    """

    level: str
    lasts: bool


def level_set_by(sql: str) -> LevelSet | None:
    """Which level a text sets; None for any other text.

    >>> level_set_by("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
    LevelSet(level='REPEATABLE READ', lasts=True)
    """
    found = _SETS.fullmatch(sql)
    return None if found is None else LevelSet(" ".join(found["level"].upper().split()), bool(found["session"]))


@dataclass(slots=True)
class LevelWatch(Layer):
    """Asks after each statement at which level its transaction is, before one that lasts longer than its Call.

    Attributes:
        seen: the levels, in the order in which they were met; `BY_ITSELF` where a statement commits by itself.
        beside: the levels of those statements, each of which is a transaction.
        brief: a connection of it waits for a lock for less than a second, or not at all.
        limits: it limits by a clock of its own how long a Call may take (`asyncio.timeout`).
        at_each_call: told before each Call, when another caller could go on.
        ended: the operation came to its end within its time.
        history: what it did.
        ending: how it ended.
    """

    seen: dict[str, None] = field(default_factory=dict)
    beside: dict[str, None] = field(default_factory=dict)
    brief: bool = False
    limits: bool = False
    ended: bool = True
    history: History = ()
    ending: Ending = field(default_factory=Ending)
    at_each_call: Callable[[], None] = lambda: None
    _unanswered: PendingCall | None = None

    @property
    def levels(self) -> frozenset[str]:
        """Those of all transactions, of one statement or several."""
        return frozenset({**self.seen, **self.beside}) - {BY_ITSELF}

    def intercept(self, pending: PendingCall) -> None:
        """Let it take place, and ask on the same connection."""
        self.at_each_call()
        self.limits = self.limits or _has_timer()
        if self._unanswered is not None and self._unanswered.wire is pending.wire:
            self._ask(self._unanswered)  # its rows have been fetched, and its transaction has not ended
        if pending.wire is not None and pending.wire.engine == "sqlite" and pending.call.kind is Kind.BEGIN:
            self.brief = self.brief or pending.wire.waits_briefly()  # it may be refused, and be set to wait then
        may_ask = pending.wire is not None and pending.call.kind is Kind.STATEMENT
        lasts = _LASTS.match(pending.call.sql) is not None
        if may_ask and lasts:
            self._ask(pending)
        self.inner.intercept(pending)
        if may_ask and not lasts and not _looks_at_nothing(pending.call):
            self._ask(pending)

    def _ask(self, pending: PendingCall) -> None:
        assert pending.wire is not None
        self._unanswered = None
        self.brief = self.brief or pending.wire.waits_briefly()
        asked = level_set_by(pending.call.sql)
        if asked is not None and not asked.lasts:
            self.seen.setdefault(asked.level)
        elif level := pending.wire.level():
            self.seen.setdefault(level)
            if level == BY_ITSELF:
                self.beside.setdefault(pending.wire.level_beside())
        else:
            self._unanswered = pending


def _has_timer() -> bool:
    """Whether something of this caller's is to be called at a time that comes, whatever its Call is answered."""
    try:
        loop: Any = asyncio.get_running_loop()
    except RuntimeError:
        return False
    timers = [each for each in getattr(loop, "_scheduled", ()) if not each.cancelled()]
    soon = [each for each in timers if each.when() - loop.time() <= _SOON_S]
    return any(each._context.get(ACTOR) is not None for each in soon)


def _looks_at_nothing(call: Call) -> bool:
    """Whether it asks for no row, nor sets a level: what a library asks of each new connection, as for its version."""
    words = call.sql.lower().split()
    return words[:1] == ["select"] and "from" not in words and not call.writes


def own_levels(stage: Stage, imposed: str) -> dict[str, tuple[str, ...]]:
    """The operations that set another level than the one that is imposed, by name, with all that they set.

    Each is run once, alone.

    Raises:
        KeyboardInterrupt: the user pressed Ctrl-C.
    """
    found: dict[str, tuple[str, ...]] = {}
    for operation in stage.scenario.operations:
        if operation.name in found:
            continue
        others = tuple(level for level in watched(stage, operation).seen if level != imposed)
        if others:
            found[operation.name] = others
    return found


def watched(stage: Stage, operation: Operation, at_each_call: Callable[[], None] = lambda: None) -> LevelWatch:
    """What is seen of an operation that is run once, alone; told before each of its Calls.

    Raises:
        KeyboardInterrupt: the user pressed Ctrl-C.
    """
    watch = LevelWatch(inner=PassThrough(), at_each_call=at_each_call)
    actor = Actor(FIRST, watch)
    with suppress(Unsettled), asking():  # the runs that are judged say so, too
        try:
            (watch.ending,) = Rehearsal(stage).run([Player(operation, actor)]).endings
        except DidNotEnd:
            watch.ended = False
    leave_clocks()
    watch.history = actor.history
    return watch
