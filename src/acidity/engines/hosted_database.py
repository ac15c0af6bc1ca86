"""What an engine with a server has to say about a throw-away database: how it is made, read, reset and watched.

`HostedSandbox` does with it what every engine needs.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from acidity.engines.session import Left


@dataclass(frozen=True, slots=True)
class Shape:
    """What a table looks like, apart from its rows.

    Attributes:
        columns: all of them, in order.
        writable: those that an INSERT may name.
        key: the columns of the primary key.
        references: column → (table, column).
        serial: it has a column that the database numbers.
    """

    columns: tuple[str, ...]
    writable: tuple[str, ...]
    key: tuple[str, ...]
    references: Mapping[str, tuple[str, str]]
    serial: bool = False


class HostedDatabase(ABC):
    """The questions that PostgreSQL and MariaDB answer each in its own way."""

    @property
    @abstractmethod
    def bait(self) -> str:
        """The schema or database of what faults need, unquoted; the token of the Sandbox is in its name."""

    @abstractmethod
    def connect_admin(self, database: str | None = None) -> Any:
        """An administrator's driver connection, committing by itself."""

    @abstractmethod
    def create_database(self) -> None:
        """Make the database and the user that owns it."""

    @abstractmethod
    def run_script(self, text: str) -> None:
        """Run the statements of a script as the user that owns the database."""

    @abstractmethod
    def keep_before(self) -> None:
        """Keep the rows before: a copy as a database of its own, and one to reset from."""

    @abstractmethod
    def drop_databases(self) -> None:
        """Drop the database, the copy and the user."""

    @abstractmethod
    def sweep(self) -> None:
        """Drop databases of processes that are gone."""

    @abstractmethod
    def read_catalogue(self) -> Any:
        """A value that changes when the schema does."""

    @abstractmethod
    def read_shapes(self) -> dict[str, Shape]:
        """The tables of the database."""

    @abstractmethod
    def reset_statements(self, tables: Collection[str]) -> Iterable[str]:
        """What brings the rows before back in these tables, while the schema is as it was."""

    @abstractmethod
    def rebuild(self) -> None:
        """Make the database anew from the copy, schema and all."""

    @abstractmethod
    def sessions(self) -> dict[int, str]:
        """The sessions on the database other than the administrator's, by number.

        *idle*: in no transaction; *in transaction*; *asleep*: not at work, perhaps in a transaction; *active*.
        """

    @abstractmethod
    def end_session(self, number: int) -> None:
        """End a session at the server."""

    @abstractmethod
    def session_of(self, dbapi_connection: Any) -> int | None:
        """The server's number of this connection, without asking the server; None when it is closed."""

    @abstractmethod
    def limit_connections(self, *, full: bool) -> None:
        """Let the user of the database open no new connection, or as many as ever."""

    @abstractmethod
    def commits_by_itself(self, dbapi_connection: Any) -> bool:
        """Whether the driver's connection is in its autocommit mode."""

    @abstractmethod
    def set_statements(self) -> Iterable[str]:
        """What applies the settings of the check to a session."""

    @abstractmethod
    def impatience(self) -> tuple[str, str]:
        """Statements that let lock waits end at once in a session, and that take this back."""

    @abstractmethod
    def quoted(self, name: str) -> str:
        """An identifier, quoted."""

    @abstractmethod
    def count_constraints(self) -> int:
        """How many constraints the schema declares."""

    @abstractmethod
    def version(self) -> str:
        """The server's version."""

    @abstractmethod
    def is_blocked(self, number: int) -> bool:
        """Whether the server says that a session waits for a lock."""

    @abstractmethod
    def prepared(self) -> Mapping[str, str]:
        """The prepared transactions of this database that nobody has decided: name → the statement that undoes it."""

    @abstractmethod
    def left_on(self, dbapi_connection: Any) -> tuple[Left, ...]:
        """What the session of this connection keeps beyond its transactions."""

    @abstractmethod
    def cancel_if_active(self, beside: Any, number: int) -> bool:
        """Cancel the statement of a session if one is running."""
