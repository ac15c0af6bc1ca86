"""Which Call can have left what is there: one that changed nothing, such as CREATE TABLE IF NOT EXISTS, left nothing.

Pure. No database says it of a single statement, so it is read off the tables that differ and the text. What can be told
from neither, such as a procedure, counts as if it had.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection

from acidity.core.call import Call, Writes
from acidity.core.lexis import NEUTRAL
from acidity.core.outcome import State, Table

_OF_SCHEMA = re.compile(r"(create|drop|alter|rename)\b", re.IGNORECASE)


class Left:
    """What differs between two States.

    Args:
        before: the rows before.
        after: what is there.
        counted: whether the rows of a table are compared; all are unless this is given.
    """

    def __init__(self, before: State, after: State, counted: Callable[[str], bool] = lambda _: True) -> None:
        tables = {name: (before.tables.get(name), after.tables.get(name)) for name in {*before.tables, *after.tables}}
        self._schema = any(_altered(*both) for both in tables.values())
        changed = [name for name, (then, now) in tables.items() if then != now and counted(name)]
        self._names = naming(changed)

    def may_be_of(self, call: Call) -> bool:
        """Whether a write can have left some of it."""
        parts = NEUTRAL.parts(call.sql)
        if not parts or call.writes is Writes.PERHAPS or (call.opaque and len(parts) == 1):
            return True
        return any(self._schema if _OF_SCHEMA.match(part) else self._is_named_in(part) for part in parts)

    def kept_schema(self, call: Call) -> bool:
        """Whether a write was to change the schema alone, and the schema is as it was."""
        parts = NEUTRAL.parts(call.sql) if call.schema and call.writes is Writes.YES else ()
        return bool(parts) and not self._schema and all(_OF_SCHEMA.match(part) for part in parts)

    def _is_named_in(self, statement: str) -> bool:
        return self._names is not None and self._names.search(statement) is not None


def naming(tables: Collection[str]) -> re.Pattern[str] | None:
    """What finds the name of any of these tables in a text, without that of its schema; None for no table."""
    names = "|".join(re.escape(name.rpartition(".")[2]) for name in sorted(tables))
    return re.compile(rf"(?<![\w$])(?:{names})(?![\w$])", re.IGNORECASE) if names else None


def _altered(then: Table | None, now: Table | None) -> bool:
    """Whether a table came, went or has other columns, or a catalogue of the engine says something else."""
    if then is None or now is None:
        return True
    return then.columns != now.columns or (bool(then.describes) and then != now)
