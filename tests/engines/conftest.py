"""Fixtures of the tests on servers: each engine, a place of the test's own, processes that use a server."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from acidity.engines import cache
from acidity.engines import server as servers
from tests.engines.actors import Ground, Grounds
from tests.engines.served import MARIADB, POSTGRESQL, Engine, User


@pytest.fixture(params=[POSTGRESQL, MARIADB], ids=lambda engine: engine.name)
def engine(request: pytest.FixtureRequest) -> Engine:
    return request.param


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A place for servers of this test alone, that a server of root's may enter; nothing is left there afterwards."""
    for variable in (POSTGRESQL.module.URL, MARIADB.module.URL):
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


@pytest.fixture(scope="module")
def grounds() -> Iterator[dict[str, Ground]]:
    """``grounds[db]`` -> a bank on that engine for the tests of one file, each of which puts it back."""
    with ExitStack() as stack:
        yield Grounds(stack)
