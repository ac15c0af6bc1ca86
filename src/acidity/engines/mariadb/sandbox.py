"""The `Sandbox` of MariaDB."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from acidity.core.call import History, calls
from acidity.engines.hosted import HostedSandbox
from acidity.engines.hosted_database import Shape
from acidity.engines.mariadb.session import left_on, names_in
from acidity.engines.orphans import PREFIX, owner_is_gone
from acidity.engines.session import Left

DRIVERS: Mapping[str, tuple[str, str]] = {
    "": ("pymysql", "aiomysql"),
    "pymysql": ("pymysql", "aiomysql"),
    "mysqldb": ("mysqldb", "aiomysql"),
    "mysqlclient": ("mysqldb", "aiomysql"),
    "aiomysql": ("pymysql", "aiomysql"),
}

_CATALOGUE = """
SELECT table_name, column_name, column_type, is_nullable, column_key, extra FROM information_schema.columns
WHERE table_schema = %s ORDER BY table_name, ordinal_position
"""
_TABLES = "SELECT table_name FROM information_schema.tables WHERE table_schema = %s AND table_type = 'BASE TABLE'"
_KEYS = """
SELECT table_name, constraint_name, column_name, referenced_table_name, referenced_column_name
FROM information_schema.key_column_usage WHERE table_schema = %s
AND (constraint_name = 'PRIMARY' OR referenced_table_name IS NOT NULL)
ORDER BY table_name, constraint_name, ordinal_position
"""
_TRIGGERS = "SELECT trigger_name FROM information_schema.triggers WHERE trigger_schema = %s ORDER BY trigger_name"
_CONSTRAINTS = """
SELECT (SELECT count(*) FROM information_schema.table_constraints WHERE table_schema = %s)
     + (SELECT count(*) FROM information_schema.columns WHERE table_schema = %s AND is_nullable = 'NO'
        AND column_key <> 'PRI')
