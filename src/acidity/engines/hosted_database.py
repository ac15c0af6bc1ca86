"""What an engine with a server has to say about a throw-away database: how it is made, read, reset and watched.

`HostedSandbox` does with it what every engine needs.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from acidity.core.outcome import Table
from acidity.core.report import EngineInfo
from acidity.engines.facts import Waits
from acidity.engines.proxy import CuttingProxy
from acidity.engines.server import Server
from acidity.engines.session import Left

Catalogue = frozenset[tuple[str, str, str]]  # of everything that DDL makes: kind, name, definition


@dataclass(frozen=True, slots=True)
class Shape:
    """What a table looks like, apart from its rows.

    Attributes:
        place: the table as SQL that names it from anywhere, quoted.
        columns: all of them, in order.
        writable: those that an INSERT may name.
        key: the columns of the primary key.
        references: column → (table, column), tables as a State calls them.
        serial: it has a column that the database numbers.
        source: what its rows are read from and deleted from, where that is not `place`.
        derived: its rows are the result of a query, so they cannot be put back one by one.
        checks: the conditions of CHECKs that the server may not enforce, by name.
    """

    place: str
    columns: tuple[str, ...]
    writable: tuple[str, ...]
    key: tuple[str, ...]
    references: Mapping[str, tuple[str, str]]
    serial: bool = False
    source: str = ""
    derived: bool = False
    checks: Mapping[str, str] = field(default_factory=dict)

    @property
    def rows(self) -> str:
        """What stands behind FROM."""
        return self.source or self.place


def state_name(default: str, schema: str, table: str) -> str:
    """What a State calls a table: its name, with the schema in front unless that is the default one.

    A part that holds a dot is quoted, so that no two tables have one name.
    """
    parts = (table,) if schema == default else (schema, table)
    return ".".join(f'"{part}"' if "." in part else part for part in parts)


_AHEAD, _APART = 101, 7  # numbers of new keys, which have to fit into small columns


class HostedDatabase(ABC):
    """The questions that PostgreSQL and MariaDB answer each in its own way."""

    engine_name: str
    dialects: frozenset[str]
    server: Server
    settings: dict[str, str]
    asked_of_server: Mapping[str, str] = MappingProxyType({})  # with which it was started for this check
    drivers: tuple[str, str]
    database: str
    interrupted: bool
    before: str
    user: str
    password: str
    admin: Any
    shapes: dict[str, Shape]
    named: set[bytes]
    _beside: list[Any]
    used: dict[str, None]
    _spare: Any
    _proxy: CuttingProxy | None
    numbered: Collection[str] = ()  # the places at which the database numbers new keys by itself
    ahead: Mapping[str, int] = MappingProxyType({})  # by how much new keys of a place begin further on
    limiting: str  # a statement by which each that follows in its session ends after so many seconds

    @property
    @abstractmethod
    def bait(self) -> str:
        """The schema or database of what faults need, unquoted; the token of the Sandbox is in its name."""

    @abstractmethod
    def connect_admin(self, database: str | None = None) -> Any:
        """An administrator's driver connection, committing by itself."""

    @abstractmethod
    def begin_anew(self) -> None:
        """A signal came while the administrator asked: end that session from outside, and go on in another."""

    @abstractmethod
    def sessions_to_end(self, *, everything: bool) -> tuple[str, Any]:
        """A query, with its parameters, for the sessions of the operations, or also for ours but the asking one."""

    @abstractmethod
    def ending(self, number: int) -> str:
        """The statement that ends a session."""

    @abstractmethod
    def create_database(self) -> None:
        """Make the database and the user that owns it."""

    @abstractmethod
    def run_script(self, text: str) -> None:
        """Run the statements of a script as the user that owns the database."""

    def admitting(self, engine: Any) -> AbstractContextManager[None]:
        """While the context lasts, the schema may make what belongs to this Sandbox then."""
        del engine
        return nullcontext()

    @abstractmethod
    def keep_before(self) -> None:
        """Keep the rows before, to reset from, and as a database of its own unless `copy_before` makes that."""

    def copy_before(self) -> None:  # noqa: B027 - a server that cannot copy a database has copied tables
        """Copy the whole database, when all that is asked of it first has been asked."""

    @abstractmethod
    def drop_databases(self) -> None:
        """Drop the database, the copy and the user."""

    @abstractmethod
    def sweep(self) -> None:
        """Drop databases of processes that are gone."""

    @abstractmethod
    def read_catalogue(self) -> Catalogue:
        """Everything that DDL has made, read anew; `catalogue_now` is compared with it from now on."""

    @abstractmethod
    def catalogue_now(self) -> Catalogue:
        """The same as it is now; cheap while nothing has changed."""

    @abstractmethod
    def read_shapes(self) -> dict[str, Shape]:
        """The tables of the database."""

    def beyond(self) -> tuple[str, ...]:
        """What belongs to the database now and is not compared, in words."""
        return ()

    def apart(self) -> list[tuple[str, str, str, str]]:
        """What DDL has made and is in no catalogue: what became of it, kind, name and definition."""
        return []

    def left_out(self) -> tuple[str, ...]:
        """Tables that are not compared, and why that is right."""
        return ()

    def keys_ahead(self, by: Mapping[str, int] | None) -> Mapping[str, int]:
        """See `Sandbox.keys_ahead`."""
        apart = {place: _AHEAD + _APART * number for number, place in enumerate(sorted(self.numbered))}
        self.ahead = apart if by is None else by
        return self.ahead

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
    def waits(self, sessions: Collection[int]) -> Waits:
        """Those of these sessions that wait for a lock, and for whom."""

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
        """An identifier as the server's texts quote it."""

    @abstractmethod
    def count_constraints(self) -> int:
        """How many constraints the schema declares."""

    @abstractmethod
    def version(self) -> str:
        """The version that the server reports."""

    @abstractmethod
    def prepared(self) -> Mapping[str, str]:
        """The prepared transactions of this database that nobody has decided: name → the statement that undoes it."""

    @abstractmethod
    def left_on(self, dbapi_connection: Any) -> tuple[Left, ...]:
        """What the session of this connection keeps beyond its transactions."""

    def clears(self, beside: Any) -> bool:
        """Let the server undo and forget all that a session of `connect_beside` did; False where it did not say so."""
        del beside
        return False

    @abstractmethod
    def cancel_if_active(self, number: int) -> bool:
        """Cancel the statement of a session if one is running."""

    # Asking as the administrator

    def ask(self, sql: str, parameters: Any = None) -> list[tuple[Any, ...]]:
        """Send a statement over the administrator's connection; its rows."""
        with self.administering() as admin:
            return rows_of(admin, sql, parameters)

    @contextmanager
    def administering(self) -> Iterator[Any]:
        """The administrator's connection for one request; if a signal breaks it off, the next one gets another."""
        if self.interrupted:
            self.interrupted = False
            self.begin_anew()
        try:
            yield self.admin
        except Exception as error:  # a signal came, and closing the cursor then failed
            self.interrupted = error.__context__ is not None and not isinstance(error.__context__, Exception)
            raise
        except BaseException:  # a signal: what the connection was doing, nobody will read
            self.interrupted = True
            raise

    def ask_all(self, statements: Sequence[str]) -> list[list[tuple[Any, ...]]]:
        """Send statements that give rows in one request; the rows of each."""
        if not statements:
            return []
        with self.administering() as admin, closing(admin.cursor()) as cursor:
            cursor.execute("; ".join(statements))
            found = [list(cursor.fetchall())]
            while cursor.nextset():
                found.append(list(cursor.fetchall()))
            return found

    def info(self) -> EngineInfo:
        """Engine, version, the settings of this check, and the drivers: that of URLs until a caller has used any."""
        return EngineInfo(
            self.engine_name,
            self.version(),
            " and ".join(self.used) or self.drivers[False],
            dict(sorted({**self.asked_of_server, **self.settings}.items())),
        )


def rows_of(connection: Any, sql: str, parameters: Any = None) -> list[tuple[Any, ...]]:
    """The rows of the first statement of a request, once all of them have ended well."""
    cursor = connection.cursor()
    try:
        cursor.execute(sql, parameters) if parameters is not None else cursor.execute(sql)
        rows = list(cursor.fetchall()) if cursor.description else []
        while cursor.nextset():  # each statement of a request has a result of its own, or an error
            pass
        return rows
    finally:
        cursor.close()


def changes_of(before: Catalogue, now: Catalogue, more: list[tuple[str, str, str, str]]) -> Table:
    """What DDL has made and dropped, as rows, and `more` of the kind; none while the schema is as it was."""
    rows = [("made", *each) for each in now - before] + [("dropped", *each) for each in before - now] + more
    return Table(("what", "kind", "name", "definition"), (), {}, tuple(sorted(rows)), describes="name")
