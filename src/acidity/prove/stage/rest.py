"""Whether a run has left nothing for a stranger to commit, to be stopped by or to find: then nobody has to try.

A stranger's commit on a pooled connection changes rows only by what was there before it: a transaction that is still
open, work that still goes on, or code of the program that runs whenever a connection is taken, used or given back. It
is stopped only by a lock, an exhausted pool or a connection that cannot be used, and finds only what a session keeps.
Each of these is asked of whoever knows it:

- the database says that no transaction is open, prepared or at work, and holds no lock of anybody's (`Facts.at_rest`):
  not only on connections that acidity knows;
- every open connection lies in a pool of SQLAlchemy's own kind, and none is checked out;
- no listener of the program hears of those pools, engines or dialects;
- all Calls only read and wrote rows and ended transactions (`speech.touches_rows_alone`), none of them passed the seam
  unseen: what outlives a transaction (a temporary table or trigger, a lock of a session, a setting, an attached
  database) is made by other words, or found by `at_rest`;
- no thread and no task has come to the process since the check began.

Wherever one of them cannot be said, the stranger comes. He also comes in the first runs of each operation, where he is
the measure of all this: had he once met or changed anything although all was at rest (a statement trigger of
PostgreSQL on the very table that he writes to), he comes ever after.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence

from acidity.adapters.base import Adapters
from acidity.adapters.seam import current_actor
from acidity.core.call import Event, Kind
from acidity.engines.base import Sandbox
from acidity.engines.speech import touches_rows_alone
from acidity.prove.stage.call import Player

_PROVEN = 2  # runs of an operation in which the stranger changed nothing, as foretold: the two clean runs of a check


class Rest:
    """Tells after each run whether all is at rest, and learns from those in which the stranger came all the same.

    Args:
        parts: the databases by name.
        adapters: know what the run has opened.
    """

    def __init__(self, parts: Mapping[str, Sandbox], adapters: Adapters) -> None:
        self._parts = parts
        self._adapters = adapters
        self._threads = frozenset(threading.enumerate())
        self._proven: dict[str, int] = {}
        self._refuted = False

    def foretold(self, players: Sequence[Player]) -> bool:
        """Whether a stranger would meet nothing and change nothing; not, as long as something is at work.

        Args:
            players: who has played; each Call is in the History of one of them.
        """
        if self._refuted or any(player.needs.in_child for player in players):
            return False
        if not all(self._kept_to_rows(player.actor.events) for player in players) or self._has_company():
            return False
        return all(self._is_at_rest(part) for part in self._parts.values())

    def is_proven(self, players: Sequence[Player]) -> bool:
        """Whether the stranger has come to these operations often enough."""
        return all(self._proven.get(player.operation.name, 0) >= _PROVEN for player in players)

    def lets_go_on(self, players: Sequence[Player]) -> bool:
        """Whether the calling actor may be given a session that another run has left at rest.

        As its first connection only, while no fault has struck and all Calls of all players only read or wrote rows:
        whatever else was done may be meant to concern every session that is opened after it.
        """
        actor = current_actor()
        if actor is None or actor.events or self._refuted or not self.is_proven(players):
            return False
        events = [event for player in players for event in player.actor.events]
        return not any(event.fault for event in events) and self._kept_to_rows(events)

    def learn(self, players: Sequence[Player], *, held: bool) -> None:
        """The stranger came although all was at rest; `held` is whether that changed and showed nothing."""
        self._refuted = self._refuted or not held
        for player in players:
            self._proven[player.operation.name] = self._proven.get(player.operation.name, 0) + 1

    def _kept_to_rows(self, events: Iterable[Event]) -> bool:
        calls = (event.call for event in events if event.call.kind is not Kind.EFFECT)
        return all(touches_rows_alone(self._parts[call.database].engine_name, call.kind, call.sql) for call in calls)

    def _has_company(self) -> bool:
        """Whether a thread has come since the check began; those of acidity itself work for nobody."""
        others = (thread for thread in threading.enumerate() if thread not in self._threads)
        return any(not thread.name.startswith("acidity-") for thread in others)

    def _is_at_rest(self, part: Sandbox) -> bool:
        pooled = self._adapters.pooled(part)
        return pooled is not None and part.at_rest(self._adapters.opened(part)) == pooled
