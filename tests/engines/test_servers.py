"""Private servers: found, started, shared between processes, stopped by the last one, swept after a SIGKILL."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from acidity.engines import cache
from acidity.engines import server as servers
from acidity.engines.mariadb import server as mariadb
from acidity.engines.mariadb.packages import unpacked
from acidity.engines.postgresql import server as postgresql
from acidity.engines.process import OwnProcess, identity
from acidity.engines.server import Server
from acidity.errors import EngineUnavailable, UsageError

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


@pytest.fixture(params=[POSTGRESQL, MARIADB], ids=lambda engine: engine.name)
def engine(request: pytest.FixtureRequest) -> Engine:
    return request.param


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A place for servers of this test alone, that a server of root's may enter; nothing is left there afterwards."""
    for variable in (postgresql.URL, mariadb.URL):
        monkeypatch.delenv(variable, raising=False)
    memory = Path("/dev/shm")
    path = Path(tempfile.mkdtemp(prefix="servers-", dir=memory if os.access(memory, os.W_OK) else None))
    path.chmod(0o755)
    monkeypatch.setenv("ACIDITY_SANDBOX_DIR", str(path))
    yield path
    servers.sweep()
    left = [entry.name for root in cache.servers_roots() for entry in root.iterdir()]
    assert left in ([], ["gate"])
    shutil.rmtree(path)


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


@pytest.fixture
def user() -> Iterator[Callable[[Engine], User]]:
    """``user(engine)`` -> a process that has started or joined, or soon will."""
    running: list[User] = []

    def begin(engine: Engine) -> User:
        running.append(User(engine))
        return running[-1]

    yield begin
    for one in running:
        with suppress(ValueError):  # it was let go
            one.end(signal.SIGKILL)


