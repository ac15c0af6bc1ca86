"""Which connections of one run the next one may use: those of which the database says that all is at rest."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from acidity.adapters.base import Adapters
from acidity.core.call import Call, Kind
from acidity.engines.base import Sandbox
from acidity.engines.speech import touches_rows_alone
from acidity.prove.stage.quiet import quiet

_OF_ONE_TRANSACTION = re.compile(r"\s*set\s+(?:local|transaction|constraints)\b[^;]*;?\s*", re.IGNORECASE)


class Recycler:
    """Keeps connections over a reset, because opening one costs more than a run.

    A session that was told something that outlives its transactions is another one than before: a caller of the next
    run would find its level, its time limit or its lock set, and which connection a pool gives it is chance.

    Args:
        parts: the databases by name.
        adapters: know what the run has opened.
    """

    def __init__(self, parts: Mapping[str, Sandbox], adapters: Adapters) -> None:
        self._parts = parts
        self._adapters = adapters
        self._as_new = True  # no session was told anything that outlives its transactions

    def after_run(self, made: Iterable[Call]) -> None:
        """Close everything unless all of it lies in pools, idle; what was left open is rolled back by that.

        Args:
            made: the Calls of the run.
        """
        self._as_new = self._as_new and all(map(self._leaves_a_session_as_it_was, made))
        if all(self._rests(part) for part in self._parts.values()):
            return
        self._forget()
        for part in self._parts.values():  # a server may still be at it
            part.settle(())

    def before_reset(self) -> None:
        """Close what would not see the rows before again, or is not as it was opened; who goes on after another caller
        in the same run finds what that has left.
        """
        if not self._as_new or not all(part.lasting for part in self._parts.values()):
            self._forget()
        self._as_new = True

    def _rests(self, part: Sandbox) -> bool:
        pooled = self._adapters.pooled(part)
        return pooled is not None and part.at_rest(self._adapters.opened(part)) == pooled

    def _leaves_a_session_as_it_was(self, call: Call) -> bool:
        if call.kind is not Kind.STATEMENT or _OF_ONE_TRANSACTION.fullmatch(call.sql):
            return True
        return touches_rows_alone(self._parts[call.database].engine_name, call.kind, call.sql)

    def _forget(self) -> None:
        with quiet():
            self._adapters.forget()
