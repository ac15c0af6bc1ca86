"""Bait: the rows and locks that a fault puts in the way of a program, where none of the program's own can be.

Tables stand in a schema (PostgreSQL) or database (MariaDB) whose name carries the token of the Sandbox. Advisory locks
have keys of a range that is kept for acidity, at a place in it that is the Sandbox's. No fault makes a savepoint, a
temporary table, a prepared statement or a named lock, whose names belong to the program.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from zlib import crc32

from acidity.engines.hosted import HostedSandbox
from acidity.prove.faults.base import NotApplicable

_PER_SANDBOX = 1 << 8
KEYS = range(-(0x53E2 << 48), -(0x53E2 << 48) + (1 << 32) * _PER_SANDBOX)  # far from counters, ids and small hashes
WAIT_MS_MAX = 5_000  # for a lock that nobody else can hold; if somebody does, the run goes on without the fault


def table(sandbox: HostedSandbox, name: str) -> str:
    """A table or function of the bait, as a statement names it."""
    return f"{sandbox.quoted(sandbox.bait)}.{name}"


def advisory_key(database: str, number: int) -> int:
    """The key of an advisory lock of ours on PostgreSQL.

    Args:
        database: the name of the database; it is made for one Sandbox only.
        number: which of its locks, below 256.

    Returns:
        A 64-bit integer out of `KEYS`.
    """
    return KEYS.start + crc32(database.encode()) * _PER_SANDBOX + number


def hold(take: Callable[[], Any]) -> None:
    """Let a second session take a lock of ours, which is free unless something is wrong.

    Args:
        take: asks for the lock, with a time-out.

    Raises:
        NotApplicable: it did not get the lock; the program's own Call has not been touched.
    """
    try:
        take()
    except Exception as error:  # every driver has its own
        raise NotApplicable(f"the lock that was to be in the way could not be taken: {error}") from None