def runs(pid: int) -> bool:
    """Whether a process of that number runs; a zombie does not."""
    with suppress(OSError):
        return identity(Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")) is not None
    return False


# One process


def test_it_starts_answers_and_goes(engine: Engine) -> None:
    with engine.start() as server:
        assert engine.ask(server, "SELECT 1") == 1
        assert engine.ask(server, engine.version).startswith(server.version)
        assert server.lives()
        assert runs(server.pid)
        directory = server.directory
    assert not server.lives()
    assert not runs(server.pid)
    assert not directory.parent.parent.exists()
    server.stop()


def test_its_url_is_understood_by_sqlalchemy(engine: Engine) -> None:
    from sqlalchemy import create_engine, text

    arguments = {"ssl_disabled": True} if engine is MARIADB else {}
    with engine.start() as server:
        alchemy = create_engine(server.url(), connect_args=arguments)
        with alchemy.connect() as connection:
            assert connection.execute(text("SELECT 1")).scalar() == 1
        alchemy.dispose()
        assert server.url("a/b", "other", x="1 2").endswith(f"@127.0.0.1:{server.port}/a%2Fb?x=1+2")
        assert server.url("a", "other").startswith(f"{engine.name}+other://{server.superuser}:")


def test_it_lets_nobody_in_without_the_password(engine: Engine) -> None:
    with engine.start() as server:
        with pytest.raises(Exception, match=r"(?i)password"):
            engine.ask(server, "SELECT 1", password="")
        assert server.password not in repr(server)


def test_it_listens_on_the_loopback_only(engine: Engine) -> None:
    with engine.start() as server:
        inodes = set()
        for descriptor in Path(f"/proc/{server.pid}/fd").iterdir():
            with suppress(OSError):
                inodes.add(str(descriptor.readlink()).removeprefix("socket:[").removesuffix("]"))
        listening = []
        for table in ("tcp", "tcp6", "udp", "udp6"):
            for line in Path(f"/proc/{server.pid}/net/{table}").read_text(encoding="utf-8").splitlines()[1:]:
                fields = line.split()
                if fields[9] in inodes and (fields[3] == "0A" or table.startswith("udp")):
                    listening.append(fields[1])
    assert listening == [f"0100007F:{server.port:04X}"]


def test_its_files_are_private(engine: Engine) -> None:
    with engine.start() as server:
        assert server.directory.stat().st_mode & 0o077 == 0
        assert server.directory.parent.stat().st_mode & 0o077 == 0
        assert (server.directory.parents[1] / "marker").stat().st_mode & 0o077 == 0


def test_settings_make_another_server(engine: Engine) -> None:
    name, value, question = engine.setting
    with engine.start() as plain, engine.start({name: value}) as other, engine.start({name: value}) as third:
        assert plain.pid != other.pid == third.pid
        assert str(engine.ask(other, question)) == value
        assert str(engine.ask(plain, question)) != value
        assert value in other.settings.values()


def test_a_wrong_setting_is_the_callers_error(engine: Engine, home: Path) -> None:
    for settings in ({"no_such_thing": "1"}, dict([engine.no_such_value]), {"port": "1"}):
        with pytest.raises(UsageError, match="setting.*" + next(iter(settings)).replace("_", "[-_]")):
            engine.start(settings)
    assert [entry.name for entry in next(home.iterdir()).iterdir()] == ["gate"]


def test_a_server_whose_files_were_deleted_is_stopped(engine: Engine, home: Path) -> None:
    with engine.start() as server:
        shutil.rmtree(next(home.iterdir()))
        assert runs(server.pid)
    assert not runs(server.pid)


# Several processes


def test_two_processes_share_one_and_the_last_stops_it(engine: Engine, user: Callable[[Engine], User]) -> None:
    first, second = user(engine), user(engine)
    pid, port, directory = first.ready()
    assert second.ready() == (pid, port, directory)
    assert first.end() == 0
    assert runs(pid)
    assert second.end() == 0
    assert not runs(pid)
    assert not directory.exists()


def test_many_that_start_at_once_share_one(engine: Engine, user: Callable[[Engine], User]) -> None:
    users = [user(engine) for _ in range(5)]
    assert len({one.ready() for one in users}) == 1


def test_who_comes_later_joins(engine: Engine, user: Callable[[Engine], User]) -> None:
    pid = user(engine).ready()[0]
    with engine.start() as server:
        assert server.pid == pid
        assert engine.ask(server, "SELECT 1") == 1
    assert runs(pid)


def test_ctrl_c_stops_it(engine: Engine, user: Callable[[Engine], User]) -> None:
    one = user(engine)
    pid = one.ready()[0]
    one.end(signal.SIGINT)
    assert not runs(pid)


def test_a_server_whose_user_was_killed_is_replaced(engine: Engine, user: Callable[[Engine], User]) -> None:
    one = user(engine)
    pid, _, directory = one.ready()
    one.end(signal.SIGKILL)
    assert runs(pid)
    with engine.start() as server:
        assert server.pid != pid
        assert not runs(pid)
        assert server.directory == directory
        assert engine.ask(server, "SELECT 1") == 1


def test_another_engine_sweeps_it_too(engine: Engine, user: Callable[[Engine], User]) -> None:
    one = user(engine)
    pid, _, directory = one.ready()
    one.end(signal.SIGKILL)
    with (POSTGRESQL if engine is MARIADB else MARIADB).start():
        assert not runs(pid)
        assert not directory.exists()


def test_a_server_that_somebody_holds_is_not_swept(engine: Engine, user: Callable[[Engine], User]) -> None:
    first, second = user(engine), user(engine)
    pid = first.ready()[0]
    second.ready()
    first.end(signal.SIGKILL)
    assert servers.sweep() == []
    assert runs(pid)


def test_a_crashed_server_comes_back_for_who_joins(engine: Engine, user: Callable[[Engine], User]) -> None:
    with engine.start() as server:
        engine.ask(server, "CREATE DATABASE kept")
        OwnProcess(*_identity(server.pid), server.directory).end([signal.SIGQUIT])
        pid, port, _ = user(engine).ready()
        assert pid != server.pid
        assert port == server.port
        assert engine.ask(server, "SELECT 1", database="kept") == 1


def _identity(pid: int) -> tuple[int, int]:
    found = identity(Path(f"/proc/{pid}/stat").read_text(encoding="utf-8"))
    assert found is not None
    return found


# What is not ours


@pytest.mark.parametrize("forgery", ["other start time", "other command", "none"])
def test_only_a_process_that_is_proven_ours_is_ended(
    engine: Engine, user: Callable[[Engine], User], forgery: str
) -> None:
    one = user(engine)
    pid, _, directory = one.ready()
    one.end(signal.SIGKILL)
    OwnProcess(*_identity(pid), directory).end([signal.SIGQUIT])
    words = [] if forgery == "other command" else [str(directory)]
    stranger = subprocess.Popen([sys.executable, "-c", "input()", *words], stdin=subprocess.PIPE)
    stat = Path(f"/proc/{stranger.pid}/stat").read_text(encoding="utf-8")
    if forgery == "other start time":
        started = str(_identity(stranger.pid)[1])
        stat = stat.replace(f" {started} ", f" {int(started) + 1} ")
    marker = directory.parents[1] / "marker"
    marker.write_text(marker.read_text(encoding="utf-8").partition("\n")[0] + "\n" + stat, encoding="utf-8")
    assert servers.sweep() == [marker.parent]
    assert runs(stranger.pid) == (forgery != "none")  # the last one proves that the test can tell
    stranger.communicate(b"\n")


def test_a_name_with_parentheses_and_blanks_does_not_hide_the_start_time() -> None:
    fields = ["S", *map(str, range(4, 22)), "777", "0"]
    assert identity("12 (a) S (b c) " + " ".join(fields)) == (12, 777)
    assert identity("12 (a) " + " ".join(["Z", *fields[1:]])) is None
    assert identity("") is None
    assert identity("12 (a) S 1 2") is None


def test_a_place_that_others_may_write_to_is_refused(home: Path, engine: Engine) -> None:
    root = cache.servers_root()
    root.chmod(0o777)
    with pytest.raises(EngineUnavailable, match="ACIDITY_SANDBOX_DIR"):
        engine.start()
    root.chmod(0o755)


# Restart


@pytest.mark.parametrize("immediate", [True, False])
def test_a_dedicated_server_restarts_with_its_rows(engine: Engine, *, immediate: bool) -> None:
    with engine.start(dedicated=True) as server, engine.start(dedicated=True) as other, engine.start() as shared:
        assert len({server.pid, other.pid, shared.pid}) == 3
        engine.ask(server, "CREATE DATABASE kept")
        engine.ask(server, "CREATE TABLE t (a INT)", "INSERT INTO t VALUES (42)", database="kept")
        pid, port = server.pid, server.port
        server.restart(immediate=immediate)
        assert (server.pid != pid, server.port) == (True, port)
        assert engine.ask(server, "SELECT a FROM t", database="kept") == 42
        assert not runs(pid)
        with pytest.raises(UsageError, match="dedicated"):
            shared.restart()


def test_a_taken_port_is_told(engine: Engine) -> None:
    with engine.start(dedicated=True) as server:
        server.down()
        assert not server.lives()
        with socket.socket() as squatter:
            squatter.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            squatter.bind((server.host, server.port))
            squatter.listen()
            with pytest.raises(EngineUnavailable, match=f"port {server.port} .* in use"):
                server.up()
        server.up()
        assert engine.ask(server, "SELECT 1") == 1


# Where it comes from


def test_a_url_in_the_environment_is_used_and_left_alone(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    with engine.start() as private:
        monkeypatch.setenv(engine.module.URL, private.url(x="y"))
        named = engine.start()
        assert (named.pid, named.port, named.password) == (None, private.port, private.password)
        assert (named.driver, named.options) == (private.driver, {"x": "y"})
        assert named.version in {"", private.version}
        assert engine.ask(named, "SELECT 1") == 1
        with pytest.raises(EngineUnavailable, match=f"unset {engine.module.URL}"):
            engine.start({"work_mem": "1MB"})
        with engine.start(dedicated=True) as own:
            assert own.pid not in {None, private.pid}
        named.stop()
        assert private.lives()


def test_a_url_where_nothing_answers_is_told_without_its_password(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    monkeypatch.setenv(engine.module.URL, f"{engine.name}://me:secret@127.0.0.1:{port}/")
    with pytest.raises(EngineUnavailable, match=f"127.0.0.1:{port}") as told:
        engine.start()
    assert "secret" not in str(told.value)


@pytest.mark.parametrize(
    "url", ["sqlite:///secret.db", "secret", "postgresql://me:secret@localhost:port/", "mariadb://[secret"]
)
def test_a_url_of_something_else_is_a_usage_error(engine: Engine, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv(engine.module.URL, url)
    with pytest.raises(UsageError, match=engine.module.URL) as told:
        engine.start()
    assert "secret" not in str(told.value)


def test_without_programs_the_remedy_is_told(tmp_path: Path) -> None:
    with pytest.raises(EngineUnavailable, match=r"pip install 'acidity\[postgresql\]'.*PATH.*ACIDITY_POSTGRESQL_URL"):
        postgresql.find(wheel="no_such_wheel", path="", packages=tmp_path)
    with pytest.raises(EngineUnavailable, match=r"no apt-get.*mariadb-server-core.*PATH.*ACIDITY_MARIADB_URL"):
        mariadb.find(path="")


def test_programs_that_do_not_run_are_told(home: Path) -> None:
    for name in ("postgres", "initdb", "mariadbd", "mariadb-install-db", "my_print_defaults"):
        program = home / "17" / "bin" / name
        program.parent.mkdir(parents=True, exist_ok=True)
        program.write_text("#!/bin/sh\necho broken libraries\nexit 3\n", encoding="utf-8")
        program.chmod(0o755)
    with pytest.raises(EngineUnavailable, match=r"postgres failed.*broken libraries"):
        postgresql.find(wheel="no_such_wheel", path="", packages=home)
    with pytest.raises(EngineUnavailable, match=r"mariadbd failed.*broken libraries"):
        mariadb.find(path=str(home / "17" / "bin"))


@pytest.mark.slow
def test_mariadb_is_unpacked_from_packages(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = home / "cache"
    monkeypatch.setenv("ACIDITY_CACHE_DIR", str(own))
    if shutil.which("apt-get") is None:
        with pytest.raises(EngineUnavailable, match="apt-get"):
            unpacked(os.environ["PATH"])
        return
    found = mariadb.find(path=_only("apt-get", "dpkg", into=home / "bin"))
    assert found.server.is_relative_to(own)
    with servers.start(mariadb.MariadbKind(found)) as server:
        assert MARIADB.ask(server, "SELECT 1") == 1
    assert not list(own.rglob("*.deb"))


def _only(*programs: str, into: Path) -> str:
    into.mkdir()
    for program in programs:
        (into / program).symlink_to(shutil.which(program))
    return str(into)
