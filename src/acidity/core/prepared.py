"""Control over prepared transactions: PREPARE TRANSACTION, XA PREPARE, and SQLAlchemy's two-phase calls.

A program makes a new name for each transaction that it prepares, so their texts differ from run to run. MariaDB lists
prepared transactions of the whole server and does not say in which database they wrote: ours can only be told by the
names that our own Calls gave them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from acidity.core.call import Call, History, Kind
from acidity.core.lexis import NEUTRAL

_CONTROL = re.compile(
    r"xa\s+\w+|prepare\s+transaction|(commit|rollback)\s+prepared|(prepare|commit|rollback)(?=\s+\S{16,}$)",
    re.IGNORECASE,
)
_NAMES = re.compile(
    r"""(?:0x|x')(?P<hex>[0-9a-f]+)'?|'(?P<single>(?:[^']|'')*)'|"(?P<double>(?:[^"]|"")*)"|(?P<bare>[\w-]+)""",
    re.IGNORECASE,
)
_WORDS = {"xa", "prepare", "transaction"}


@lru_cache(maxsize=4096)
def without_names(sql: str) -> str:
    """The text; of control over a prepared transaction, only its first words.

    >>> without_names("XA PREPARE 'f00', 'orders'"), without_names("SELECT 'f00'")
    ('XA PREPARE', "SELECT 'f00'")
    """
    named = _CONTROL.match(NEUTRAL.bare(sql))
    return named[0] if named else sql


def commits_prepared(sql: str) -> bool:
    """Whether this text commits a transaction that was prepared before, which the database has promised to do.

    >>> commits_prepared("COMMIT PREPARED 'f00'"), commits_prepared("COMMIT"), commits_prepared("XA COMMIT 1 ONE PHASE")
    (True, False, False)
    """
    words = without_names(sql)
    return words != sql and "commit" in words.lower() and "one phase" not in sql.lower()


def prepares(call: Call) -> bool:
    """Whether this Call prepares a transaction, alone or among other statements."""
    return call.kind is Kind.PREPARE or "prepare" in call.sql.lower()


def names_in(history: History) -> frozenset[bytes]:
    """Every word that may be a part of the names of what was prepared; one that is none of them does no harm.

    Args:
        history: the Calls of a run.

    Returns:
        Names of transactions and of their branches, as bytes.
    """
    return frozenset(name for event in history if prepares(event.call) for name in names_of(event.call))


def names_of(call: Call) -> Iterator[bytes]:
    """The literals, words and parameters of one Call."""
    for found in _NAMES.finditer(call.sql):
        if found["hex"]:
            yield bytes.fromhex(found["hex"] if len(found["hex"]) % 2 == 0 else "0" + found["hex"])
        elif found["single"] is not None:
            yield found["single"].replace("''", "'").encode()
        elif found["double"] is not None:
            yield found["double"].replace('""', '"').encode()
        elif found["bare"].lower() not in _WORDS:
            yield found["bare"].encode()
    yield from _leaves(call.params)


def _leaves(value: Any) -> Iterator[bytes]:
    if isinstance(value, bytes | bytearray):
        yield bytes(value)
    elif isinstance(value, str):
        yield value.encode()
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _leaves(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _leaves(item)
