"""A private server: what it is like, its restart, and where it comes from."""

from __future__ import annotations

import os
import shutil
import socket
from contextlib import suppress
from pathlib import Path

import pytest

from acidity.engines import cache
from acidity.engines import server as servers
from acidity.engines.mariadb import server as mariadb
from acidity.engines.packages import unpacked
from acidity.engines.postgresql import server as postgresql
from acidity.errors import EngineUnavailable, UsageError
from tests.engines.served import MARIADB, POSTGRESQL, Engine, runs
from tests.run.outbox import redis_server

pytestmark = pytest.mark.usefixtures("home")


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


@pytest.mark.dear
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


@pytest.mark.one_server
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


@pytest.mark.dear
@pytest.mark.one_server
def test_settings_make_another_server(engine: Engine) -> None:
    name, value, question = engine.setting
    with engine.start() as plain, engine.start({name: value}) as other, engine.start({name: value}) as third:
        assert plain.pid != other.pid == third.pid
        assert str(engine.ask(other, question)) == value
        assert str(engine.ask(plain, question)) != value
        assert value in other.settings.values()


@pytest.mark.dear
def test_no_vacuum_comes_in_the_middle_of_a_run() -> None:
    """A plan that changes there changes what SERIALIZABLE refuses, so that a schedule comes to something else.

    Sixty rows of some hundred runs are dead enough for one: what a session counts may arrive after the TRUNCATE.
    """
    with POSTGRESQL.start() as server:
        assert POSTGRESQL.ask(server, "SELECT current_setting('autovacuum')") == "off"


@pytest.mark.dear
@pytest.mark.one_server
def test_a_wrong_setting_is_the_callers_error(engine: Engine, home: Path) -> None:
    for settings in ({"no_such_thing": "1"}, dict([engine.no_such_value]), {"port": "1"}):
        with pytest.raises(UsageError, match="setting.*" + next(iter(settings)).replace("_", "[-_]")):
            engine.start(settings)
    assert [entry.name for entry in next(home.iterdir()).iterdir()] == ["gate"]


@pytest.mark.dear
def test_a_server_whose_files_were_deleted_is_stopped(engine: Engine, home: Path) -> None:
    with engine.start() as server:
        shutil.rmtree(next(home.iterdir()))
        assert runs(server.pid)
    assert not runs(server.pid)


# Restart


@pytest.mark.dear
@pytest.mark.one_server
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


@pytest.mark.dear
@pytest.mark.one_server
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


@pytest.mark.dear
@pytest.mark.one_server
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


def test_what_the_servers_user_can_reach_is_asked_again_when_a_permission_changes(home: Path) -> None:
    above = home / "above"
    (above / "below").mkdir(parents=True)
    for path in (above, above / "below"):
        path.chmod(0o755)
    assert cache.reachable(above / "below")
    above.chmod(0o700)
    assert cache.reachable(above / "below") == (os.geteuid() != 0)  # root asks for another user
    above.chmod(0o755)
    assert cache.reachable(above / "below")
    assert not cache.reachable(above / "elsewhere")


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
            unpacked("mariadb", mariadb.PACKAGES, os.environ["PATH"])
        return
    found = mariadb.find(path=_only("apt-get", "dpkg", into=home / "bin"))
    assert found.server.is_relative_to(own)
    with servers.start(mariadb.MariadbKind(found)) as server:
        assert MARIADB.ask(server, "SELECT 1") == 1
    assert not list(own.rglob("*.deb"))


@pytest.mark.slow
def test_redis_is_unpacked_for_the_tests(home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ACIDITY_CACHE_DIR", str(home / "cache"))
    if shutil.which("apt-get") is None:
        pytest.skip("not run: this is no Debian")
    monkeypatch.setenv("PATH", _only("apt-get", "dpkg", into=home / "bin"))
    found = redis_server.find()
    assert Path(found.program).is_relative_to(home / "cache")
    server = redis_server.Server(tmp_path, found)
    server.start()
    server.kill()


def _only(*programs: str, into: Path) -> str:
    into.mkdir()
    for program in programs:
        (into / program).symlink_to(shutil.which(program))
    return str(into)
