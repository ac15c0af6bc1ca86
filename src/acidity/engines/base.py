"""What the rest of acidity knows of a database: an `Engine` (what it is) and a `Sandbox` (a throw-away one on it)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from acidity.core.report import EngineInfo
from acidity.engines.access import Access
from acidity.engines.facts import Facts, Patience
from acidity.engines.sandbox import Ground, Life, Look, Unsettled

__all__ = ["Access", "Engine", "Facts", "Ground", "Life", "Look", "Patience", "Sandbox", "Unsettled"]


class Sandbox(Facts, Patience, Life, Access, Protocol):
    """All of them; whoever needs one should ask for that one."""


class Engine(Protocol):
    """A database engine.

    Attributes:
        name: of it.
        levels: the isolation levels that a check can impose on it, the weakest first, each once whatever it is called;
            none where it has but one.
        accepts: what may be asked for as a level, whatever it does there.
    """

    name: str
    levels: tuple[str, ...]
    accepts: tuple[str, ...]

    def sandbox(self, settings: Mapping[str, str], driver: str = "", url: str = "") -> Sandbox:
        """A new, empty Sandbox.

        Args:
            settings: settings of the database.
            driver: the driver of the engines that acidity makes; empty for the usual one.
            url: of a server that lets acidity create databases; empty for one that acidity finds or starts.

        Raises:
            EngineUnavailable: the engine cannot be started here.
            UsageError: a setting or the driver is not known.
        """

    def doctor(self) -> EngineInfo:
        """Version, driver and the settings in effect by default.

        Raises:
            EngineUnavailable: the engine cannot be started here.
        """
