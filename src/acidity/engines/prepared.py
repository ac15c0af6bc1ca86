"""How a run calls the transactions that it prepares: PREPARE TRANSACTION, XA PREPARE, and SQLAlchemy's two-phase calls.

MariaDB lists prepared transactions of the whole server and does not say in which database they wrote, so that ours can
only be told by the names that our own Calls gave them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from acidity.core.call import Call, History, Kind

_NAMES = re.compile(
    r"""(?:0x|x')(?P<hex>[0-9a-f]+)'?|'(?P<single>(?:[^']|'')*)'|"(?P<double>(?:[^"]|"")*)"|(?P<bare>[\w-]+)""",
    re.IGNORECASE,
)
_WORDS = {"xa", "prepare", "transaction"}


def names_in(history: History) -> frozenset[bytes]:
    """Everything that may be a part of such a name; a word too many harms nobody, a word too few would.

    Args:
        history: the Calls of a run.

    Returns:
        Names of transactions and their branches, as bytes.
    """
    return frozenset(name for event in history if prepares(event.call) for name in names_of(event.call))


def prepares(call: Call) -> bool:
    """Whether this Call prepares a transaction, alone or among other statements."""
    return call.kind is Kind.PREPARE or "prepare" in call.sql.lower()


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
