"""The two protocols of a database engine: `Engine` (what it is) and `Sandbox` (a throw-away database on it)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from acidity.core.call import History
from acidity.core.outcome import State, Violation
from acidity.core.report import EngineInfo


@dataclass(frozen=True, slots=True)
class Look:
    """What an independent connection saw.

    Attributes:
        state: the committed rows.
        locked_out: an open transaction kept every other reader out; the rows were read past its lock.
    """

    state: State
    locked_out: bool = False


class Unsettled(BaseException):
    """Something still works on what was asked of it; a verdict (unknown) that no ``except Exception`` may swallow."""


class Ground(Protocol):
    """What a check stands on: one throw-away database, or several that are asked together."""

    def reset(self) -> None:
        """Bring the rows before back, whatever a run did; nobody is connected."""

    def look(self) -> Look:
        """Read every table over an independent connection."""

    def close(self) -> None:
        """Drop the database and everything that belongs to it; may be called twice."""

    def info(self) -> EngineInfo:
        """Engine, version and the settings that a report must name."""

    def violations(self) -> tuple[Violation, ...]:
        """Rows that break a declared constraint, checked anew even where the engine does not enforce it."""

    def constraints(self) -> int:
        """How many constraints the schema declares."""

    def remember(self, history: History) -> None:
        """These Calls were made: they tell how a run calls the transactions that it prepares."""

    def in_doubt(self) -> tuple[str, ...]:
        """The names of prepared transactions that nobody has decided; `reset` and `close` roll them back."""

    def through_proxy(self) -> AbstractContextManager[Any]:
        """Connections made in this context go through a proxy that can cut them, where there is a wire."""

    def unseen(self) -> AbstractContextManager[None]:
        """What the driver does in this context is acidity's or the pool's own."""

    def watch(self, refuse: Callable[[str], None]) -> AbstractContextManager[list[str]]:
        """Notice connections and statements that bypass the seam; gives the list that fills up."""


class Sandbox(Ground, Protocol):
    """A throw-away database that acidity created: seeded, reset, read and dropped by it, and by nobody else.

    Attributes:
        engine_name: of its engine.
        name: what the scenario calls it; empty where it is the only one.
    """

    engine_name: str
    name: str

    def url(self, *, asynchronous: bool = False) -> str:
        """The SQLAlchemy URL of this database."""

    def dsn(self, *, asynchronous: bool = False) -> Any:
        """What the connect function of the driver takes: a path, a URL of libpq, or keyword arguments."""

    def driver(self, *, asynchronous: bool = False) -> str:
        """The module of the driver that acidity connects with."""

    def create(self, schema: Callable[[Any], None], setup: Callable[[Any], Any] | None) -> State:
        """Make the tables, write the rows before, and keep them as what `reset` returns to."""

    def before_url(self) -> str:
        """A URL of the rows before, read-only."""

    def traits(self) -> Mapping[str, Any]:
        """Facts about this database on which faults depend (``journal_mode``, ``deferred``, …)."""

    def connect_beside(self) -> Any:
        """A second driver connection for a real fault; `close` of the sandbox ends it at the latest."""

    # For adapters

    def connect(self, dialect: Any, cparams: dict[str, Any]) -> Any:
        """A connection of this dialect to the Sandbox, for an engine that is redirected."""

    def open(self, dialect: Any, cargs: Any, cparams: Any) -> Any:
        """A connection for an engine whose own arguments lead to the Sandbox."""

    def configure(self, dbapi_connection: Any) -> None:
        """Apply the per-connection settings of the check."""

    def claim(self, dbapi_connection: Any) -> bool:
        """This connection passes the seam, any other one is a bypass; whether it was opened past ``do_connect``."""

    def in_use(self, dbapi_connection: Any, *, in_use: bool) -> None:
        """From now on (or no more), a statement on this connection has to pass the seam."""

    def is_target(self, dialect_name: str, cargs: Any, cparams: Any) -> bool:
        """Whether these connect arguments lead to this Sandbox."""

    def leads_to(self, sql: str) -> str:
        """Which database outside this Sandbox the statement would open, as ATTACH does; nothing if it stays inside."""

    def describe_target(self, dialect_name: str, cargs: Any, cparams: Any) -> str:
        """Where these connect arguments lead to, for a message; no secrets."""

    def serves(self, dialect_name: str) -> bool:
        """Whether engines of this dialect can work on the Sandbox."""

    def in_memory(self, url: Any) -> bool:
        """Whether this URL is a database that lives in one connection."""

    def on_driver(self, dbapi_connection: Any, action: Callable[[Any], Any]) -> Any:
        """Run `action` with the driver's own connection in the thread the driver demands."""

    def drain(self, dbapi_connection: Any) -> None:
        """Wait until the driver has carried out what a cancelled caller no longer awaits."""

    def settle(self, opened: Iterable[Any]) -> None:
        """Wait until connections that are being closed are closed, and nothing is at work.

        Raises:
            Unsettled: that did not happen within a bound.
        """

    def commits_by_itself(self, dbapi_connection: Any) -> bool:
        """Whether the driver's connection is in its autocommit mode, where it begins no transaction for a write."""

    def in_transaction(self, dbapi_connection: Any) -> bool | None:
        """Whether the driver's connection has an open transaction; None when it is closed."""

    def send(self, dbapi_connection: Any, sql: str) -> None:
        """Send a statement on somebody's connection, in their transaction, unseen by the seam."""

    def detour(self) -> int | None:
        """The port of that proxy while connections are to go through it."""

    def impatient(self, dbapi_connection: Any) -> AbstractContextManager[None]:
        """Let no lock wait on this connection last, while the context lasts."""

    def harmless_write(self) -> str:
        """A statement that writes and changes no row: the unit of work of a stranger."""


class Engine(Protocol):
    """A database engine."""

    name: str

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
