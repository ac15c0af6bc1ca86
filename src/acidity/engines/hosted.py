"""A Sandbox on a database server: a database of acidity's own, reset by deleting its rows and copying the seed back.

What PostgreSQL and MariaDB have in common. An engine says how its catalogue is read, how a database is made, copied and
dropped, and how sessions are seen and ended; it does so in a subclass, over an administrator's connection that no
operation ever gets. Names of databases say which process made them, so that orphans can be told and dropped.
"""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from typing import Any

from sqlalchemy import create_engine
from sqlalchemy.engine import make_url
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool

from acidity.core.call import History
from acidity.core.outcome import Rule, State, Table, Violation
from acidity.core.prepared import names_in, prepares
from acidity.core.report import EngineInfo
from acidity.engines.base import Look, Unsettled
from acidity.engines.hosted_database import HostedDatabase, Shape
from acidity.engines.orphans import fresh_name
from acidity.engines.proxy import CuttingProxy
from acidity.engines.server import Server
from acidity.errors import EngineUnavailable, UsageError

SETTLE_S_MAX = 10.0
_WHERE = {
    "host",
    "port",
    "user",
    "password",
    "passwd",
    "database",
    "dbname",
    "db",
    "unix_socket",
    "service",
    "passfile",
}


class HostedSandbox(HostedDatabase):
    """A throw-away database on a server; see `Sandbox` for what the methods promise.

    Args:
        server: where; the Sandbox leaves it when it is closed, if it is dedicated.
        settings: settings of every session.
        drivers: sync and async driver that URLs name.
    """

    engine_name: str
    dialects: frozenset[str]

    def __init__(self, server: Server, settings: Mapping[str, str], drivers: tuple[str, str]) -> None:
        self.name = ""
        self.server = server
        self.settings = dict(settings)
        self.drivers = drivers
        self.database, token = fresh_name()
        self.before = f"{self.database}_before"
        self.user, self.password = f"acidity_{token}", secrets.token_hex(8)
        self.shapes: dict[str, Shape] = {}
        self._catalogue: Any = None
        self._seed: Mapping[str, Table] = {}
        self._dirty: set[str] = set()
        self._altered = False
        self.named: set[bytes] = set()
        self._in_doubt = False
        self._proxy: CuttingProxy | None = None
        self._routed = False
        self._beside: list[Any] = []
        self.on_connect: Callable[[], None] = lambda: None
        self._owner = os.getpid()
        self._closed = False
        self._constraints = 0
        try:
            self.admin = self.connect_admin()
            self.sweep()
            self.create_database()
        except Exception as error:
            self.leave()
            raise EngineUnavailable(
                f"{self.engine_name} at {server.host}:{server.port} does not let acidity create a database: {error}"
            ) from None
        except BaseException:
            self.leave()
            raise
        try:
            self.check_settings()
        except Exception as error:
            self.close()
            raise UsageError(f"a setting is not known to {self.engine_name}, or not for one session: {error}") from None

    def check_settings(self) -> None:
        """Try the settings in a session of our own."""
        trial = self.connect_admin(self.database)
        try:
            for statement in self.set_statements():
                cursor = trial.cursor()
                cursor.execute(statement)
                cursor.close()
        finally:
            trial.close()

    # Life

    def url(self, *, asynchronous: bool = False) -> str:
        """The SQLAlchemy URL of the database."""
        return self._url(self.database, self.drivers[asynchronous])

    def driver(self, *, asynchronous: bool = False) -> str:
        """The module of the driver that URLs name."""
        return {"mysqldb": "MySQLdb"}.get(self.drivers[asynchronous], self.drivers[asynchronous])

    def before_url(self) -> str:
        """A URL of the copy that holds the rows before."""
        return self._url(self.before, self.drivers[False])

    def _url(self, database: str, driver: str) -> str:
        where = f"{self.user}:{self.password}@{self.server.host}:{self.server.port}"
        return f"{self.engine_name}+{driver}://{where}/{database}{self.query_of(driver)}"

    def query_of(self, driver: str) -> str:
        """The options of a URL that this driver needs."""
        del driver
        return ""

    def create(self, schema: Callable[[Any], None], setup: Callable[[Any], Any] | None) -> State:
        """Make the tables and the rows before."""
        engine = create_engine(self.url(), poolclass=NullPool)
        try:
            schema(engine)
            if setup is not None:
                with Session(engine) as session:
                    setup(session)
                    session.commit()
        finally:
            engine.dispose()
        self.shapes = self.read_shapes()
        self.keep_before()
        self._catalogue = self.read_catalogue()
        self._constraints = self.count_constraints()
        state = self.look().state
        self._seed, self._dirty = state.tables, set()
        return state

    def reset(self) -> None:
        """Delete and copy back what the last looks saw changed; where the schema was, build the database anew."""
        for connection in self._beside:
            with suppress(Exception):
                connection.close()
        self._beside.clear()
        if self._in_doubt:
            self._undo_prepared()
        try:
            self._put_back()
        except Exception:  # somebody still holds locks; every driver says so in its own way
            self.end_sessions()
            self._undo_prepared()
            self._put_back()
        self._altered = False
        self._dirty = set()
        self.named.clear()

    def _put_back(self) -> None:
        if self._altered:
            self.end_sessions()
            self.rebuild()
            self.shapes = self.read_shapes()
            self._catalogue = self.read_catalogue()
            return
        for statement in self.reset_statements(self._dirty):
            self.ask(statement)

    def remember(self, history: History) -> None:
        """Keep the names that these Calls give to prepared transactions."""
        self.named |= names_in(history)
        self._in_doubt = self._in_doubt or any(prepares(event.call) for event in history)

    def in_doubt(self) -> tuple[str, ...]:
        """The names of prepared transactions that nobody has decided; the next reset rolls them back."""
        found = tuple(self.prepared())
        self._in_doubt = self._in_doubt or bool(found)
        return found

    def _undo_prepared(self) -> None:
        """Nobody else will decide them; one whose session still lives can only be undone when that has ended."""
        try:
            for undo in self.prepared().values():
                self.ask(undo)
        except Exception:
            self.end_sessions()
            for undo in self.prepared().values():
                self.ask(undo)
        self._in_doubt = False

    def end_sessions(self) -> None:
        """End every session that may hold locks, and wait until they are gone."""
        for number in self._at_work():
            self.end_session(number)
        self._wait_until(lambda: not self._at_work())

    def close(self) -> None:
        """Drop everything and leave the server; a forked child only lets go."""
        if self._closed or self._owner != os.getpid():
            return
        self._closed = True
        if self._proxy is not None:
            self._proxy.close()
        try:
            for connection in self._beside:
                with suppress(Exception):
                    connection.close()
            with suppress(Exception):
                for number in self.sessions():
                    self.end_session(number)
            with suppress(Exception):
                self._undo_prepared()
            with suppress(Exception):
                self.drop_databases()
            with suppress(Exception):
                self.admin.close()
        finally:
            self.leave()

    def leave(self) -> None:
        """A dedicated server is of no more use; a shared one is held until the process ends."""
        if self.server.dedicated:
            self.server.stop()

    # Asking as the administrator

    def ask(self, sql: str, parameters: Any = None) -> list[tuple[Any, ...]]:
        """Send a statement over the administrator's connection; its rows."""
        cursor = self.admin.cursor()
        try:
            cursor.execute(sql, parameters) if parameters is not None else cursor.execute(sql)
            rows = list(cursor.fetchall()) if cursor.description else []
            while cursor.nextset():  # each statement of a request has a result of its own, or an error
                pass
            return rows
        finally:
            cursor.close()

    def look(self) -> Look:
        """Read every table as the administrator."""
        self._altered = self._altered or self.read_catalogue() != self._catalogue
        shapes = self.read_shapes() if self._altered else self.shapes
        tables = {}
        for name, shape in shapes.items():
            columns = ", ".join(map(self.quoted, shape.columns))
            rows = [tuple(map(_plain, row)) for row in self.ask(f"SELECT {columns} FROM {self.table(name)}")]
            tables[name] = Table(shape.columns, shape.key, shape.references, tuple(sorted(rows, key=repr)))
        self._dirty.update(name for name, table in tables.items() if table != self._seed.get(name))
        return Look(State(tables))

    def table(self, name: str) -> str:
        """A table of the database, as the administrator names it."""
        return self.quoted(name)

    def violations(self) -> tuple[Violation, ...]:
        """Foreign keys, looked at anew; the other constraints cannot be switched off."""
        broken = []
        for name, shape in self.shapes.items():
            for column, (parent, target) in sorted(shape.references.items()):
                child, key = self.quoted(column), self.quoted(target)
                joined = f"{self.table(name)} c LEFT JOIN {self.table(parent)} p ON c.{child} = p.{key}"
                found = self.ask(f"SELECT count(*) FROM {joined} WHERE c.{child} IS NOT NULL AND p.{key} IS NULL")
                if found[0][0]:
                    seen = f"{name}: {column} points at no row of {parent} in {found[0][0]} rows"
                    broken.append(Violation(Rule.FOREIGN_KEY, seen))
        return tuple(broken)

    def constraints(self) -> int:
        """How many constraints the schema declares."""
        return self._constraints

    def info(self) -> EngineInfo:
        """Engine, version, driver and the settings of this check."""
        return EngineInfo(self.engine_name, self.version(), self.drivers[False], dict(sorted(self.settings.items())))

    def traits(self) -> Mapping[str, Any]:
        """Facts on which faults depend."""
        return {"tables": tuple(self.shapes), "dedicated": self.server.dedicated}

    def connect_beside(self) -> Any:
        """A second session on the database, committing by itself; it may do what an administrator may."""
        connection = self.connect_admin(self.database)
        self._beside.append(connection)
        return connection

    def harmless_write(self) -> str:
        """A DELETE that matches no row."""
        return f"DELETE FROM {self.quoted(min(self.shapes))} WHERE 1 = 0"

    # For adapters

    def connect(self, dialect: Any, cparams: Mapping[str, Any]) -> Any:
        """A connection of the dialect, with the engine's own arguments, to this database (or through the proxy)."""
        self.on_connect()
        positional, ours = dialect.create_connect_args(make_url(self._url(self.database, dialect.driver)))
        others = {name: value for name, value in cparams.items() if name not in _WHERE}
        arguments = {**ours, **others}
        if self._routed:
            arguments["port"] = self.proxy().port
        return dialect.connect(*positional, **arguments)

    def open(self, dialect: Any, cargs: Any, cparams: Any) -> Any:
        """The same; the URL was ours."""
        del cargs
        return self.connect(dialect, cparams)

    def proxy(self) -> CuttingProxy:
        """The proxy in front of the server, started when it is first needed."""
        if self._proxy is None:
            self._proxy = CuttingProxy(self.server.host, self.server.port)
        return self._proxy

    @contextmanager
    def through_proxy(self) -> Iterator[CuttingProxy]:
        """Connections that are made in this context go through the proxy."""
        self._routed = True
        try:
            yield self.proxy()
        finally:
            self._routed = False
            self.proxy().disarm()

    def detour(self) -> int | None:
        """The port of the proxy, while it stands in between."""
        return self.proxy().port if self._routed else None

    def configure(self, dbapi_connection: Any) -> None:
        """Apply the settings of the check."""
        for statement in self.set_statements():
            self.send(dbapi_connection, statement)
            dbapi_connection.commit()

    def send(self, dbapi_connection: Any, sql: str) -> None:
        """Send a statement on somebody's connection, in their transaction, unseen by the seam."""
        cursor = dbapi_connection.cursor()
        try:
            cursor.execute(sql)
            if cursor.description:
                cursor.fetchall()
        finally:
            cursor.close()

    def end(self, dbapi_connection: Any) -> None:
        """End the connection's session at the server, and wait until it is gone."""
        number = self.session_of(dbapi_connection)
        if number is not None:
            self.end_session(number)
            self._wait_until(lambda: number not in self.sessions())

    def restart_server(self) -> None:
        """Crash the dedicated server, start it again, and become its administrator anew."""
        self.server.restart()
        self.reconnect()

    def reconnect(self) -> None:
        """A new administrator's connection, to the database."""
        with suppress(Exception):
            self.admin.close()
        self.admin = self.connect_admin(self.database)

    def wait_until_gone(self, number: int) -> None:
        """Wait until a session has ended."""
        self._wait_until(lambda: number not in self.sessions())

    def wait_until_blocked(self, number: int) -> None:
        """Wait until the server says that a session waits for a lock."""
        self._wait_until(lambda: self.is_blocked(number))

    def cancel_when_active(self, number: int) -> None:
        """Cancel the statement of a session as soon as the server says that it runs; over a connection of its own."""
        beside = self.connect_admin(self.database)
        try:
            deadline = time.monotonic() + SETTLE_S_MAX
            while not self.cancel_if_active(beside, number) and time.monotonic() < deadline:
                time.sleep(0.001)
        finally:
            beside.close()

    def claim(self, dbapi_connection: Any) -> bool:
        """Nothing is opened past the seam unseen on a server; the driver's adapter watches for that."""
        del dbapi_connection
        return False

    def in_use(self, dbapi_connection: Any, *, in_use: bool) -> None:
        """Statements are not traced on a server."""
        del dbapi_connection, in_use

    def leads_to(self, sql: str) -> str:
        """No statement opens another database."""
        del sql
        return ""

    def is_target(self, dialect_name: str, cargs: Any, cparams: Any) -> bool:
        """Whether an engine with these arguments connects to this database."""
        del cargs
        database = cparams.get("dbname") or cparams.get("database") or cparams.get("db")
        local = cparams.get("host") in {self.server.host, "localhost"}
        port = str(cparams.get("port", "")) == str(self.server.port)
        return dialect_name in self.dialects and local and port and database == self.database

    def describe_target(self, dialect_name: str, cargs: Any, cparams: Any) -> str:
        """The server and database, without password."""
        if dialect_name == "sqlite":
            return f"sqlite:///{cargs[0] if cargs else ':memory:'}"
        database = cparams.get("dbname") or cparams.get("database") or cparams.get("db") or ""
        return f"{dialect_name}://{cparams.get('host', '')}:{cparams.get('port', '')}/{database}"

    def serves(self, dialect_name: str) -> bool:
        """Whether the dialect speaks to this server."""
        return dialect_name in self.dialects

    def in_memory(self, url: Any) -> bool:
        """No server keeps a database in a connection."""
        del url
        return False

    def on_driver(self, dbapi_connection: Any, action: Callable[[Any], Any]) -> Any:
        """Run `action` with the connection as SQLAlchemy has it; its calls work in this thread."""
        return action(dbapi_connection)

    def drain(self, dbapi_connection: Any) -> None:
        """Wait until the server no longer works for this connection."""
        number = self.session_of(dbapi_connection)
        if number is not None:
            self._wait_until(lambda: self.sessions().get(number) != "active")

    def settle(self, opened: Iterable[Any]) -> None:
        """Wait until sessions of closed connections are gone and no open one is at work.

        Raises:
            Unsettled: they are not, after `SETTLE_S_MAX` seconds.
        """
        alive = {self.session_of(connection) for connection in opened}
        beside = {self.session_of(connection) for connection in self._beside}

        def settled() -> bool:
            left = {number: state for number, state in self.sessions().items() if number not in beside}
            return all(state == "idle" or (state != "active" and number in alive) for number, state in left.items())

        self._wait_until(settled)

    def _at_work(self) -> list[int]:
        """Sessions that may hold locks; an idle one that is only closing disturbs nobody."""
        return [number for number, state in self.sessions().items() if state != "idle"]

    def _wait_until(self, reached: Callable[[], bool]) -> None:
        """Ask the server again until it says so; a fact, not a pause."""
        deadline = time.monotonic() + SETTLE_S_MAX
        while not reached():
            if time.monotonic() > deadline:
                raise Unsettled(f"{self.engine_name} did not settle within {SETTLE_S_MAX:.0f} s")
            time.sleep(0.001)

    def in_transaction(self, dbapi_connection: Any) -> bool | None:
        """What the server says of the session."""
        number = self.session_of(dbapi_connection)
        state = self.sessions().get(number) if number is not None else None
        return None if state is None else state == "in transaction"

    def unseen(self) -> AbstractContextManager[None]:
        """Nothing is traced, so nothing has to be hidden."""
        return nullcontext()

    @contextmanager
    def watch(self, refuse: Callable[[str], None]) -> Iterator[list[str]]:
        """The adapters of the drivers watch for connections that bypass the seam."""
        del refuse
        yield []

    @contextmanager
    def impatient(self, dbapi_connection: Any) -> Iterator[None]:
        """Lock waits end at once while the context lasts."""
        on, off = self.impatience()
        self.send(dbapi_connection, on)
        try:
            yield
        finally:
            with suppress(Exception):
                self.send(dbapi_connection, off)


def _plain(value: Any) -> Any:
    """A value that can be kept and compared."""
    if isinstance(value, memoryview | bytearray):
        return bytes(value)
    return value
