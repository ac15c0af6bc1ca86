"""The `Sandbox` of PostgreSQL."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from typing import Any

from acidity.engines.hosted import HostedSandbox
from acidity.engines.hosted_database import Shape
from acidity.engines.orphans import PREFIX, owner_is_gone
from acidity.engines.postgresql.session import ANYTHING, left_on
from acidity.engines.server import Server
from acidity.engines.session import Left

DRIVERS: Mapping[str, tuple[str, str]] = {
    "": ("psycopg", "psycopg"),
    "psycopg": ("psycopg", "psycopg"),
    "psycopg2": ("psycopg2", "psycopg"),
    "asyncpg": ("psycopg", "asyncpg"),
}

_CATALOGUE = """
SELECT md5(string_agg(concat_ws(':', c.relname, c.relkind, a.attnum, a.attname, a.atttypid, a.attnotnull, a.attidentity,
       a.attgenerated), '|' ORDER BY c.relname, a.attnum))
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace LEFT JOIN pg_attribute a ON a.attrelid = c.oid
     AND a.attnum > 0
WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p', 'i', 'v', 'S')
"""
_COLUMNS = """
SELECT c.relname, a.attname, a.attgenerated = '' FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid
WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY c.relname, a.attnum
"""
_KEYS = """
SELECT t.relname, con.contype, a.attname, f.relname, b.attname
FROM pg_constraint con JOIN pg_class t ON t.oid = con.conrelid JOIN pg_namespace n ON n.oid = t.relnamespace
CROSS JOIN LATERAL unnest(con.conkey) WITH ORDINALITY AS k(attnum, position)
JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.attnum
LEFT JOIN pg_class f ON f.oid = con.confrelid
LEFT JOIN pg_attribute b ON b.attrelid = f.oid AND b.attnum = con.confkey[k.position]
WHERE n.nspname = 'public' AND con.contype IN ('p', 'f') ORDER BY t.relname, con.conname, k.position
"""
_CONSTRAINTS = """
SELECT (SELECT count(*) FROM pg_constraint con JOIN pg_namespace n ON n.oid = con.connamespace
        WHERE n.nspname = 'public' AND con.contype IN ('p', 'u', 'f', 'c', 'x'))
     + (SELECT count(*) FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
        JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = 'public' AND c.relkind = 'r' AND a.attnum > 0 AND a.attnotnull AND NOT EXISTS (
              SELECT 1 FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary AND a.attnum = ANY (i.indkey)))
