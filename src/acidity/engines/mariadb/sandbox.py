"""The `Sandbox` of MariaDB."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from contextlib import AbstractContextManager
from typing import Any

from acidity.core.call import History, calls
from acidity.core.row import cells_of
from acidity.engines.facts import Waits
from acidity.engines.hosted import HostedSandbox
from acidity.engines.hosted_database import Catalogue, Shape
from acidity.engines.mariadb.catalogue import Reader
from acidity.engines.mariadb.leases import Leases, claim, drop_orphans
from acidity.engines.mariadb.session import left_on, names_in
from acidity.engines.mariadb.speech import only_writes_rows
from acidity.engines.mariadb.storage import FLUSHING
from acidity.engines.mariadb.waiting import Waiting
from acidity.engines.server import Server
from acidity.engines.session import Left

DRIVERS: Mapping[str, tuple[str, str]] = {
    "": ("pymysql", "aiomysql"),
    "pymysql": ("pymysql", "aiomysql"),
    "mysqldb": ("mysqldb", "aiomysql"),
    "mysqlclient": ("mysqldb", "aiomysql"),
    "aiomysql": ("pymysql", "aiomysql"),
}


class MariadbSandbox(HostedSandbox):
    """A database on a MariaDB server, with a user that may do everything in it and nothing elsewhere."""

    engine_name = "mariadb"
    flushing = FLUSHING
    limiting = "SET max_statement_time = {:g}"
    complaints = "SHOW WARNINGS"
    dialects = frozenset({"mariadb", "mysql"})
    _spoken_of: frozenset[Left] = frozenset()

    def __init__(self, server: Server, settings: Mapping[str, str], drivers: tuple[str, str]) -> None:
        self._plain: bool | None = None  # no Call of the run may have made something; None: nobody has told them
        super().__init__(server, settings, drivers)
        self._waiting = Waiting(self.monitor.ask)

    def connect_admin(self, database: str | None = None) -> Any:
        """An administrator's PyMySQL connection."""
        import pymysql
        from pymysql.constants import CLIENT

        return pymysql.connect(
            host=self.server.host,
            port=self.server.port,
            user=self.server.superuser,
            password=self.server.password,
            database=database,
            autocommit=True,
            ssl_disabled=True,
            client_flag=CLIENT.MULTI_STATEMENTS,  # a reset is one request
            init_command="SET SESSION innodb_lock_wait_timeout = 2, lock_wait_timeout = 2",
        )

    def dsn(self, *, asynchronous: bool = False) -> dict[str, Any]:
        """Keyword arguments, which every driver names in its own way."""
        driver = self.driver(asynchronous=asynchronous)
        where: dict[str, Any] = {"host": self.server.host, "port": self.server.port}
        where |= {"user": self.user, "password": self.password}
        where["db" if driver == "aiomysql" else "database"] = self.database
        return where | ({"ssl_disabled": True} if driver == "pymysql" else {})

    @property
    def bait(self) -> str:
        """The database of what faults need; the copy of the rows before is in `before`."""
        return f"{self.database}_own"

    def create_database(self) -> None:
        """Three databases, and a user for the first and third."""
        self.leases = Leases(self.ask, self.database, self.user, (self.server.host, self.server.port))
        claim(self.ask, self.database)
        for name in (self.database, self.before, self.bait):
            self.ask(f"CREATE DATABASE {self.quoted(name)}")
        user = f"'{self.user}'@'%'"
        self.ask(f"CREATE USER {user} IDENTIFIED BY '{self.password}' WITH MAX_USER_CONNECTIONS {_MANY}")
        for name in (self.database, self.bait):
            self.ask(f"GRANT ALL ON {self.quoted(name)}.* TO {user}")
        self.ask(f"GRANT SELECT ON {self.quoted(self.before)}.* TO {user}")
        bait = self.quoted(self.bait)
        self.ask(f"CREATE TABLE {bait}.bait (id int PRIMARY KEY, n int NOT NULL) ENGINE=InnoDB")
        self.ask(f"INSERT INTO {bait}.bait VALUES {', '.join(f'({number}, 0)' for number in range(1, 65))}")
        self.ask(f"CREATE TABLE {bait}.full (t varchar(200)) ENGINE=MEMORY MAX_ROWS=1")
        self.ask(f"USE {self.quoted(self.database)}")

    def databases(self) -> frozenset[str]:
        """Its own, and those that the schema made."""
        return frozenset({self.database, *self.leases.names})

    @property
    def _reader(self) -> Reader:
        return Reader(self.ask, self.quoted, (self.database, *self.leases.names))

    def admitting(self, engine: Any) -> AbstractContextManager[None]:
        """The schema may make databases, which belong to this Sandbox then."""
        del engine
        return self.leases.admitting()

    def run_script(self, text: str) -> None:
        """In one request, which the server takes apart."""
        import pymysql
        from pymysql.constants import CLIENT

        text = self.leases.admitted(text)
        where = self.dsn() | {"ssl_disabled": True, "client_flag": CLIENT.MULTI_STATEMENTS}
        with pymysql.connect(**where) as connection:
            with connection.cursor() as cursor:
                cursor.execute(text)
                while cursor.nextset():
                    pass
            connection.commit()

    def keep_before(self) -> None:
        """Copies of the tables, without foreign keys, and how each was made."""
        for place, number in self._reader.sequences().items():  # as every later run finds it
            self.ask(f"ALTER SEQUENCE {place} RESTART {number}")
        self._unprotected = self._reader.without_transactions()
        self.versioned = self._reader.versioned()
        for place in self.versioned:
            self.ask(f"DELETE HISTORY FROM {place}")
        self._sequences = self._reader.sequences()
        self._numbers = self.numbered = self._reader.numbers()
        self._made = list(self._reader.making())
        self._copies = {self.database: self.before}
        for number, name in enumerate(self.leases.names):
            self._copies[name] = f"{self.before}_{number}"
            self.ask(f"CREATE DATABASE {self.quoted(self._copies[name])}")
        if self.leases.names:  # who looks at the rows before must not see those of now, under the same name
            self.ask(f"CREATE USER '{self.user}_b'@'%' IDENTIFIED BY '{self.password}'")
            for copy in self._copies.values():
                self.ask(f"GRANT SELECT ON {self.quoted(copy)}.* TO '{self.user}_b'@'%'")
        for name, shape in self.shapes.items():
            copy, columns = self._seed_of(shape), self._columns(shape)
            self.ask(f"CREATE TABLE {copy} LIKE {shape.place}")
            if self._unprotected.get(name) == "MEMORY":  # which keeps no row when the server is killed
                self.ask(f"ALTER TABLE {copy} ENGINE = InnoDB")
            self.ask(f"INSERT INTO {copy} ({columns}) SELECT {columns} FROM {shape.place}")

    def traits(self) -> Mapping[str, Any]:
        """Also the tables that no transaction protects."""
        return {**super().traits(), "unprotected": self._unprotected}

    def _seed_of(self, shape: Shape) -> str:
        """The copy of a table with the rows before."""
        database, dot, table = shape.place.partition("`.`")
        return f"{self.quoted(self._copies[database[1:].replace('``', '`')])}.`{table}" if dot else ""

    def before_url(self) -> str:
        """As a user who sees nothing else, where the schema made databases."""
        url = super().before_url()
        return url.replace(f"{self.user}:", f"{self.user}_b:", 1) if self.leases.names else url

    def before_options(self) -> dict[str, Any]:
        """Tables of the other databases are found in their copies."""
        copies = {name: self._copies[name] for name in self.leases.names}
        return {"execution_options": {"schema_translate_map": copies}} if copies else {}

    def rebuild(self) -> None:
        """Drop everything, and make it as it was made."""
        self.leases.create()
        self.ask("SET foreign_key_checks = 0")
        for _, drop, _ in list(self._reader.making()):
            self.ask(drop)
        for database, _, made in self._made:
            self.ask(f"USE {self.quoted(database)}")
            self.ask(made)
        self.ask(f"USE {self.quoted(self.database)}")
        self.ask("SET foreign_key_checks = 1")
        for statement in self.reset_statements(list(self.shapes)):
            self.ask(statement)

    def drop_databases(self) -> None:
        """All of them, and the users; a table of one may refer to another's."""
        self.ask("SET foreign_key_checks = 0")
        self.leases.drop()
        for name in (self.database, *getattr(self, "_copies", {self.database: self.before}).values(), self.bait):
            self.ask(f"DROP DATABASE IF EXISTS {self.quoted(name)}")
        for user in (self.user, f"{self.user}_b"):
            self.ask(f"DROP USER IF EXISTS '{user}'@'%'")

    def prepared(self) -> dict[str, str]:
        """From XA RECOVER, which lists those of the whole server: ours are those that our Calls have named."""
        found = {}
        for form, length, _, data in self.ask("XA RECOVER") if self.named else ():
            branch = data if isinstance(data, bytes) else str(data).encode()
            parts = [branch[:length], branch[length:]]
            if all(part in self.named for part in parts if part):
                text = ",".join(part.decode(errors="replace") for part in parts if part)
                found[text] = f"XA ROLLBACK X'{parts[0].hex()}',X'{parts[1].hex()}',{int(form)}"
        return found

    def sweep(self) -> None:
        """Drop databases whose owner is gone."""
        drop_orphans(self.ask)

    def remember(self, history: History) -> None:
        """Keep also whether a Call may have made or dropped something, and which locks and tables they speak of."""
        super().remember(history)
        self._spoken_of |= names_in(calls(history))
        plain = all(only_writes_rows(event.call.sql) for event in history)
        self._plain = plain and self._plain is not False

    def read_catalogue(self) -> Catalogue:
        """Everything that DDL has made in each of its databases."""
        self._known, self._known_columns = self._reader.everything(), self._reader.columns()
        self._plain = True
        return self._known

    def catalogue_now(self) -> Catalogue:
        """The same as long as the columns are, unless a Call of the run was none of those that only write rows."""
        if self._plain and self._reader.columns() == self._known_columns:
            return self._known
        return self._reader.everything()

    def read_shapes(self) -> dict[str, Shape]:
        """Read the tables from information_schema."""
        return self._reader.shapes()

    def reset(self) -> None:
        """What the next run does is not known yet.

        What it deletes is not purged in its time, by chance before or after somebody else looks for it: that goes into
        locks (mariadb.com/kb/en/innodb-purge). A snapshot that is open keeps it.
        """
        super().reset()
        if self.exact:
            self.monitor.ask("START TRANSACTION WITH CONSISTENT SNAPSHOT")
        self._plain = None
        self._spoken_of = frozenset()

    def reset_statements(self, tables: Collection[str]) -> Iterable[str]:
        """Delete and copy, foreign keys off; triggers cannot be switched off, so they are dropped meanwhile.

        A number that was handed out and rolled back is gone, too: so tables count where no row was changed.
        """
        if tables:
            triggers = [each for each in self._made if each[1].startswith("DROP TRIGGER")]
            parts = ["SET foreign_key_checks = 0", *(drop for _, drop, _ in triggers), "BEGIN"]
            parts += self.emptying(tables)
            for shape in (self.shapes[name] for name in tables):
                columns = self._columns(shape)
                parts.append(f"INSERT INTO {shape.place} ({columns}) SELECT {columns} FROM {self._seed_of(shape)}")
            end = f"USE {self.quoted(self.database)}; SET foreign_key_checks = 1"
            yield "; ".join([*parts, "COMMIT"] if triggers else [*parts, "COMMIT", end])
            for database, _, made in triggers:
                yield f"USE {self.quoted(database)}"
                yield made
            if triggers:
                yield end
        for place in self.versioned:
            yield f"DELETE HISTORY FROM {place}"
        now = self._reader.numbers() if self._numbers else {}
        for place, number in self._numbers.items():
            if now.get(place, wanted := number + self.ahead.get(place, 0)) != wanted:
                yield f"ALTER TABLE {place} AUTO_INCREMENT = {wanted}"
        if self._sequences:
            for place, number in self._reader.sequences().items():
                if number != self._sequences.get(place, number):
                    yield f"ALTER SEQUENCE {place} RESTART {self._sequences[place]}"

    def _columns(self, shape: Shape) -> str:
        return ", ".join(map(self.quoted, shape.writable))

    def count_constraints(self) -> int:
        """Keys, unique, foreign keys, checks and not null."""
        return self._reader.constraints()

    def version(self) -> str:
        """As the server says."""
        return str(self.ask("SELECT VERSION()")[0][0]).split("-", maxsplit=1)[0]

    def sessions(self) -> dict[int, str]:
        """From the process list."""
        rows = self.ask(
            "SELECT id, command FROM information_schema.processlist WHERE (db IN (%s, %s) OR user = %s)"
            " AND id <> CONNECTION_ID()",
            (self.database, self.bait, self.user),
        )
        return {int(number): "asleep" if command == "Sleep" else "active" for number, command in rows}

    def in_transaction(self, dbapi_connection: Any) -> bool | None:
        """The session's own ``@@in_transaction``; information_schema.innodb_trx is a cache that may be stale."""
        if self.session_of(dbapi_connection) is None:
            return None
        cursor = dbapi_connection.cursor()
        try:
            cursor.execute("SELECT @@in_transaction")
            return bool(cells_of(cursor.fetchone())[0])
        except Exception:  # the session is gone: every driver says so in its own way
            return None
        finally:
            cursor.close()

    def at_rest(self, opened: Iterable[Any]) -> int | None:
        """Each open connection says so itself; the run has named no lock, temporary table or prepared transaction."""
        if self._spoken_of or self.named:
            return None
        alive = [connection for connection in opened if self.session_of(connection) is not None]
        beside = {self.session_of(connection) for connection in self._beside}
        known = {self.session_of(connection) for connection in alive}
        there = {number: state for number, state in self.sessions().items() if number not in beside}
        if set(there) != known or "active" in there.values():
            return None
        return None if any(self.in_transaction(each) is not False for each in alive) else len(alive)

    def end_session(self, number: int) -> None:
        """End a session with KILL."""
        import pymysql

        try:
            self.ask(self.ending(number))
        except pymysql.err.OperationalError as error:
            if error.args[0] != _NO_SUCH_THREAD:
                raise

    def ending(self, number: int) -> str:
        """KILL."""
        return f"KILL CONNECTION {int(number)}"

    def sessions_to_end(self, *, everything: bool) -> tuple[str, Any]:
        """By the names of the users, which are this Sandbox's alone; ours by the database that they are in."""
        ours = self.database if everything else None
        return _TO_END, (self.user, f"{self.user}_b", ours)

    def waits(self, sessions: Collection[int]) -> Waits:
        """InnoDB's monitor, and the process list for locks that are not InnoDB's."""
        return self._waiting.of(frozenset(sessions))

    def cancel_if_active(self, number: int) -> bool:
        """KILL QUERY, once the process list shows it sleeping in our statement."""
        asked = f"SELECT 1 FROM information_schema.processlist WHERE id = {int(number)} AND state = 'User sleep'"
        if not self.monitor.ask(asked):
            return False
        self.monitor.ask(f"KILL QUERY {int(number)}")
        return True

    def session_of(self, dbapi_connection: Any) -> int | None:
        """The connection id, as each driver keeps it."""
        driver = getattr(dbapi_connection, "driver_connection", dbapi_connection)
        if getattr(driver, "closed", False) is True:  # aiomysql
            return None
        if hasattr(driver, "open") and not driver.open:  # PyMySQL
            return None
        try:
            return int(driver.thread_id())
        except Exception:  # mysqlclient asks the closed handle, and refuses while another thread uses an open one
            return getattr(driver, "acidity_session", None) if driver.open else None

    def limit_connections(self, *, full: bool) -> None:
        """MAX_USER_CONNECTIONS (1226), with one connection of the same user that stays."""
        import pymysql

        if full:
            self._beside.append(pymysql.connect(**(self.dsn() | {"ssl_disabled": True})))
        self.ask(f"ALTER USER '{self.user}'@'%' WITH MAX_USER_CONNECTIONS {1 if full else _MANY}")
        if not full:
            self._beside.pop().close()

    def commits_by_itself(self, dbapi_connection: Any) -> bool:
        """What the server last told the driver."""
        return bool(getattr(dbapi_connection, "driver_connection", dbapi_connection).get_autocommit())

    def left_on(self, dbapi_connection: Any) -> tuple[Left, ...]:
        """Locks of GET_LOCK, and temporary tables that the run has named."""
        return left_on(dbapi_connection, self._spoken_of)

    def set_statements(self) -> Iterable[str]:
        """SET for each session variable that was asked for."""
        return [f"SET SESSION {name} = {_value(value)}" for name, value in sorted(self.settings.items())]

    def impatience(self) -> tuple[str, str]:
        """SET of innodb_lock_wait_timeout to no wait, and back."""
        return "SET innodb_lock_wait_timeout = 0", "SET innodb_lock_wait_timeout = DEFAULT"

    def query_of(self, driver: str) -> str:
        """PyMySQL builds a TLS context for every connection unless told not to; on loopback there is no TLS."""
        return "?ssl_disabled=1" if driver == "pymysql" else ""

    def quoted(self, name: str) -> str:
        """The name in backticks."""
        return "`" + name.replace("`", "``") + "`"


_TO_END = """
    SELECT id FROM information_schema.processlist WHERE (user IN (%s, %s) OR db = %s) AND id <> CONNECTION_ID()
"""
_NO_SUCH_THREAD = 1094
_MANY = 10_000  # a limit has to be there from the start: without one, MariaDB does not count


def _value(value: str) -> str:
    return value if value.lstrip("-").isdigit() else "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"
