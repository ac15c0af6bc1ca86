"""A server killed amid one Call that commits several times: while it waits for what another session holds.

A procedure outside a transaction, or an ``executemany`` that the driver sends row by row, commits on its way; a kill
that is timed meets the moments between by luck. Who holds a row that the Call changes stops it there, whatever it has
committed by then. Each row is held in turn, so that one of them comes after the first commit.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from acidity.adapters.seam import PendingCall
from acidity.core.call import Call
from acidity.core.finding import RowChange
from acidity.core.misfit import Misfit, Mode
from acidity.engines.hosted import HostedSandbox
from acidity.prove.crash.settled import settled_before
from acidity.prove.drill.striker import Strike
from acidity.prove.faults.bait import hold
from acidity.prove.faults.base import SENT, Fault, FaultContext, Rarity, SimpleFault, hosted

AMID = "server-killed-amid"
_HELD_MAX = 6  # rows and tables, each of them a kill
_WAIT_S_MAX = 1.0  # a Call that has not come to what is held by then is killed where it is
_ASK_S = 0.002
# What keeps changes from a row, and from a whole table, and lets foreign keys look at it.
_LOCKS = {
    "postgresql": ("SELECT 1 FROM {} WHERE {} FOR SHARE", "LOCK TABLE {} IN SHARE MODE"),
    "mariadb": ("SELECT 1 FROM {} WHERE {} LOCK IN SHARE MODE", "SELECT 1 FROM {} LOCK IN SHARE MODE"),
}


@dataclass(frozen=True, slots=True)
class Held:
    """What the other session holds: one row, or a whole table where the Call adds to it."""

    table: str
    key: tuple[tuple[str, object], ...] = ()

    def statement(self, sandbox: HostedSandbox) -> tuple[str, tuple[object, ...] | None]:
        """What takes it in a transaction."""
        of_row, of_table = _LOCKS[sandbox.engine_name]
        place = sandbox.shapes[self.table].place
        if not self.key:
            return of_table.format(place), None
        where = " AND ".join(f"{sandbox.quoted(column).replace('%', '%%')} = %s" for column, _ in self.key)
        return of_row.format(place.replace("%", "%%"), where), tuple(value for _, value in self.key)


def to_hold(sandbox: HostedSandbox, changes: Collection[RowChange]) -> list[Held]:
    """What the clean run changes, row by row; a table that gets new rows as a whole."""
    found: list[Held] = []
    for change in changes:
        held = Held(change.table, change.key if change.before is not None else ())
        if change.table in sandbox.shapes and held not in found:
            found.append(held)
    return found[:_HELD_MAX]


def kills_amid(several: Collection[Call], held: Sequence[Held]) -> list[Strike]:
    """A kill for each Call that commits several times, and each thing that it may wait for.

    Args:
        several: these Calls.
        held: what to hold; a single thing is what the first commit changes.
    """
    whats = list(enumerate(held, start=1)) if len(held) > 1 else []
    return [
        Strike(_killed_while(what), call.index, state=f"{number}.{len(held)}")
        for call in several
        for number, what in whats
    ]


def not_killed(cells: Mapping[tuple[str, str], Collection[Mode | Misfit]]) -> list[str]:
    """Why a Call was not killed amid it, in words.

    Args:
        cells: (fault, kind of Call) → how it struck, or why it did not.
    """
    seen = {each for (fault, _), found in cells.items() if fault == AMID for each in found}
    misfits = sorted({each.reason for each in seen if isinstance(each, Misfit)})
    return [f"the server was not killed amid each call: {reason}" for reason in misfits]


def _killed_while(held: Held) -> Fault:
    def strike(pending: PendingCall, context: FaultContext) -> None:
        sandbox = hosted(context)
        number = sandbox.session_of(context.wire(pending).connection)
        other = sandbox.connect_beside()
        answered = threading.Event()
        killer = threading.Thread(target=_kill_when_it_waits, args=(sandbox, number, answered))
        try:
            _take(other, *held.statement(sandbox))
            killer.start()
            try:
                pending.perform()
            finally:
                answered.set()
                killer.join()
                sandbox.revive_server()
        finally:
            sandbox.leave_beside(other)

    sentence = "the server is killed while {call} waits for what another session holds"
    ways = dict.fromkeys(_LOCKS, settled_before(strike))
    return cast("Fault", SimpleFault(AMID, sentence, SENT, ways, rarity=Rarity.RARE))


def _take(session: Any, statement: str, values: tuple[object, ...] | None) -> None:
    cursor = session.cursor()
    cursor.execute("BEGIN")
    hold(lambda: cursor.execute(statement, values))


def _kill_when_it_waits(sandbox: HostedSandbox, number: int | None, answered: threading.Event) -> None:
    """Kill it at the latest when the Call was answered: it did not need what is held."""
    rounds = int(_WAIT_S_MAX / _ASK_S)
    for _ in range(rounds):
        if answered.wait(_ASK_S) or (number is not None and sandbox.is_blocked(number)):
            break
    sandbox.kill_server()
