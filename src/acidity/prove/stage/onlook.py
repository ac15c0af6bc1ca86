"""Read what a run left: the rows, a stranger's unit of work on the same pools, and the rows again (DESIGN §5)."""

from __future__ import annotations

import gc
from collections.abc import Mapping, Sequence
from functools import partial

from acidity.adapters.base import Adapters
from acidity.core.outcome import Ending
from acidity.engines.base import Ground, Sandbox
from acidity.prove.stage.host import Host
from acidity.prove.stage.quiet import quiet
from acidity.prove.stage.run import Seen
from acidity.prove.stage.stranger import Encounter, meet, open_transactions


class Onlooker:
    """Looks at the databases of a check over connections that no operation uses.

    Args:
        sandbox: all databases as one.
        parts: each of them by name.
        adapters: know what the run has opened.
    """

    def __init__(self, sandbox: Ground, parts: Mapping[str, Sandbox], adapters: Adapters) -> None:
        self._sandbox = sandbox
        self._parts = parts
        self._adapters = adapters

    def look(self, host: Host, endings: Sequence[Ending]) -> Seen:
        """Look, let a stranger work, and look again.

        Args:
            host: where the drivers of the run can be used.
            endings: how its callers ended.
        """
        host.sync(partial(self._settle, endings))
        first = self._sandbox.look()
        encounter = self._meet_stranger(host)
        second = self._sandbox.look()
        beyond = tuple(dict.fromkeys((*first.beyond, *second.beyond)))
        return Seen(first.state, second.state, encounter, first.locked_out, self._sandbox.in_doubt(), beyond)

    def _settle(self, endings: Sequence[Ending]) -> None:
        """Let drivers finish, and garbage be collected: what only waits for the collector is no leak of the user's."""
        for part in self._parts.values():
            part.settle(self._adapters.opened(part))
        left_open = any(open_transactions(self._adapters.opened(part), part) for part in self._parts.values())
        if left_open or any(ending.cancelled for ending in endings):
            with quiet():
                gc.collect()

    def _meet_stranger(self, host: Host) -> Encounter:
        met = (host.sync(partial(self._encounter, part, host)) for part in self._parts.values())
        return sum(met, Encounter())

    def _encounter(self, part: Sandbox, host: Host) -> Encounter:
        opened = open_transactions(self._adapters.opened(part), part)
        all_engines = self._adapters.engines_of(part)
        engines = [each for each in all_engines if host.asynchronous or not each.dialect.is_async]
        with quiet():
            met = meet(engines, part, beside=self._adapters.strangers(part))
        return met.with_open(opened).at(part.name)
