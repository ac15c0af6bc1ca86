"""Which server a Sandbox is made on: shared or dedicated, held by this process, and through which drivers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module

from acidity.core.packages import missing
from acidity.engines.server import Server
from acidity.errors import EngineUnavailable, UsageError

_OF_THE_SERVER = frozenset(
    {
        "commit_delay",
        "fsync",
        "full_page_writes",
        "innodb_doublewrite",
        "innodb_flush_log_at_timeout",
        "innodb_flush_log_at_trx_commit",
        "innodb_flush_method",
        "sync_binlog",
        "wal_sync_method",
        "wal_writer_delay",
    }
)
"""What no session can set for itself, and durability depends on: a server of its own is started with it."""


@dataclass(frozen=True, slots=True)
class Split:
    """Settings by whom they concern.

    Attributes:
        dedicated: a dedicated server is asked for (``acidity.server=dedicated``).
        on_disk: its files lie outside of ``/dev/shm`` (``acidity.server=on-disk``), where MariaDB maps its log into
            memory, so that a killed server loses nothing of it.
        server: of the server, given when it is started; servers that are alike are shared.
        session: of every session.
    """

    dedicated: bool
    on_disk: bool
    server: dict[str, str]
    session: dict[str, str]

    def key(self, url: str) -> str:
        """Equal where one server will do."""
        return " ".join([url, *(f"{name}={value}" for name, value in sorted(self.server.items()))])


def split_settings(settings: Mapping[str, str]) -> Split:
    """The settings of a check, by whom they concern.

    Raises:
        UsageError: another value, or another setting of acidity's own.
    """
    own = {name: value for name, value in settings.items() if name.startswith("acidity.")}
    where = own.get("acidity.server", "shared")
    if own.keys() - {"acidity.server"} or where not in {"dedicated", "on-disk", "shared"}:
        raise UsageError(f"of acidity's own settings there is only acidity.server=dedicated|on-disk|shared, not {own}")
    others = {name: value for name, value in settings.items() if name not in own}
    server = {name: value for name, value in others.items() if name.lower().replace("-", "_") in _OF_THE_SERVER}
    session = {name: value for name, value in others.items() if name not in server}
    return Split(where != "shared", where == "on-disk", server, session)


def drivers_of(engine: str, driver: str, pairs: Mapping[str, tuple[str, str]]) -> tuple[str, str]:
    """The sync and the async driver that a name such as ``postgresql+asyncpg`` asks for.

    Raises:
        UsageError: the driver is not known.
    """
    if driver not in pairs:
        raise UsageError(
            f"{engine}+{driver}: not a known driver; there are: {', '.join(name for name in pairs if name)}"
        )
    return pairs[driver]


def module_of(driver: str) -> str:
    """The module of a driver by its name in URLs.

    >>> module_of("mysqldb"), module_of("psycopg")
    ('MySQLdb', 'psycopg')
    """
    return {"mysqldb": "MySQLdb"}.get(driver, driver)


_held: dict[tuple[str, str], Server] = {}


def hold(engine: str, url: str, start: Callable[[], Server]) -> Server:
    """The server that this process holds for an engine, so that not every Sandbox starts and stops one."""
    server = _held.get((engine, url))
    if server is None or not server.lives():
        server = _held[engine, url] = start()
    return server


def require_driver(module: str) -> None:
    """A driver that acidity itself needs to look at the rows, or to give an operation what it asks for.

    Raises:
        EngineUnavailable: it is not installed.
    """
    try:
        import_module(module)
    except ImportError:
        raise EngineUnavailable(missing(module)) from None
