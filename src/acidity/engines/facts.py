"""`Facts`: what an engine says of one live connection, whoever opened it. A monitor needs these and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import AbstractContextManager
from typing import Any, Protocol

from acidity.engines.session import Left

UNNAMED = 0  # stands for a session that is in the way, and that the engine does not name
Waits = Mapping[int, frozenset[int]]


class Facts(Protocol):
    """Facts of live connections. "Blocked" is one of them: asked of the engine, never guessed from a time-out.

    ``waits_for`` and ``waits`` ask over a connection of their own. So they may be asked from any thread, also while
    the Sandbox is read or reset by another one.
    """

    def on_driver(self, dbapi_connection: Any, action: Callable[[Any], Any]) -> Any:
        """Run `action` with the driver's own connection in the thread the driver demands."""

    def send(self, dbapi_connection: Any, sql: str) -> None:
        """Send a statement on somebody's connection, in their transaction, unseen by the seam."""

    def session_of(self, dbapi_connection: Any) -> int | None:
        """The engine's number of this connection, without asking the engine; None when it is closed or has none."""

    def has_ended(self, dbapi_connection: Any) -> bool:
        """Whether the engine has no session for it any more; a driver may not have noticed, and says it is open."""

    def waits_for(self, dbapi_connection: Any) -> frozenset[int] | None:
        """The sessions that hold what this connection's statement needs; empty when it waits for no lock.

        Returns:
            Their numbers, `UNNAMED` for one that the engine does not name; None where no connection ever waits as a
            fact of the engine (SQLite refuses with BUSY instead, at once under `impatient`), or when it is closed.
        """

    def waits(self, sessions: Collection[int]) -> Waits:
        """Those of these sessions that wait, and for whom, from one answer of the engine."""

    def in_transaction(self, dbapi_connection: Any) -> bool | None:
        """Whether the driver's connection has an open transaction; None when it is closed."""

    def at_rest(self, opened: Iterable[Any]) -> int | None:
        """Whether the database is at rest, asked of the database itself and not only of connections that are known.

        Args:
            opened: the connections that are known, open or closed.

        Returns:
            How many of them are open; None if anybody is at work, has a transaction open or prepared, holds a lock that
            outlives one, or is connected and not known; and where a connection cannot be used at once.
        """

    def commits_by_itself(self, dbapi_connection: Any) -> bool:
        """Whether the driver's connection is in its autocommit mode, where it begins no transaction for a write."""

    def level_of(self, dbapi_connection: Any) -> str:
        """The isolation level of its transaction, asked of the engine on the connection itself, as SQL names it.

        ``AUTOCOMMIT`` where each statement commits by itself; nothing where there is but one level, or where it cannot
        be asked just now.
        """

    def level_beside(self, dbapi_connection: Any) -> str:
        """The level of a statement that commits by itself on this connection, as SQL names it; nothing as above."""

    def left_on(self, dbapi_connection: Any) -> tuple[Left, ...]:
        """What the session of this connection keeps beyond its transactions; asked in a transaction of acidity's own.

        On MariaDB its locks are let go with that.
        """

    def drain(self, dbapi_connection: Any) -> None:
        """Wait until the driver has carried out what a cancelled caller no longer awaits."""

    def settle(self, opened: Iterable[Any]) -> None:
        """Wait until connections that are being closed are closed, and nothing is at work.

        Raises:
            Unsettled: that did not happen within a bound.
        """


class Patience(Protocol):
    """How long a statement of a live connection waits for a lock."""

    def make_impatient(self, dbapi_connection: Any) -> bool | None:
        """Where the engine refuses instead of letting wait: let it refuse at once on this connection from now on.

        Returns:
            Whether it would have tried again for a while; None where the engine lets wait, and nothing was changed.
        """

    def impatient(self, dbapi_connection: Any) -> AbstractContextManager[None]:
        """Let no lock wait on this connection last, while the context lasts."""

    def waits_briefly(self, dbapi_connection: Any) -> bool:
        """Whether its session limits that to less than a second, so that whoever comes to a lock may be refused."""
