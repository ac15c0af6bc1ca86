"""Every door by which the program might reach data that are not the check's, as programs that try it.

A door changes the one row of ``prod`` on a database of another; `DOORS` says of each door and engine what the check
answers. The table in ``docs/doors.md`` is the same one, for people.
"""

from __future__ import annotations

import os
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, closing, contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from hashlib import sha256
from importlib import import_module
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy import create_engine, text
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool

from acidity.engines import new_sandbox
from acidity.engines.directory import home

WRITE = "UPDATE prod SET v = v + 1"
MODULES = {"sqlite": "sqlite3", "postgresql": "psycopg", "mariadb": "pymysql"}
Use = Callable[[], Any]


@dataclass
class Foreign:
    """A database that is not the check's.

    Attributes:
        db: its engine.
        url: for SQLAlchemy.
        dsn: for the driver.
        stack: closes what a door has opened before the check.
    """

    db: str
    url: str
    dsn: Any
    stack: ExitStack = field(default_factory=ExitStack)

    def connect(self) -> Any:
        """By the driver."""
        driver = import_module(MODULES[self.db])
        return driver.connect(**self.dsn) if isinstance(self.dsn, dict) else driver.connect(self.dsn)

    def kept(self, opened: Any) -> Any:
        """Open until the test is over."""
        self.stack.callback(opened.close)
        return opened

    def checksum(self) -> str:
        """Of every row, read over a connection of its own."""
        engine = create_engine(self.url, poolclass=NullPool)
        with engine.connect() as connection:
            return sha256(repr(connection.execute(text("SELECT v FROM prod")).all()).encode()).hexdigest()


@contextmanager
def foreign(db: str) -> Iterator[Foreign]:
    """One with a table ``prod`` of one row."""
    with ExitStack() as stack:
        if db == "sqlite":
            path = Path(stack.enter_context(TemporaryDirectory(dir=home()))) / "prod.db"  # where links lead from
            one = Foreign(db, f"sqlite:///{path}", str(path))
        else:
            sandbox = new_sandbox(db, {})
            stack.callback(sandbox.close)
            one = Foreign(db, sandbox.url(), sandbox.dsn())
        engine = create_engine(one.url, poolclass=NullPool)
        with engine.begin() as connection:
            connection.execute(text("CREATE TABLE prod (v INTEGER)"))
            connection.execute(text("INSERT INTO prod VALUES (0)"))
        yield one


# A door is opened before the check, and gives what the program does inside it


def write_with(connection: Any) -> None:
    """In the plain way of every driver, and again with a COMMIT that was pending."""
    connection.cursor().execute(WRITE)
    connection.commit()


def driver_connect(one: Foreign) -> Use:
    """The driver's connect."""

    def use() -> None:
        with closing(one.connect()) as connection:
            write_with(connection)

    return use


def engine_inside(one: Foreign) -> Use:
    """An engine that is made inside."""

    def use() -> None:
        with create_engine(one.url, poolclass=NullPool).begin() as connection:
            connection.execute(text(WRITE))

    return use


def driver_connection_before(one: Foreign) -> Use:
    """A driver's connection in a variable of a module."""
    connection = one.kept(one.connect())
    return lambda: write_with(connection)


def driver_cursor_before(one: Foreign) -> Use:
    """A driver's cursor in a variable of a module."""
    connection = one.kept(one.connect())
    cursor = connection.cursor()

    def use() -> None:
        cursor.execute(WRITE)
        connection.commit()

    return use


def pending_commit(one: Foreign) -> Use:
    """Written before the check, committed inside."""
    connection = one.kept(one.connect())
    if one.db == "sqlite":
        connection.execute("BEGIN")  # a write would lock the file against the look at it
    else:
        connection.cursor().execute(WRITE)

    def use() -> None:
        connection.commit()

    return use


def sqlalchemy_connection_before(one: Foreign) -> Use:
    """A Connection of SQLAlchemy in a variable of a module."""
    connection = one.kept(create_engine(one.url, poolclass=NullPool).connect())

    def use() -> None:
        connection.execute(text(WRITE))
        connection.commit()

    return use


def begun_session(one: Foreign) -> Use:
    """A Session of SQLAlchemy that has begun."""
    session = one.kept(Session(create_engine(one.url, poolclass=NullPool)))
    session.execute(text("SELECT 1"))

    def use() -> None:
        session.execute(text(WRITE))
        session.commit()

    return use


def pooled_raw_before(one: Foreign) -> Use:
    """A connection taken from a pool before."""
    connection = one.kept(create_engine(one.url, poolclass=NullPool).raw_connection())
    return lambda: write_with(connection)


def sqlite_class(one: Foreign) -> Use:
    """``sqlite3.Connection(path)``."""

    def use() -> None:
        with closing(sqlite3.Connection(one.dsn)) as connection:
            write_with(connection)

    return use


