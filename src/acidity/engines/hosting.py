"""Which server a Sandbox is made on: shared or dedicated, held by this process, and through which drivers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module

from acidity.core.packages import missing
from acidity.engines.server import Server
from acidity.errors import EngineUnavailable, UsageError


def split_settings(settings: Mapping[str, str]) -> tuple[bool, dict[str, str]]:
    """Whether a dedicated server is asked for (``acidity.server=dedicated``), and the settings for the database.

    Raises:
        UsageError: another value, or another setting of acidity's own.
    """
    own = {name: value for name, value in settings.items() if name.startswith("acidity.")}
    if own and own not in ({"acidity.server": "dedicated"}, {"acidity.server": "shared"}):
        raise UsageError(f"of acidity's own settings there is only acidity.server=dedicated|shared, not {own}")
    others = {name: value for name, value in settings.items() if name not in own}
    return own.get("acidity.server") == "dedicated", others


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
