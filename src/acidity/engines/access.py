"""`Access`: what adapters ask of a Sandbox while a program connects and sends, so that it reaches nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from typing import Any, Protocol


class Access(Protocol):
    """Leads the connections of a program to the throw-away database, and tells which would lead elsewhere.

    Attributes:
        keeps_sessions: `keep` may keep some.
        used: the drivers through which callers have made Calls, for the report.
        peculiar: why the connections of the program lock otherwise than the engine does; empty where they do not.
    """

    keeps_sessions: bool
    peculiar: str
    used: dict[str, None]

    def connect(self, dialect: Any, cparams: dict[str, Any]) -> Any:
        """A connection of this dialect to the Sandbox, for an engine that is redirected."""

    def dialling(self) -> AbstractContextManager[None]:
        """A connection of the program is opened in this context.

        Raises:
            Unsettled: it was refused, since the server has none left, which says nothing of the program.
        """

    def open(self, dialect: Any, cargs: Any, cparams: Any) -> Any:
        """A connection for an engine whose own arguments lead to the Sandbox."""

    def keep(self, opened: Iterable[Any]) -> None:
        """Keep the sessions of these connections for the next run, where the engine knows how; close those kept before.

        Args:
            opened: connections that the last run has opened and left at rest, having only read and written rows; they
                are closed.
        """

    def lending(self, may: Callable[[], bool]) -> AbstractContextManager[None]:
        """In this context a connection may be given a kept session, which is as good as new, whenever `may` says so.

        What is not used is closed at the end.
        """

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

    def detour(self) -> int | None:
        """The port of the proxy that cuts connections, while they are to go through it."""
