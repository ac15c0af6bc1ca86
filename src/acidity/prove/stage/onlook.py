"""Read what a run left: the rows, a stranger's unit of work on the same pools, and the rows again (DESIGN §5)."""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import partial

from acidity.adapters.base import Adapters
from acidity.analysis.canonical import equal_raw
from acidity.core.outcome import Ending
from acidity.engines.base import Ground, Sandbox
from acidity.engines.sandbox import Look
from acidity.prove.stage.call import Player
from acidity.prove.stage.host import Host
from acidity.prove.stage.looks import LOCKED_OUT, look_past
from acidity.prove.stage.quiet import quiet
from acidity.prove.stage.rest import Rest
from acidity.prove.stage.run import Seen
from acidity.prove.stage.stranger import Encounter, meet, open_transactions


class Onlooker:
    """Looks at the databases of a check over connections that no operation uses.

    Args:
        sandbox: all databases as one.
        parts: each of them by name.
        adapters: know what the run has opened.
        limiting: gives what is done in its context as much time as a run.
    """

    def __init__(
        self,
        sandbox: Ground,
        parts: Mapping[str, Sandbox],
        adapters: Adapters,
        limiting: Callable[[str], AbstractContextManager[None]],
    ) -> None:
        self._sandbox = sandbox
        self._parts = parts
        self._adapters = adapters
        self._limiting = limiting
        self._rest = Rest(parts, adapters)

    def lets_go_on(self, players: Sequence[Player]) -> bool:
        """Whether the calling actor may be given a session that another run has left at rest."""
        return self._rest.lets_go_on(players)

    def look(self, host: Host, players: Sequence[Player], endings: Sequence[Ending], *, unseen: bool) -> Seen:
        """Look, let a stranger work, and look again; the second half only where it can be of any use (`rest`).

        Args:
            host: where the drivers of the run can be used.
            players: its callers.
            endings: how they ended.
            unseen: something passed the seam that nobody has seen.
        """
        certain = not (unseen or host.asynchronous or _cancelled(endings))
        foretold = certain and self._rest.foretold(players)
        if not (foretold and self._rest.is_proven(players)):
            host.sync(self._settle)
            foretold = certain and self._rest.foretold(players)
        if foretold and self._rest.is_proven(players):
            look = look_past(self._sandbox, self._parts)
            met = _also_locked_out(Encounter(), look)
            return Seen(look.state, look.state, met, look.locked_out, (), look.beyond, at_rest=not look.locked_out)
        host.sync(partial(self._collect, endings))
        first = look_past(self._sandbox, self._parts)
        encounter = _also_locked_out(self._meet_stranger(host), first)
        second = look_past(self._sandbox, self._parts)
        if foretold:
            held = encounter == Encounter() and equal_raw(first.state, second.state) and not first.locked_out
            self._rest.learn(players, held=held)
        beyond = tuple(dict.fromkeys((*first.beyond, *second.beyond)))
        return Seen(first.state, second.state, encounter, first.locked_out, self._sandbox.in_doubt(), beyond)

    def _settle(self) -> None:
        """Let drivers finish."""
        for part in self._parts.values():
            part.settle(self._adapters.opened(part))

    def _collect(self, endings: Sequence[Ending]) -> None:
        """Let garbage be collected: what only waits for the collector is no leak of the user's."""
        left_open = any(open_transactions(self._adapters.opened(part), part) for part in self._parts.values())
        if left_open or _cancelled(endings):
            with quiet():
                gc.collect()

    def _meet_stranger(self, host: Host) -> Encounter:
        """Hooks of the program's on its pools are called, and may wait."""
        with self._limiting("who takes a connection of the program's pools next"):
            met = [host.sync(partial(self._encounter, part, host)) for part in self._parts.values()]
        return sum(met, Encounter())

    def _encounter(self, part: Sandbox, host: Host) -> Encounter:
        opened = open_transactions(self._adapters.opened(part), part)
        all_engines = self._adapters.engines_of(part)
        engines = [each for each in all_engines if host.asynchronous or not each.dialect.is_async]
        with quiet():
            met = meet(engines, part, beside=self._adapters.strangers(part))
        return met.with_open(opened).at(part.name)


def _also_locked_out(met: Encounter, look: Look) -> Encounter:
    """What kept acidity from reading stops everybody, also where a stranger meets it no more."""
    return replace(met, stopped=met.stopped or LOCKED_OUT) if look.locked_out else met


def _cancelled(endings: Sequence[Ending]) -> bool:
    return any(ending.cancelled for ending in endings)