def sqlite_attach(one: Foreign) -> Use:
    """ATTACH on a connection that leads nowhere."""

    def use() -> None:
        with closing(sqlite3.connect(":memory:")) as connection:
            connection.execute(f"ATTACH '{one.dsn}' AS other")
            connection.execute("UPDATE other.prod SET v = v + 1")
            connection.commit()

    return use


def _libpq(one: Foreign, opens: str) -> Use:
    def use() -> None:
        pq = import_module("psycopg").pq
        connection = getattr(pq.PGconn, opens)(one.dsn.encode())
        while opens == "connect_start" and connection.connect_poll() not in (pq.PollingStatus.OK, 0):
            pass
        connection.exec_(WRITE.encode())
        connection.finish()

    return use


def pgconn(one: Foreign) -> Use:
    """``psycopg.pq.PGconn.connect``."""
    return _libpq(one, "connect")


def pgconn_start(one: Foreign) -> Use:
    """``psycopg.pq.PGconn.connect_start``."""
    return _libpq(one, "connect_start")


def pgconn_before(one: Foreign) -> Use:
    """A bare PGconn in a variable of a module."""
    connection = import_module("psycopg").pq.PGconn.connect(one.dsn.encode())
    one.stack.callback(connection.finish)
    return lambda: connection.exec_(WRITE.encode())


def pgconn_of_connection(one: Foreign) -> Use:
    """The ``pgconn`` of a connection in a variable of a module."""
    connection = one.kept(one.connect())
    return lambda: connection.pgconn.exec_(WRITE.encode())


def pgconn_of_info(one: Foreign) -> Use:
    """The ``info.pgconn`` of such a connection."""
    info = one.kept(one.connect()).info
    return lambda: info.pgconn.exec_(WRITE.encode())


def pgconn_of_cursor(one: Foreign) -> Use:
    """The ``_pgconn`` of a cursor of such a connection."""
    cursor = one.kept(one.connect()).cursor()
    return lambda: cursor._pgconn.exec_(WRITE.encode())


def pgconn_kept_apart(one: Foreign) -> Use:
    """The ``pgconn`` of such a connection, kept by itself."""
    handle = one.kept(one.connect()).pgconn
    return lambda: handle.exec_(WRITE.encode())


def _psycopg2(opens: Callable[[Any], Any], one: Foreign) -> Use:
    def use() -> None:
        with closing(opens(one.dsn)) as connection:
            write_with(connection)

    return use


def psycopg2_connect(one: Foreign) -> Use:
    """``psycopg2.connect``."""
    return _psycopg2(import_module("psycopg2").connect, one)


def psycopg2_low_connect(one: Foreign) -> Use:
    """``psycopg2._psycopg._connect``."""
    return _psycopg2(lambda dsn: import_module("psycopg2._psycopg")._connect(dsn), one)


def psycopg2_class(one: Foreign) -> Use:
    """``psycopg2.extensions.connection(dsn)``."""
    return _psycopg2(lambda dsn: import_module("psycopg2.extensions").connection(dsn), one)


def psycopg2_subclass(one: Foreign) -> Use:
    """A class made of it before."""
    made = type("Mine", (import_module("psycopg2.extensions").connection,), {})
    return _psycopg2(made, one)


def psycopg2_connection_before(one: Foreign) -> Use:
    """A connection of psycopg2 in a variable of a module."""
    connection = one.kept(import_module("psycopg2").connect(one.dsn))
    return lambda: write_with(connection)


# Doors that lead out of the process


def popen(_: Foreign) -> Use:
    """``subprocess``."""
    return lambda: subprocess.run(["/bin/true"], check=True)


def system(_: Foreign) -> Use:
    """``os.system``."""
    return lambda: os.system("/bin/true")


def posix_spawn(_: Foreign) -> Use:
    """``os.posix_spawn``."""

    def use() -> None:
        os.waitpid(os.posix_spawn("/bin/true", ["true"], {}), 0)

    return use


def fork(_: Foreign) -> Use:
    """``os.fork``."""

    def use() -> None:
        pid = os.fork()
        if pid == 0:
            os._exit(0)
        os.waitpid(pid, 0)

    return use


def execute_program(_: Foreign) -> Use:
    """``os.exec*`` in a child."""

    def use() -> None:
        pid = os.fork()
        if pid == 0:
            os.execv("/bin/true", ["true"])
        os.waitpid(pid, 0)

    return use


def multiprocessing_spawn(_: Foreign) -> Use:
    """``multiprocessing`` with the method spawn."""

    def use() -> None:
        process = get_context("spawn").Process(target=os.getpid)
        with suppress(Exception):
            process.start()
            process.kill()
            process.join()

    return use


