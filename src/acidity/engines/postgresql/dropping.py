"""Databases and roles that go: those of a check at its end, and those of processes that are gone."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from acidity.engines.orphans import PREFIX, owner_is_gone

Ask = Callable[..., list[tuple[Any, ...]]]  # of a statement and its parameters, on no database that is to go

_LEAVES_S = 1.0  # how long a session may take to end before CREATE or DROP DATABASE is let find it


def wait_until_left(ask: Ask, database: str) -> None:
    """Wait until nobody is connected: CREATE and DROP DATABASE sleep for 100 ms if a session is just ending."""
    deadline = time.monotonic() + _LEAVES_S
    while ask("SELECT FROM pg_stat_activity WHERE datname = %s", (database,)) and time.monotonic() < deadline:
        time.sleep(0.001)  # it takes about one


def drop(ask: Ask, database: str) -> None:
    """Drop a database, and end what is connected to it."""
    ask("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (database,))
    wait_until_left(ask, database)
    ask(f"DROP DATABASE IF EXISTS {_quoted(database)} WITH (FORCE)")


def sweep(ask: Ask, connect: Callable[[str], Any], lives: Callable[[str], bool]) -> None:
    """Drop databases and roles whose owner is gone; one with a prepared transaction cannot be dropped.

    Args:
        ask: sends a statement.
        connect: an administrator's connection to a database.
        lives: whether a session of an owner on another host is there.
    """
    import psycopg

    left = ask("SELECT database, gid FROM pg_prepared_xacts WHERE starts_with(database, %s)", (PREFIX,))
    for name, gid in left:
        if owner_is_gone(name, lives):
            with suppress(psycopg.Error), connect(name) as connection:  # another process may be faster
                connection.execute("ROLLBACK PREPARED '" + gid.replace("'", "''") + "'")
    for (name,) in ask(f"SELECT datname FROM pg_database WHERE starts_with(datname, '{PREFIX}')"):
        if owner_is_gone(name, lives):
            with suppress(psycopg.errors.ObjectInUse):  # somebody came since: never by force
                ask(f"DROP DATABASE IF EXISTS {_quoted(name)}")
    for (name,) in ask(f"SELECT rolname FROM pg_roles WHERE starts_with(rolname, '{PREFIX}')"):
        if owner_is_gone(name, lives):
            with suppress(psycopg.errors.DependentObjectsStillExist, psycopg.errors.InsufficientPrivilege):
                ask(f"DROP ROLE IF EXISTS {_quoted(name)}")


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
