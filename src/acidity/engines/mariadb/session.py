"""What a session of MariaDB keeps beyond its transactions: locks of GET_LOCK and temporary tables.

MariaDB says how many locks a session holds (and lets go of them when it does), whether a session holds the lock of a
given name, and what a table of a given name is. It lists neither locks nor, before 11.2, temporary tables. So names are
taken from what the run has sent, and each is asked for; a text alone decides nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

from acidity.core.call import Call
from acidity.core.row import cells_of
from acidity.engines.session import Left, LeftKind

_TEMPORARY = re.compile(
    r"\bTEMPORARY\s+TABLE\s+(?:IF\s+NOT\s+EXISTS\s+)?((?:(?:`(?:[^`]|``)+`|[\w$]+)\s*\.\s*)?(?:`(?:[^`]|``)+`|[\w$]+))",
    re.IGNORECASE,
)
_TEXT = re.compile(r"'((?:[^'\\]|''|\\.)*)'|\"((?:[^\"\\]|\"\"|\\.)*)\"")


def names_in(calls: Iterable[Call]) -> set[Left]:
    """The locks and temporary tables that these Calls may speak of."""
    found: set[Left] = set()
    for call in calls:
        if "get_lock" in call.sql.casefold():
            texts = [first or second for first, second in _TEXT.findall(call.sql)]
            found |= {Left(LeftKind.LOCK, text) for text in (*texts, *_texts(call.params))}
        found |= {Left(LeftKind.TABLE, name) for name in _TEMPORARY.findall(call.sql)}
    return found


def _texts(params: Any) -> Iterable[str]:
    """The texts among the parameters of a Call, also of one that was made many times."""
    values = params.values() if isinstance(params, Mapping) else params if isinstance(params, list | tuple) else ()
    for value in values:
        if isinstance(value, str):
            yield value
        else:
            yield from _texts(value)


def left_on(dbapi_connection: Any, named: Iterable[Left]) -> tuple[Left, ...]:
    """Ask the session itself; it holds no lock of GET_LOCK any more afterwards.

    Args:
        dbapi_connection: the driver's connection, or SQLAlchemy's adapter of an async one.
        named: what it may hold, from `names_in`.

    Returns:
        What it holds, sorted; a lock whose name is not known has none.
    """
    cursor = dbapi_connection.cursor()
    try:
        found = {each for each in named if _is_there(cursor, each)}
        cursor.execute("SELECT RELEASE_ALL_LOCKS()")
        count = int(cells_of(cursor.fetchone())[0])  # a lock counts as often as it was taken
        if count and not any(each.kind is LeftKind.LOCK for each in found):
            found.add(Left(LeftKind.LOCK, ""))
        return tuple(sorted(found, key=str))
    finally:
        cursor.close()


def _is_there(cursor: Any, left: Left) -> bool:
    if left.kind is LeftKind.LOCK:
        cursor.execute("SELECT IS_USED_LOCK(%s) = CONNECTION_ID()", (left.name,))
        return bool(cells_of(cursor.fetchone())[0])
    with suppress(Exception):  # there is no such table, which every driver says in its own way
        cursor.execute(f"SHOW CREATE TABLE {left.name}")
        return str(cells_of(cursor.fetchone())[1]).startswith("CREATE TEMPORARY")
    return False