"""
# What faults need: a row to fight for, a key to break at COMMIT, a sort too big for its disk at COMMIT.
_BAIT = """
CREATE SCHEMA {bait};
CREATE TABLE {bait}.bait (id int PRIMARY KEY, n int NOT NULL);
INSERT INTO {bait}.bait SELECT i, 0 FROM generate_series(1, 2) i;
CREATE TABLE {bait}.late (id int REFERENCES {bait}.bait DEFERRABLE INITIALLY DEFERRED);
CREATE TABLE {bait}.full (id int);
CREATE FUNCTION {bait}.sort() RETURNS trigger LANGUAGE plpgsql SET search_path = {bait} AS $$
BEGIN PERFORM fill(); RETURN NULL; END $$;
CREATE FUNCTION {bait}.fill() RETURNS bigint LANGUAGE sql SECURITY DEFINER
SET temp_file_limit = '64kB' SET work_mem = '64kB' AS
$$ SELECT count(*) FROM (SELECT repeat('x', 100) || i AS t FROM generate_series(1, 20000) i ORDER BY t OFFSET 0) s $$;
CREATE CONSTRAINT TRIGGER sort AFTER INSERT ON {bait}.full DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW EXECUTE FUNCTION {bait}.sort();
"""


class PostgresqlSandbox(HostedSandbox):
    """A database on a PostgreSQL server, owned by a role without privileges."""

    engine_name = "postgresql"
    dialects = frozenset({"postgresql"})

    def __init__(self, server: Server, settings: Mapping[str, str], drivers: tuple[str, str]) -> None:
        self._own: Any = None
        super().__init__(server, settings, drivers)

    @property
    def bait(self) -> str:
        """The schema for seed rows and for what faults need; its name is no program's, and not that of the role."""
        return f"{self.user}_bait"

    def connect_admin(self, database: str | None = None) -> Any:
        """A superuser's psycopg connection."""
        import psycopg

        return psycopg.connect(
            host=self.server.host,
            port=self.server.port,
            user=self.server.superuser,
            password=self.server.password or None,
            dbname=database or self.server.database,
            autocommit=True,
            prepare_threshold=None,
        )

    def dsn(self, *, asynchronous: bool = False) -> str:
        """``postgresql://…``, which libpq and asyncpg understand."""
        del asynchronous
        return f"postgresql://{self.user}:{self.password}@{self.server.host}:{self.server.port}/{self.database}"

    def create_database(self) -> None:
        """A role that may do what its programs do, and a database that belongs to it."""
        user, database = self.quoted(self.user), self.quoted(self.database)
        self.ask(f"CREATE ROLE {user} LOGIN PASSWORD '{self.password}'")
        self.ask(f"CREATE DATABASE {database} OWNER {user} TEMPLATE template0 STRATEGY file_copy")
        self.server_admin, self.admin = self.admin, self.connect_admin(self.database)
        self.ask("SET lock_timeout = '2s'")
        self.ask(f"ALTER SCHEMA public OWNER TO {user}")

    def run_script(self, text: str) -> None:
        """In one request, which the server takes apart."""
        import psycopg

        with psycopg.connect(self.dsn()) as connection:
            connection.execute(text)

    def keep_before(self) -> None:
        """Seed rows in a schema of ours for `reset`, and a copy of the whole database for invariants and `rebuild`."""
        bait, user = self.quoted(self.bait), self.quoted(self.user)
        self.ask(_BAIT.format(bait=bait))
        for name, shape in self.shapes.items():
            columns = ", ".join(map(self.quoted, shape.writable))
            self.ask(f"CREATE TABLE {bait}.{self.quoted('seed_' + name)} AS SELECT {columns} FROM {self.table(name)}")
        self.ask(f"GRANT USAGE ON SCHEMA {bait} TO {user}")
        self.ask(f"GRANT SELECT, INSERT, UPDATE ON {bait}.bait, {bait}.late, {bait}.full TO {user}")
        self._sequences = [
            (name, *self.ask(f"SELECT last_value, is_called FROM {self.table(name)}")[0])
            for (name,) in self.ask("SELECT sequencename FROM pg_sequences WHERE schemaname = 'public'")
        ]
        self._copy(self.database, self.before)

    def _copy(self, source: str, target: str) -> None:
        """Nobody may be connected to the source meanwhile, so the administrator steps outside."""
        self._step_outside()
        quoted_source, quoted_target = self.quoted(source), self.quoted(target)
        owner = self.quoted(self.user)
        self.ask(f"CREATE DATABASE {quoted_target} TEMPLATE {quoted_source} OWNER {owner} STRATEGY file_copy")
        self.admin = self.connect_admin(self.database)
        self.ask("SET lock_timeout = '2s'")

    def _step_outside(self) -> None:
        if self.admin is not self.server_admin:
            self.admin.close()
            self.admin = self.server_admin

    def rebuild(self) -> None:
        """Drop the database and copy it anew."""
        self._step_outside()
        self.ask(f"DROP DATABASE {self.quoted(self.database)} WITH (FORCE)")
        self._copy(self.before, self.database)

    def drop_databases(self) -> None:
        """Both databases and the role."""
        self._step_outside()
        for name in (self.database, self.before):
            self.ask(f"DROP DATABASE IF EXISTS {self.quoted(name)} WITH (FORCE)")
        self.ask(f"DROP ROLE IF EXISTS {self.quoted(self.user)}")

    def prepared(self) -> dict[str, str]:
        """From pg_prepared_xacts, which knows the database of each."""
        names = self.ask("SELECT gid FROM pg_prepared_xacts WHERE database = current_database() ORDER BY prepared, gid")
        return {name: f"ROLLBACK PREPARED {_literal(name)}" for (name,) in names}

    def sweep(self) -> None:
        """Drop databases whose process is gone; one with a prepared transaction cannot be dropped."""
        import psycopg

        left = self.ask("SELECT database, gid FROM pg_prepared_xacts WHERE starts_with(database, %s)", (PREFIX,))
        for name, gid in left:
            if owner_is_gone(name):
                with suppress(psycopg.Error), self.connect_admin(name) as connection:  # another process may be faster
                    connection.execute(f"ROLLBACK PREPARED {_literal(gid)}")
        for (name,) in self.ask(f"SELECT datname FROM pg_database WHERE starts_with(datname, '{PREFIX}')"):
            if owner_is_gone(name):
                self.ask(f"DROP DATABASE IF EXISTS {self.quoted(name)} WITH (FORCE)")

    def reconnect(self) -> None:
        """Both administrator's connections broke."""
        super().reconnect()
        with suppress(Exception):
            self.server_admin.close()
        self.server_admin = self.connect_admin()
        self.ask("SET lock_timeout = '2s'")

    def read_catalogue(self) -> Any:
        """A digest of tables, columns, indexes, views and sequences."""
        return self.ask(_CATALOGUE)

    def read_shapes(self) -> dict[str, Shape]:
        """From the system catalogue."""
        columns: dict[str, list[tuple[str, bool]]] = {}
        for table, column, writable in self.ask(_COLUMNS):
            columns.setdefault(table, []).append((column, writable))
        keys: dict[str, list[str]] = {}
        references: dict[str, dict[str, tuple[str, str]]] = {}
        for table, kind, column, parent, target in self.ask(_KEYS):
            if kind in {"p", b"p"}:
                keys.setdefault(table, []).append(column)
            else:
                references.setdefault(table, {})[column] = (parent, target)
        return {
            table: Shape(
                tuple(name for name, _ in found),
                tuple(name for name, writable in found if writable),
                tuple(keys.get(table, ())),
                references.get(table, {}),
            )
            for table, found in columns.items()
        }

    def reset_statements(self, tables: Collection[str]) -> Iterable[str]:
        """One text: triggers and foreign keys off, delete, copy, sequences."""
        parts = ["SET session_replication_role = replica"]
        parts += [f"DELETE FROM {self.table(name)}" for name in tables]
        for name in tables:
            shape = self.shapes[name]
            columns = ", ".join(map(self.quoted, shape.writable))
            seed = f"{self.quoted(self.bait)}.{self.quoted('seed_' + name)}"
            parts.append(
                f"INSERT INTO {self.table(name)} ({columns}) OVERRIDING SYSTEM VALUE SELECT {columns} FROM {seed}"
            )
        for name, last, called in self._sequences:
            parts.append(f"SELECT setval('{self.table(name)}', {last}, {called})")
        parts.append("SET session_replication_role = DEFAULT")
        yield "; ".join(parts)

    def table(self, name: str) -> str:
        """In the schema that programs use."""
        return f"public.{self.quoted(name)}"

    def count_constraints(self) -> int:
        """Keys, unique, foreign keys, checks, exclusions and not null."""
        return int(self.ask(_CONSTRAINTS)[0][0])

    def version(self) -> str:
        """As the server says."""
        return str(self.ask("SHOW server_version")[0][0]).split(" ", maxsplit=1)[0]

    def sessions(self) -> dict[int, str]:
        """From pg_stat_activity; who waits for the rest of a request (a Parse without Sync) is not at work."""
        rows = self.ask(
            "SELECT pid, CASE WHEN state = 'active' AND wait_event = 'ClientRead' THEN 'idle in transaction'"
            " ELSE state END FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            " AND backend_type = 'client backend'"
        )
        return {pid: _STATES.get(state or "", "active") for pid, state in rows}

    def end_session(self, number: int) -> None:
        """pg_terminate_backend."""
        self.ask(f"SELECT pg_terminate_backend({int(number)})")

    def is_blocked(self, number: int) -> bool:
        """pg_blocking_pids."""
        return bool(self.ask(f"SELECT cardinality(pg_blocking_pids({int(number)})) > 0")[0][0])

    def cancel_if_active(self, beside: Any, number: int) -> bool:
        """pg_cancel_backend, once pg_stat_activity shows it sleeping in our statement."""
        asked = (
            f"SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE pid = {int(number)} AND wait_event = 'PgSleep'"
        )
        return bool(beside.execute(asked).fetchall())

    def session_of(self, dbapi_connection: Any) -> int | None:
        """The backend's process id, as each driver keeps it."""
        driver = getattr(dbapi_connection, "driver_connection", dbapi_connection)
        if hasattr(driver, "get_server_pid"):  # asyncpg
            return None if driver.is_closed() else int(driver.get_server_pid())
        if driver.closed:
            return None
        return int(driver.info.backend_pid)

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
        """SET, for the whole session."""
        return [f"SET {self.quoted(name)} = {_literal(value)}" for name, value in sorted(self.settings.items())]

    def impatience(self) -> tuple[str, str]:
        """lock_timeout."""
        return "SET LOCAL lock_timeout = '50ms'", "SET LOCAL lock_timeout = DEFAULT"

    def quoted(self, name: str) -> str:
        """In double quotes."""
        return '"' + name.replace('"', '""') + '"'


_STATES = {
    "idle": "idle",
    "idle in transaction": "in transaction",
    "idle in transaction (aborted)": "in transaction",
}


def _literal(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
