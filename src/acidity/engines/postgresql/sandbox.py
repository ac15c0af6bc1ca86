"""The `Sandbox` of PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import AbstractContextManager, suppress
from typing import Any

from acidity.core.call import History
from acidity.engines.facts import Waits
from acidity.engines.hosted import HostedSandbox
from acidity.engines.hosted_database import Catalogue, Shape
from acidity.engines.orphans import PREFIX
from acidity.engines.postgresql import catalogue
from acidity.engines.postgresql.ahead import Ahead, ask_ahead, is_idle
from acidity.engines.postgresql.apart import Apart
from acidity.engines.postgresql.bait import BAIT
from acidity.engines.postgresql.dropping import drop, sweep, wait_until_left
from acidity.engines.postgresql.loading import reading_everything
from acidity.engines.postgresql.session import ANYTHING, LOCKED, ROOM, SESSIONS, SESSIONS_OF, STATES, TO_END, left_on
from acidity.engines.postgresql.victims import Victims
from acidity.engines.postgresql.wires import Wires, is_plain, is_undone
from acidity.engines.sandbox import Look
from acidity.engines.server import Server
from acidity.engines.session import Left

DRIVERS: Mapping[str, tuple[str, str]] = {
    "": ("psycopg", "psycopg"),
    "psycopg": ("psycopg", "psycopg"),
    "psycopg2": ("psycopg2", "psycopg"),
    "asyncpg": ("psycopg", "asyncpg"),
}


class PostgresqlSandbox(Victims, HostedSandbox):
    """A database on a PostgreSQL server, owned by a role without privileges.

    Attributes:
        stamp: of the system catalogue when it was last read.
        in_several: texts of Calls that were seen to go through several transactions.
    """

    engine_name = "postgresql"
    dialects = frozenset({"postgresql"})
    asks_room, asks_locked = ROOM, LOCKED
    keeps_sessions = True
    limiting = "SET statement_timeout = '{:g}s'"

    def __init__(self, server: Server, settings: Mapping[str, str], drivers: tuple[str, str]) -> None:
        self.stamp: Any = None
        self._restarted = True
        self.in_several: set[str] = set()
        self._wires = Wires()
        self._is_plain = False
        self._ahead: Ahead | None = None
        self._quiet: Any = None  # the administrator's connection on which no trigger fires
        super().__init__(server, settings, drivers)

    @property
    def bait(self) -> str:
        """The schema for seed rows and for what faults need; its name is no program's, and not that of the role."""
        return f"{PREFIX}{self.token}_bait"

    def connect_admin(self, database: str | None = None) -> Any:
        """A superuser's psycopg connection."""
        import psycopg

        connection = psycopg.connect(
            host=self.server.host,
            port=self.server.port,
            user=self.server.superuser,
            password=self.server.password or None,
            dbname=database or self.server.database,
            application_name=self.database,  # by this session other hosts see that the owner lives
            autocommit=True,
            prepare_threshold=_NEVER,
        )
        return reading_everything(connection)

    def dsn(self, *, asynchronous: bool = False) -> str:
        """``postgresql://…``, which libpq and asyncpg understand."""
        del asynchronous
        return f"postgresql://{self.user}:{self.password}@{self.server.host}:{self.server.port}/{self.database}"

    def create_database(self) -> None:
        """A role that may do what its programs do, and a database that belongs to it."""
        self.require_superuser()
        user, database = self.quoted(self.user), self.quoted(self.database)
        self.ask(f"CREATE ROLE {user} LOGIN PASSWORD '{self.password}'")
        self.ask(f"CREATE DATABASE {database} OWNER {user} TEMPLATE template0 STRATEGY file_copy")
        self.server_admin, self.admin = self.admin, self.connect_admin(self.database)
        self.ask(f"SET lock_timeout = '2s'; ALTER SCHEMA public OWNER TO {user}")

    def run_script(self, text: str) -> None:
        """In one request, which the server takes apart."""
        import psycopg

        with psycopg.connect(self.dsn()) as connection:
            connection.execute(text)

    def keep_before(self) -> None:
        """Seed rows in a schema of ours, for `reset`."""
        bait, user = self.quoted(self.bait), self.quoted(self.user)
        self._seeds = {name: f"{bait}.seed_{number}" for number, name in enumerate(self.shapes)}
        made = [BAIT.format(bait=bait)]
        for name, shape in self.shapes.items():
            if shape.writable and not shape.derived:
                columns = ", ".join(map(self.quoted, shape.writable))
                made.append(f"CREATE TABLE {self._seeds[name]} AS SELECT {columns} FROM {shape.rows}")
        made.append(f"GRANT USAGE ON SCHEMA {bait} TO {user}")
        made.append(f"GRANT SELECT, INSERT, UPDATE ON {bait}.bait, {bait}.late, {bait}.full TO {user}")
        self.ask("; ".join(made))
        self._sequences = catalogue.sequences(self.ask)
        self.numbered = catalogue.of_columns(self.ask)
        self._apart = Apart(self.ask)
        self._large_objects = catalogue.large_objects(self.ask)
        self._left_out = catalogue.of_extensions(self.ask)
        self._foreign = catalogue.foreign_tables(self.ask)

    def copy_before(self) -> None:
        """For invariants and `rebuild`."""
        self._copy(self.database, self.before)

    def _copy(self, source: str, target: str) -> None:
        """Nobody may be connected to the source meanwhile, so the administrator steps outside."""
        self._step_outside()
        wait_until_left(self.ask, source)
        made, copied, owner = map(self.quoted, (target, source, self.user))
        self.ask(f"CREATE DATABASE {made} TEMPLATE {copied} OWNER {owner} STRATEGY file_copy")
        self.admin = self.connect_admin(self.database)
        self.ask("SET lock_timeout = '2s'")

    def _step_outside(self) -> None:
        if self.admin is not self.server_admin:
            self.admin.close()
            self.admin = self.server_admin

    def rebuild(self) -> None:
        """Drop the database and copy it anew."""
        self._step_outside()
        drop(self.ask, self.database)
        self.ask(f"ALTER ROLE {self.quoted(self.user)} RESET ALL")
        self._copy(self.before, self.database)

    def drop_databases(self) -> None:
        """Both databases and the role."""
        self._step_outside()
        for name in (self.database, self.before):
            drop(self.ask, name)
        self.forget_choice()
        self.ask(f"DROP ROLE IF EXISTS {self.quoted(self.user)}")

    def prepared(self) -> dict[str, str]:
        """From pg_prepared_xacts, which knows the database of each."""
        names = self.ask("SELECT gid FROM pg_prepared_xacts WHERE database = current_database() ORDER BY prepared, gid")
        return {name: f"ROLLBACK PREPARED {_literal(name)}" for (name,) in names}

    def sweep(self) -> None:
        """Drop databases and roles whose owner is gone; one with a prepared transaction cannot be dropped."""
        sweep(self.ask, self.connect_admin, self.owner_lives)

    def owner_lives(self, owner: str) -> bool:
        """Whether a session of that Sandbox lives, or one in a database of its; the server lists them all."""
        return bool(self.ask(SESSIONS_OF, (owner, owner, owner, f"{owner}_")))

    def reconnect(self) -> None:
        """Both administrator's connections broke."""
        super().reconnect()
        with suppress(Exception):
            self.server_admin.close()
        self.server_admin = self.connect_admin()
        self.ask("SET lock_timeout = '2s'")

    def begin_anew(self) -> None:
        """Both administrator's connections are ended; what follows may not wait for ever."""
        super().begin_anew()
        with suppress(Exception):
            self.server_admin.close()
        self.server_admin = self.connect_admin()
        for connection in (self.server_admin, self.admin):
            connection.execute("SET statement_timeout = '10s'")

    def read_catalogue(self) -> Catalogue:
        """All that DDL has made in every schema but the server's and ours."""
        self.stamp = self.stamp_now()
        self._known = catalogue.everything(self.ask)
        self._is_plain = is_plain(self._known)
        return self._known

    def catalogue_now(self) -> Catalogue:
        """The same while no row of the system catalogue was written."""
        if (self._ahead.stamp if self._ahead is not None else self.stamp_now()) == self.stamp:
            return self._known
        return catalogue.everything(self.ask)

    def stamp_now(self) -> Any:
        """A value that is another one after every DDL that was committed."""
        return catalogue.stamp(self._ask_again)

    def needs_rebuilding(self) -> None:
        """Something of acidity's own stays in the database, so that the next reset has to make it anew."""
        self._altered = True

    def _ask_again(self, sql: str) -> list[tuple[Any, ...]]:
        """Ask what is asked after every run, as a prepared statement: planning would cost more than looking."""
        with self.administering() as admin:
            return list(admin.execute(sql, prepare=True).fetchall())

    def remember(self, history: History) -> None:
        """Keep also whether a Call may have made what is rarely made."""
        super().remember(history)
        self._apart.remember(history)

    def apart(self) -> list[tuple[str, str, str, str]]:
        """What is rarely made, and sequences that were restarted, which setting them back makes good."""
        made, restarted = self._apart.made(), self._apart.restarted()
        self._altered = self._altered or bool(made)
        self._restarted = bool(restarted)
        return made + restarted

    def _put_back(self) -> None:
        if self._quiet is not self.admin:  # once: each change of it has the server plan every statement anew
            self.ask("SET session_replication_role = replica")
            self._quiet = self.admin
        super()._put_back()
        if self._restarted:
            self._apart.forget_files()
        if self._restarted or self.exact:
            self.stamp = self.stamp_now()  # the schema itself is as it was, or was read anew

    def read_shapes(self) -> dict[str, Shape]:
        """From the system catalogue."""
        return catalogue.shapes(self.ask, self.quoted)

    def beyond(self) -> tuple[str, ...]:
        """Foreign tables, and large objects that were changed."""
        ahead = self._ahead
        now = ahead.large_objects if ahead is not None else catalogue.large_objects(self._ask_again)
        if now != self._large_objects:
            self._altered = True  # only a copy of the database brings them back
            return (*map(_foreign, self._foreign), "large objects were changed, and acidity does not compare them")
        return tuple(map(_foreign, self._foreign))

    def left_out(self) -> tuple[str, ...]:
        """What belongs to an extension: not the program's to write."""
        return self._left_out

    def reset_statements(self, tables: Collection[str]) -> Iterable[str]:
        """One text: delete, copy, sequences; the session is one of a replica, without triggers and foreign keys."""
        parts = self.emptying(tables)
        for name in tables:
            shape = self.shapes[name]
            columns = ", ".join(map(self.quoted, shape.writable))
            if columns:
                into = f"{shape.place} ({columns}) OVERRIDING SYSTEM VALUE"
                parts.append(f"INSERT INTO {into} SELECT {columns} FROM {self._seeds[name]}")
        at = [(name, last + self.ahead.get(name, 0), called) for name, last, called in self._sequences]
        parts += [f"SELECT setval({_literal(name)}, {last}, {called})" for name, last, called in at]
        if parts:
            yield "; ".join(parts)

    def count_constraints(self) -> int:
        """Keys, unique, foreign keys, checks, exclusions and not null, in every schema."""
        return catalogue.constraints(self.ask)

    def version(self) -> str:
        """As the server says to each client that connects."""
        return str(self.admin.info.parameter_status("server_version")).split(" ", maxsplit=1)[0]

    def _dial(self, dialect: Any, positional: list[Any], arguments: dict[str, Any]) -> Any:
        if self._routed:
            return super()._dial(dialect, positional, arguments)
        return self._wires.dial(dialect, positional, arguments)

    def keep(self, opened: Iterable[Any]) -> None:
        """Those of psycopg, as long as the schema is as it was, and plain."""
        self._wires.keep(opened if self._is_plain and not self._altered else ())

    def lending(self, may: Callable[[], bool]) -> AbstractContextManager[None]:
        """See `Wires.lending`."""
        return self._wires.lending(may)

    def sessions(self) -> dict[int, str]:
        """From pg_stat_activity; who waits for the rest of a request (a Parse without Sync) is not at work."""
        # By name: the administrator may stand outside just now, where others are at work.
        rows = self.ask(SESSIONS, (self.database,))
        return {pid: STATES.get(state or "", "active") for pid, state in rows}

    def at_rest(self, opened: Iterable[Any]) -> int | None:
        """One request: all sessions are known and idle, nothing is prepared, nothing kept; and libpq says so, too.

        The same request reads all that a look needs; the look that follows at once takes it from here.
        """
        alive = [each for each in opened if self.session_of(each) is not None]
        if not all(map(is_idle, alive)):
            return None
        known = {self.session_of(each) for each in alive}
        beside = {self.session_of(each) for each in (*self._beside, self._spare) if each is not None}
        try:
            ahead = ask_ahead(self.admin, [*map(self._selecting, self.shapes.values())])
        except Exception:  # a table is locked by somebody, or has been dropped
            return None
        if ahead.sessions is None or ahead.sessions - beside != known or not ahead.free:
            return None
        self._ahead = ahead
        return len(alive)

    def ask(self, sql: str, parameters: Any = None) -> list[tuple[Any, ...]]:
        """The same; what was read ahead is no more to be relied on."""
        self._ahead = None
        return super().ask(sql, parameters)

    def look(self) -> Look:
        """The same, from what has just been read if all was at rest then."""
        try:
            return super().look()
        finally:
            self._ahead = None

    def _rows_of(self, shapes: Mapping[str, Shape]) -> list[list[tuple[Any, ...]]]:
        if self._ahead is not None and shapes is self.shapes:
            return self._ahead.tables
        return super()._rows_of(shapes)

    def end_session(self, number: int) -> None:
        """End a session with pg_terminate_backend."""
        self.ask(self.ending(number))

    def ending(self, number: int) -> str:
        """pg_terminate_backend."""
        return f"SELECT pg_terminate_backend({int(number)})"

    def sessions_to_end(self, *, everything: bool) -> tuple[str, Any]:
        """By the name of the role, which is this Sandbox's alone."""
        ours = self.database if everything else None
        return TO_END, (self.user, ours)

    def waits(self, sessions: Collection[int]) -> Waits:
        """Who holds their locks, or their snapshot (DEFERRABLE), in one answer; a prepared transaction counts as 0."""
        holds = "pg_blocking_pids(pid) || pg_safe_snapshot_blocking_pids(pid)"
        asked = f"SELECT pid, {holds} FROM unnest(%s::int[]) AS pid"
        found = self.monitor.ask(asked, (list(sessions),))
        return {pid: frozenset(blocking) for pid, blocking in found if blocking}

    def cancel_if_active(self, number: int) -> bool:
        """pg_cancel_backend, once pg_stat_activity shows it sleeping in our statement."""
        asked = (
            f"SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE pid = {int(number)} AND wait_event = 'PgSleep'"
        )
        self._wires.signalled.add(number)
        return bool(self.monitor.ask(asked))

    def session_of(self, dbapi_connection: Any) -> int | None:
        """The backend's process id, as each driver keeps it."""
        driver = getattr(dbapi_connection, "driver_connection", dbapi_connection)
        if hasattr(driver, "get_server_pid"):  # asyncpg
            return None if driver.is_closed() else int(driver.get_server_pid())
        if driver.closed:
            return None
        return int(driver.info.backend_pid)

    def clears(self, beside: Any) -> bool:
        """ROLLBACK and DISCARD ALL."""
        return is_undone(beside)

    def limit_connections(self, *, full: bool) -> None:
        """CONNECTION LIMIT, which binds everybody but superusers (53300)."""
        self.ask(f"ALTER DATABASE {self.quoted(self.database)} CONNECTION LIMIT {0 if full else -1}")

    def commits_by_itself(self, dbapi_connection: Any) -> bool:
        """Every driver, and SQLAlchemy's adapter of an async one, has it as ``autocommit``."""
        return bool(getattr(dbapi_connection, "autocommit", False))

    def left_on(self, dbapi_connection: Any) -> tuple[Left, ...]:
        """Advisory locks and temporary tables."""
        return left_on(dbapi_connection) if self.ask(ANYTHING)[0][0] else ()

    def set_statements(self) -> Iterable[str]:
        """SET for each setting that was asked for, for the whole session."""
        return [f"SET {self.quoted(name)} = {_literal(value)}" for name, value in sorted(self.settings.items())]

    def impatience(self) -> tuple[str, str]:
        """SET LOCAL of lock_timeout to 50 ms, and back."""
        return "SET LOCAL lock_timeout = '50ms'", "SET LOCAL lock_timeout = DEFAULT"

    def quoted(self, name: str) -> str:
        """The name in double quotes."""
        return '"' + name.replace('"', '""') + '"'


_NEVER = 1 << 30  # statements are prepared where that is asked for; None would forbid it


def _foreign(table: str) -> str:
    return f"the rows of the foreign table {table} are elsewhere, and cannot be compared"


def _literal(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