"""


class MariadbSandbox(HostedSandbox):
    """A database on a MariaDB server, with a user that may do everything in it and nothing elsewhere."""

    engine_name = "mariadb"
    dialects = frozenset({"mariadb", "mysql"})
    _spoken_of: frozenset[Left] = frozenset()

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
            init_command="SET SESSION innodb_lock_wait_timeout = 2",
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

    def run_script(self, text: str) -> None:
        """In one request, which the server takes apart."""
        import pymysql
        from pymysql.constants import CLIENT

        where = self.dsn() | {"ssl_disabled": True, "client_flag": CLIENT.MULTI_STATEMENTS}
        with pymysql.connect(**where) as connection:
            with connection.cursor() as cursor:
                cursor.execute(text)
                while cursor.nextset():
                    pass
            connection.commit()

    def keep_before(self) -> None:
        """Copies of the tables, without foreign keys, and how each was made."""
        self._made = [(name, str(self.ask(f"SHOW CREATE TABLE {self.table(name)}")[0][1])) for name in self.shapes]
        triggers = [name for (name,) in self.ask(_TRIGGERS, (self.database,))]
        self._triggers = [(name, str(self.ask(f"SHOW CREATE TRIGGER {self.table(name)}")[0][2])) for name in triggers]
        for name, shape in self.shapes.items():
            copy, columns = f"{self.quoted(self.before)}.{self.quoted(name)}", self._columns(shape)
            self.ask(f"CREATE TABLE {copy} LIKE {self.table(name)}")
            self.ask(f"INSERT INTO {copy} ({columns}) SELECT {columns} FROM {self.table(name)}")

    def rebuild(self) -> None:
        """Drop every table and view, and make the tables as they were made."""
        self.ask("SET foreign_key_checks = 0")
        for name, kind in self.ask(
            "SELECT table_name, table_type FROM information_schema.tables WHERE table_schema = %s", (self.database,)
        ):
            self.ask(f"DROP {'VIEW' if kind == 'VIEW' else 'TABLE'} {self.table(name)}")
        for _, made in self._made:
            self.ask(made)
        self.ask("SET foreign_key_checks = 1")
        for statement in self.reset_statements(list(self.shapes)):
            self.ask(statement)

    def drop_databases(self) -> None:
        """All three, and the user."""
        for name in (self.database, self.before, self.bait):
            self.ask(f"DROP DATABASE IF EXISTS {self.quoted(name)}")
        self.ask(f"DROP USER IF EXISTS '{self.user}'@'%'")

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
        """Drop databases whose process is gone, unless a prepared transaction of nobody's knowing locks them."""
        import pymysql

        for (name,) in self.ask("SELECT schema_name FROM information_schema.schemata"):
            if name.startswith(PREFIX) and owner_is_gone(name.removesuffix("_own")):
                try:
                    self.ask(
                        f"SET STATEMENT innodb_lock_wait_timeout = 0 FOR DROP DATABASE IF EXISTS {self.quoted(name)}"
                    )
                except pymysql.err.OperationalError as error:
                    if error.args[0] != _LOCKED:
                        raise

    def read_catalogue(self) -> Any:
        """Every column of every table and view."""
        return self.ask(_CATALOGUE, (self.database,))

    def read_shapes(self) -> dict[str, Shape]:
        """From information_schema."""
        tables = {name for (name,) in self.ask(_TABLES, (self.database,))}
        columns: dict[str, list[tuple[str, bool]]] = {}
        serial = set()
        for table, column, _, _, _, extra in self.read_catalogue():
            if table in tables:
                columns.setdefault(table, []).append((column, "GENERATED" not in extra.upper()))
                if "auto_increment" in extra:
                    serial.add(table)
        keys: dict[str, list[str]] = {}
        references: dict[str, dict[str, tuple[str, str]]] = {}
        for table, name, column, parent, target in self.ask(_KEYS, (self.database,)):
            if name == "PRIMARY":
                keys.setdefault(table, []).append(column)
            else:
                references.setdefault(table, {})[column] = (parent, target)
        return {
            table: Shape(
                tuple(name for name, _ in found),
                tuple(name for name, writable in found if writable),
                tuple(keys.get(table, ())),
                references.get(table, {}),
                table in serial,
            )
            for table, found in sorted(columns.items())
        }

    def reset_statements(self, tables: Collection[str]) -> Iterable[str]:
        """Delete and copy, foreign keys off; triggers cannot be switched off, so they are dropped meanwhile."""
        if not tables:
            return
        parts = ["SET foreign_key_checks = 0"]
        parts += [f"DROP TRIGGER IF EXISTS {self.table(name)}" for name, _ in self._triggers]
        parts.append("BEGIN")
        parts += [f"DELETE FROM {self.table(name)}" for name in tables]
        for name in tables:
            columns = self._columns(self.shapes[name])
            seed = f"{self.quoted(self.before)}.{self.quoted(name)}"
            parts.append(f"INSERT INTO {self.table(name)} ({columns}) SELECT {columns} FROM {seed}")
        yield "; ".join([*parts, "COMMIT"])
        for _, made in self._triggers:
            yield made
        yield "SET foreign_key_checks = 1"

    def _columns(self, shape: Shape) -> str:
        return ", ".join(map(self.quoted, shape.writable))

    def table(self, name: str) -> str:
        """In the database that programs use."""
        return f"{self.quoted(self.database)}.{self.quoted(name)}"

    def count_constraints(self) -> int:
        """Keys, unique, foreign keys, checks and not null."""
        return int(self.ask(_CONSTRAINTS, (self.database, self.database))[0][0])

    def version(self) -> str:
        """As the server says."""
        return str(self.ask("SELECT VERSION()")[0][0]).split("-", maxsplit=1)[0]

    def sessions(self) -> dict[int, str]:
        """From the process list."""
        rows = self.ask(
            "SELECT id, command FROM information_schema.processlist WHERE db IN (%s, %s) AND id <> CONNECTION_ID()",
            (self.database, self.bait),
        )
        return {int(number): "asleep" if command == "Sleep" else "active" for number, command in rows}

    def in_transaction(self, dbapi_connection: Any) -> bool | None:
        """The session's own ``@@in_transaction``; information_schema.innodb_trx is a cache that may be stale."""
        if self.session_of(dbapi_connection) is None:
            return None
        cursor = dbapi_connection.cursor()
        try:
            cursor.execute("SELECT @@in_transaction")
            return bool(cursor.fetchone()[0])
        except Exception:  # the session is gone: every driver says so in its own way
            return None
        finally:
            cursor.close()

    def end_session(self, number: int) -> None:
        """KILL."""
        import pymysql

        try:
            self.ask(f"KILL CONNECTION {int(number)}")
        except pymysql.err.OperationalError as error:
            if error.args[0] != _NO_SUCH_THREAD:
                raise

    def is_blocked(self, number: int) -> bool:
        """InnoDB's monitor shows it in LOCK WAIT; information_schema.innodb_trx is a cache that may be stale."""
        (row,) = self.ask("SHOW ENGINE INNODB STATUS")
        return str(number) in _LOCK_WAIT.findall(str(row[2]))

    def cancel_if_active(self, beside: Any, number: int) -> bool:
        """KILL QUERY, once the process list shows it sleeping in our statement."""
        with beside.cursor() as cursor:
            asked = f"SELECT 1 FROM information_schema.processlist WHERE id = {int(number)} AND state = 'User sleep'"
            if not cursor.execute(asked):
                return False
            cursor.execute(f"KILL QUERY {int(number)}")
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
        except Exception:  # mysqlclient asks the closed handle
            return None

    def limit_connections(self, *, full: bool) -> None:
        """MAX_USER_CONNECTIONS (1226), with one connection of the same user that stays."""
        import pymysql

        if full:
            self._beside.append(
                pymysql.connect(
                    host=self.server.host,
                    port=self.server.port,
                    user=self.user,
                    password=self.password,
                    ssl_disabled=True,
                )
            )
        self.ask(f"ALTER USER '{self.user}'@'%' WITH MAX_USER_CONNECTIONS {1 if full else _MANY}")
        if not full:
            self._beside.pop().close()

    def commits_by_itself(self, dbapi_connection: Any) -> bool:
        """What the server last told the driver."""
        return bool(getattr(dbapi_connection, "driver_connection", dbapi_connection).get_autocommit())

    def remember(self, history: History) -> None:
        """Keep also the names of locks and temporary tables that these Calls speak of."""
        super().remember(history)
        self._spoken_of |= names_in(calls(history))

    def left_on(self, dbapi_connection: Any) -> tuple[Left, ...]:
        """Locks of GET_LOCK, and temporary tables that the run has named."""
        return left_on(dbapi_connection, self._spoken_of)

    def reset(self) -> None:
        """The next run names its own."""
        super().reset()
        self._spoken_of = frozenset()

    def set_statements(self) -> Iterable[str]:
        """Session variables."""
        return [f"SET SESSION {name} = {_value(value)}" for name, value in sorted(self.settings.items())]

    def impatience(self) -> tuple[str, str]:
        """innodb_lock_wait_timeout."""
        return "SET innodb_lock_wait_timeout = 0", "SET innodb_lock_wait_timeout = DEFAULT"

    def query_of(self, driver: str) -> str:
        """PyMySQL builds a TLS context for every connection unless told not to; on loopback there is no TLS."""
        return "?ssl_disabled=1" if driver == "pymysql" else ""

    def quoted(self, name: str) -> str:
        """In backticks."""
        return "`" + name.replace("`", "``") + "`"


_NO_SUCH_THREAD = 1094
_LOCKED = 1205
_MANY = 10_000  # a limit has to be there from the start: without one, MariaDB does not count
_LOCK_WAIT = re.compile(r"LOCK WAIT \d+ lock struct.*?thread id (\d+)", re.DOTALL)


def _value(value: str) -> str:
    return value if value.lstrip("-").isdigit() else "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"
