"""Several processes share one private server; the last one stops it, and nothing else is ever touched."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from acidity.engines import cache
from acidity.engines import server as servers
from acidity.engines.process import OwnProcess, identity
from acidity.errors import EngineUnavailable
from tests.engines.served import MARIADB, POSTGRESQL, Engine, User, identity_of, runs

pytestmark = [pytest.mark.usefixtures("home"), pytest.mark.one_server]


@pytest.mark.dear
def test_two_processes_share_one_and_the_last_stops_it(engine: Engine, user: Callable[[Engine], User]) -> None:
    first, second = user(engine), user(engine)
    pid, port, directory = first.ready()
    assert second.ready() == (pid, port, directory)
    assert first.end() == 0
    assert runs(pid)
    assert second.end() == 0
    assert not runs(pid)
    assert not directory.exists()


@pytest.mark.slow
def test_many_that_start_at_once_share_one(engine: Engine, user: Callable[[Engine], User]) -> None:
    users = [user(engine) for _ in range(5)]
    assert len({one.ready() for one in users}) == 1


@pytest.mark.dear
def test_who_comes_later_joins(engine: Engine, user: Callable[[Engine], User]) -> None:
    pid = user(engine).ready()[0]
    with engine.start() as server:
        assert server.pid == pid
        assert engine.ask(server, "SELECT 1") == 1
    assert runs(pid)


@pytest.mark.dear
def test_ctrl_c_stops_it(engine: Engine, user: Callable[[Engine], User]) -> None:
    one = user(engine)
    pid = one.ready()[0]
    one.end(signal.SIGINT)
    assert not runs(pid)


@pytest.mark.dear
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


@pytest.mark.dear
def test_another_engine_sweeps_it_too(engine: Engine, user: Callable[[Engine], User]) -> None:
    one = user(engine)
    pid, _, directory = one.ready()
    one.end(signal.SIGKILL)
    with (POSTGRESQL if engine is MARIADB else MARIADB).start():
        assert not runs(pid)
        assert not directory.exists()


@pytest.mark.dear
def test_a_server_that_somebody_holds_is_not_swept(engine: Engine, user: Callable[[Engine], User]) -> None:
    first, second = user(engine), user(engine)
    pid = first.ready()[0]
    second.ready()
    first.end(signal.SIGKILL)
    assert servers.sweep() == []
    assert runs(pid)


@pytest.mark.dear
def test_a_crashed_server_comes_back_for_who_joins(engine: Engine, user: Callable[[Engine], User]) -> None:
    with engine.start() as server:
        engine.ask(server, "CREATE DATABASE kept")
        OwnProcess(*identity_of(server.pid), server.directory).end([signal.SIGQUIT])
        pid, port, _ = user(engine).ready()
        assert pid != server.pid
        assert port == server.port
        assert engine.ask(server, "SELECT 1", database="kept") == 1


# What is not ours


@pytest.mark.parametrize("forgery", ["other start time", "other command", "none"])
def test_only_a_process_that_is_proven_ours_is_ended(
    engine: Engine, user: Callable[[Engine], User], forgery: str
) -> None:
    one = user(engine)
    pid, _, directory = one.ready()
    one.end(signal.SIGKILL)
    OwnProcess(*identity_of(pid), directory).end([signal.SIGQUIT])
    words = [] if forgery == "other command" else [str(directory)]
    stranger = subprocess.Popen([sys.executable, "-c", "input()", *words], stdin=subprocess.PIPE)
    stat = Path(f"/proc/{stranger.pid}/stat").read_text(encoding="utf-8")
    if forgery == "other start time":
        started = str(identity_of(stranger.pid)[1])
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