def process_pool_before(one: Foreign) -> Use:
    """A ``ProcessPoolExecutor`` that was made before."""
    pool = ProcessPoolExecutor(1, mp_context=get_context("fork"))
    pool.submit(os.getpid).result()
    one.stack.callback(pool.shutdown)
    return lambda: pool.submit(os.getpid).result()


def pool_before(one: Foreign) -> Use:
    """A ``multiprocessing.Pool`` that was made before."""
    pool = get_context("fork").Pool(1)
    one.stack.callback(pool.terminate)
    return lambda: pool.apply(os.getpid)


def pipe_before(one: Foreign) -> Use:
    """A pipe to a process that was started before."""
    ours, theirs = get_context("fork").Pipe()
    process = get_context("fork").Process(target=lambda: all(iter(theirs.recv, 0)))
    process.start()
    one.stack.callback(process.join)
    one.stack.callback(ours.send, 0)
    return lambda: ours.send(1)


def sqlite_symbolic_link(one: Foreign) -> Use:
    """A symbolic link in the place of the check's own file."""
    return _linked(one, os.symlink)


def sqlite_hard_link(one: Foreign) -> Use:
    """A hard link in the place of the check's own file."""
    return _linked(one, os.link)


def _linked(one: Foreign, link: Callable[[str, str], None]) -> Use:
    def use() -> None:
        path = own_path.get()
        Path(path).unlink()
        link(one.dsn, path)
        with closing(sqlite3.connect(path)) as connection:
            write_with(connection)

    return use


own_path: ContextVar[str] = ContextVar("own_path")


def blob_before(one: Foreign) -> Use:
    """A ``sqlite3.Blob`` in a variable of a module."""
    connection = one.kept(one.connect())
    connection.execute("CREATE TABLE IF NOT EXISTS blobs (b)")
    connection.execute("INSERT INTO blobs VALUES (x'00')")
    connection.commit()
    blob = one.kept(connection.blobopen("blobs", "b", 1))

    def use() -> None:
        blob[0] = 1

    return use


SQLITE, SERVERS, ALL = ("sqlite",), ("postgresql", "mariadb"), ("sqlite", "postgresql", "mariadb")
POSTGRESQL = ("postgresql",)

DOORS: dict[Callable[[Foreign], Use], tuple[tuple[str, ...], str]] = {
    driver_connect: (ALL, "refused"),
    engine_inside: (ALL, "refused"),
    driver_connection_before: (ALL, "refused"),
    driver_cursor_before: (ALL, "refused"),
    pending_commit: (ALL, "refused"),
    sqlalchemy_connection_before: (ALL, "refused"),
    begun_session: (ALL, "refused"),
    pooled_raw_before: (ALL, "refused"),
    sqlite_class: (SQLITE, "refused"),
    sqlite_attach: (SQLITE, "refused"),
    sqlite_symbolic_link: (SQLITE, "refused"),
    sqlite_hard_link: (SQLITE, "refused"),
    blob_before: (SQLITE, "refused at the start"),
    pgconn: (POSTGRESQL, "refused"),
    pgconn_start: (POSTGRESQL, "refused"),
    pgconn_before: (POSTGRESQL, "refused at the start"),
    pgconn_of_connection: (POSTGRESQL, "refused"),
    pgconn_of_info: (POSTGRESQL, "refused"),
    pgconn_of_cursor: (POSTGRESQL, "refused"),
    pgconn_kept_apart: (POSTGRESQL, "refused at the start"),
    psycopg2_connect: (POSTGRESQL, "refused"),
    psycopg2_low_connect: (POSTGRESQL, "refused"),
    psycopg2_class: (POSTGRESQL, "refused"),
    psycopg2_subclass: (POSTGRESQL, "refused"),
    psycopg2_connection_before: (POSTGRESQL, "refused at the start"),
    popen: (SQLITE, "unknown"),
    system: (SQLITE, "unknown"),
    posix_spawn: (SQLITE, "unknown"),
    fork: (SQLITE, "unknown"),
    execute_program: (SQLITE, "unknown"),
    multiprocessing_spawn: (SQLITE, "unknown"),
    process_pool_before: (SQLITE, "unknown"),
    pool_before: (SQLITE, "unknown"),
    pipe_before: (SQLITE, "unknown"),
}
"""The doors, the engines that have each, and what the check answers. A door out of the process has no engine: it leads
to all of them, and is tried beside one."""


def said_in_docs() -> dict[str, tuple[str, ...]]:
    """The table of ``docs/doors.md``: door → the answers for sqlite, postgresql and mariadb."""
    page = Path(__file__).parents[2] / "docs" / "doors.md"
    rows = [line.strip("| ").split("|") for line in page.read_text(encoding="utf-8").splitlines() if line[:3] == "| `"]
    return {row[0].strip().strip("`"): tuple(cell.strip() for cell in row[-3:]) for row in rows}
