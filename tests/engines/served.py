"""The engines that have a server, and a process that uses one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from acidity.engines import cache
from acidity.engines.mariadb import server as mariadb
from acidity.engines.postgresql import server as postgresql
from acidity.engines.process import identity
from acidity.engines.server import Server

PATIENCE = 60
USER = """
import json, sys
from acidity.engines.{engine} import server
mine = server.start()
print(json.dumps([mine.pid, mine.port, str(mine.directory)]), flush=True)
sys.stdin.read()
"""


@dataclass(frozen=True)
class Engine:
    """What differs between the engines for these tests."""

    module: ModuleType
    connect: Callable[[Server, str, str], Any]
    version: str
    setting: tuple[str, str, str]
    no_such_value: tuple[str, str]

    @property
    def name(self) -> str:
        return self.module.__name__.split(".")[-2]

    def start(self, settings: dict[str, str] | None = None, *, dedicated: bool = False) -> Server:
        return self.module.start(settings, dedicated=dedicated)

    def ask(self, server: Server, *statements: str, password: str | None = None, database: str = "") -> Any:
        """The first value of the last answer."""
        connection = self.connect(server, server.password if password is None else password, database)
        with closing(connection), connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
            return cursor.fetchone()[0] if cursor.description else None


def psycopg_connection(server: Server, password: str, database: str) -> Any:
    import psycopg

    where = {"host": server.host, "port": server.port, "user": server.superuser, "password": password}
    return psycopg.connect(**where, dbname=database or server.database, autocommit=True)


def pymysql_connection(server: Server, password: str, database: str) -> Any:
    import pymysql

    where = {"host": server.host, "port": server.port, "user": server.superuser, "password": password}
    return pymysql.connect(**where, database=database or None, autocommit=True, ssl_disabled=True)


POSTGRESQL = Engine(
    postgresql, psycopg_connection, "SHOW server_version", ("work_mem", "1234kB", "SHOW work_mem"), ("fsync", "perhaps")
)
MARIADB = Engine(
    mariadb,
    pymysql_connection,
    "SELECT VERSION()",
    ("sort_buffer_size", "65536", "SELECT @@sort_buffer_size"),
    ("sort_buffer_size", "1"),
)


class User:
    """A process that uses the shared server of an engine until it is let go."""

    def __init__(self, engine: Engine) -> None:
        source = str(Path(cache.__file__).parents[2])
        self.process = subprocess.Popen(
            [sys.executable, "-c", USER.format(engine=engine.name)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": os.pathsep.join((source, *sys.path))},
        )

    def ready(self) -> tuple[int, int, Path]:
        """Number and port of its server, and the data directory."""
        line = self.process.stdout.readline()
        if not line:
            pytest.fail(self.process.communicate()[1].decode())
        pid, port, directory = json.loads(line)
        return pid, port, Path(directory)

    def end(self, number: int | None = None) -> int:
        """Let it go, or send it a signal; its return code, when it has ended."""
        if number is not None:
            self.process.send_signal(number)
        self.process.communicate(timeout=PATIENCE)
        return self.process.returncode


def runs(pid: int) -> bool:
    """Whether a process of that number runs; a zombie does not."""
    with suppress(OSError):
        return identity(Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")) is not None
    return False


def identity_of(pid: int) -> tuple[int, int]:
    """Number and start time of a process that runs."""
    found = identity(Path(f"/proc/{pid}/stat").read_text(encoding="utf-8"))
    assert found is not None
    return found
