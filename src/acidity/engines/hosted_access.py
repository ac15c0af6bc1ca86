"""`Access` to a database on a server, which connect arguments name by address and database."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from typing import Any

from sqlalchemy.engine import make_url

from acidity.engines.codes import codes_of
from acidity.engines.hosted_database import state_name
from acidity.engines.hosted_facts import HostedFacts, asked_of
from acidity.engines.proxy import CuttingProxy
from acidity.engines.sandbox import Unsettled
from acidity.engines.speech import ErrorClass, speech_of

LEVELS = ("READ UNCOMMITTED", "READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE")
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


class HostedAccess(HostedFacts):
    """See `Access` for what the methods promise."""

    asks_room = ""  # how many more sessions it admits, where a driver tells no code of a refusal
    asks_locked = ""  # schema and name of each table that a transaction keeps even readers out of
    sets_level = "SET SESSION TRANSACTION ISOLATION LEVEL"
    asks_own_level = "SELECT IF(@@SESSION.tx_isolation <> @@GLOBAL.tx_isolation, 1, 0)"  # set by who has opened it
    keeps_sessions = False
    looks_for_cycles_s = 0.0
    peculiar = ""
    on_connect: Callable[[], None]
    _level = ""
    _passes_locks = False
    _routed: bool

    def connect(self, dialect: Any, cparams: Mapping[str, Any]) -> Any:
        """A connection of the dialect, with the engine's own arguments, to this database (or through the proxy)."""
        return self._connect(dialect, cparams, self.database)

    def open(self, dialect: Any, cargs: Any, cparams: Any) -> Any:
        """The same; the URL was ours, and may have named another database that is ours too."""
        del cargs
        return self._connect(dialect, cparams, _database_in(cparams))

    def _connect(self, dialect: Any, cparams: Mapping[str, Any], database: str) -> Any:
        self.on_connect()
        positional, ours = dialect.create_connect_args(make_url(self.url_of(database, dialect.driver)))
        others = {name: value for name, value in cparams.items() if name not in _WHERE}
        arguments = {**ours, **others}
        if self._routed:
            arguments["port"] = self.proxy().port
        with self.dialling():
            return self._dial(dialect, positional, arguments)

    def _dial(self, dialect: Any, positional: list[Any], arguments: dict[str, Any]) -> Any:
        return dialect.connect(*positional, **arguments)

    @contextmanager
    def dialling(self) -> Iterator[None]:
        """By the code of the refusal; where that has none, by what the server says of itself."""
        try:
            yield
        except Exception as error:
            if self._is_full(error):
                raise Unsettled(
                    f"the server has no connection left for the callers ({type(error).__name__}); let go of some that "
                    "others hold there, or raise its max_connections"
                ) from error
            raise

    def _is_full(self, error: Exception) -> bool:
        errors = speech_of(self.engine_name).errors
        if not self.asks_room:
            return any(errors.get(code) is ErrorClass.FULL for code in codes_of(error))
        with suppress(Exception):  # it may be down
            return bool(self.monitor.ask(self.asks_room)[0][0] <= 0)
        return False

    def keep(self, opened: Iterable[Any]) -> None:
        """Every run has sessions of its own."""
        del opened

    def lending(self, may: Callable[[], bool]) -> AbstractContextManager[None]:
        """Nothing is kept."""
        del may
        return nullcontext()

    def url_of(self, database: str, driver: str) -> str:
        """The SQLAlchemy URL of a database of this Sandbox."""
        where = f"{self.user}:{self.password}@{self.server.host}:{self.server.port}"
        return f"{self.engine_name}+{driver}://{where}/{database}{self.query_of(driver)}"

    def query_of(self, driver: str) -> str:
        """The options of a URL that this driver needs."""
        del driver
        return ""

    @contextmanager
    def passing_locks(self) -> Iterator[None]:
        """As the server tells of locks that last until their transaction ends."""
        self._passes_locks = True
        try:
            yield
        finally:
            self._passes_locks = False

    def locked(self) -> frozenset[str]:
        """None where a lock on a table may outlast a transaction."""
        if not (self._passes_locks and self.asks_locked):
            return frozenset()
        return frozenset(state_name("public", *found) for found in self.ask(self.asks_locked))

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
        """Apply the settings of the check, and the level that it imposes; the program may set another one after it, or
        may have set one with the connection, which is kept.
        """
        level = [f"{self.sets_level} {self._level}"] if self._level else []
        if level and str(asked_of(dbapi_connection, self.asks_own_level)) == "1":
            level = []
            dbapi_connection.commit()
        for statement in (*self.set_statements(), *level):
            self.send(dbapi_connection, statement)
            dbapi_connection.commit()

    def impose(self, level: str) -> bool:
        """For every session; to commit each statement by itself is no level of a server's."""
        self._level = level if level in LEVELS else self._level
        return level in LEVELS

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

    def databases(self) -> frozenset[str]:
        """The databases that belong to this Sandbox and that a program may connect to."""
        return frozenset({self.database})

    def is_target(self, dialect_name: str, cargs: Any, cparams: Any) -> bool:
        """Whether an engine with these arguments connects to a database of this Sandbox."""
        del cargs
        local = cparams.get("host") in {self.server.host, "localhost"}
        port = str(cparams.get("port", "")) == str(self.server.port)
        return dialect_name in self.dialects and local and port and _database_in(cparams) in self.databases()

    def describe_target(self, dialect_name: str, cargs: Any, cparams: Any) -> str:
        """The server and database, without password."""
        if dialect_name == "sqlite":
            return f"sqlite:///{cargs[0] if cargs else ':memory:'}"
        return f"{dialect_name}://{cparams.get('host', '')}:{cparams.get('port', '')}/{_database_in(cparams)}"

    def serves(self, dialect_name: str) -> bool:
        """Whether the dialect speaks to this server."""
        return dialect_name in self.dialects

    def in_memory(self, url: Any) -> bool:
        """No server keeps a database in a connection."""
        del url
        return False

    @contextmanager
    def watch(self, refuse: Callable[[str], None]) -> Iterator[list[str]]:
        """The adapters of the drivers watch for connections that bypass the seam."""
        del refuse
        yield []


def _database_in(cparams: Mapping[str, Any]) -> str:
    """Its name; PyMySQL keeps the bytes of it, once it has connected."""
    name = cparams.get("dbname") or cparams.get("database") or cparams.get("db") or ""
    return name.decode(errors="replace") if isinstance(name, bytes) else str(name)
