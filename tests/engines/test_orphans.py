"""S3: on a server that several machines share, a sweep drops what is provably acidity's and provably dead, and no more."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from typing import Any

import psycopg
import pymysql
import pytest

from acidity.engines import new_sandbox, orphans
from acidity.engines.mariadb.leases import owner_lives

OTHER_HOST = "0123abcd"
SERVERS = ["postgresql", "mariadb"]


@pytest.fixture(params=SERVERS)
def db(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def sweeper(db: str) -> Iterator[Any]:
    """A Sandbox that sweeps once more whenever it is asked to."""
    sandbox: Any = new_sandbox(db, {})
    yield sandbox
    sandbox.close()


@pytest.fixture
def make(sweeper: Any) -> Iterator[Callable[..., str]]:
    """``make(host, pid, started)`` -> a database of that name, with nobody in it."""
    made = []

    def create(host: str, pid: int, started: int, token: str = "00000001") -> str:
        name = f"acidity_{host}_{pid}_{started}_{token}"
        sweeper.ask(f"CREATE DATABASE {name}")
        made.append(name)
        return name

    yield create
    for name in made:
        with suppress(Exception):
            sweeper.ask(f"DROP DATABASE IF EXISTS {name}")


def there(sandbox: Any, name: str) -> bool:
    table, column = ("pg_database", "datname") if sandbox.engine_name == "postgresql" else (
        "information_schema.schemata", "schema_name"
    )  # fmt: skip
    return bool(sandbox.ask(f"SELECT 1 FROM {table} WHERE {column} = '{name}'"))


def test_s3_the_database_in_use_by_another_host_stays(db: str, sweeper: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as other:
        other.setattr(orphans, "host_identity", lambda: OTHER_HOST)
        theirs: Any = new_sandbox(db, {})
    try:
        assert f"_{OTHER_HOST}_" in theirs.database
        sweeper.sweep()
        assert there(sweeper, theirs.database)
        assert there(sweeper, theirs.before) or db == "postgresql"  # its copy is made with the rows before
        assert theirs.ask("SELECT 1")[0][0] == 1
    finally:
        theirs.close()


def test_s3_the_twin_nobody_is_there_for_another_hosts(sweeper: Any, make: Callable[..., str]) -> None:
    started = int(sweeper.database.split("_")[3])  # it has the numbers of a process that lives here
    name = make(OTHER_HOST, os.getpid(), started)
    sweeper.sweep()
    assert not there(sweeper, name)


@pytest.mark.parametrize("host", [OTHER_HOST, "here"])
def test_s3_never_by_force_while_a_session_is_connected(sweeper: Any, make: Callable[..., str], host: str) -> None:
    name, session = in_use(sweeper, make, orphans.host_identity() if host == "here" else host)
    sweeper.sweep()
    assert there(sweeper, name)
    session.cursor().execute("SELECT 1")
    session.close()
    while serves(sweeper, name):
        pass
    sweeper.sweep()
    assert not there(sweeper, name)


def in_use(sweeper: Any, make: Callable[..., str], host: str) -> tuple[str, Any]:
    """A database of a process that is gone, and a session on it; other checks may sweep it before anybody is there."""
    for attempt in range(10):
        name = make(host, 4_000_000, 1, f"{attempt:08x}")
        with suppress(Exception):
            return name, sweeper.connect_admin(name)
    raise AssertionError("swept each time before a session was there")


def serves(sandbox: Any, name: str) -> bool:
    """Whether the server sees a session of that owner."""
    return bool(sandbox.owner_lives(name) if sandbox.engine_name == "postgresql" else owner_lives(sandbox.ask, name))


@pytest.fixture
def make_role(sweeper: Any) -> Iterator[Callable[[str], str]]:
    """``make_role(name)`` -> a role, or user, that may log in."""
    made = []

    def create(name: str) -> str:
        created = (
            f"ROLE {name} LOGIN PASSWORD 'x'"
            if sweeper.engine_name == "postgresql"
            else f"USER '{name}'@'%' IDENTIFIED BY 'x'"
        )
        sweeper.ask(f"CREATE {created}")
        made.append(name)
        return name

    yield create
    for name in made:
        with suppress(Exception):
            sweeper.ask(f"DROP ROLE {name}" if sweeper.engine_name == "postgresql" else f"DROP USER '{name}'@'%'")


def is_role(sandbox: Any, name: str) -> bool:
    table, column = ("pg_roles", "rolname") if sandbox.engine_name == "postgresql" else ("mysql.user", "user")
    return bool(sandbox.ask(f"SELECT 1 FROM {table} WHERE {column} = '{name}'"))


@pytest.mark.parametrize("host", [OTHER_HOST, "here"])
def test_s3_the_role_of_an_owner_who_is_gone_goes_too(
    sweeper: Any, make: Callable[..., str], make_role: Callable[[str], str], host: str
) -> None:
    name = make(orphans.host_identity() if host == "here" else host, 4_000_000, 2)
    make_role(name)
    if sweeper.engine_name == "postgresql":
        sweeper.ask(f"ALTER DATABASE {name} OWNER TO {name}")
    sweeper.sweep()
    assert not there(sweeper, name)
    assert not is_role(sweeper, name)


def test_s3_the_role_of_a_session_stays(db: str, sweeper: Any, make_role: Callable[[str], str]) -> None:
    """It is connected elsewhere, and no database of that name is there."""
    name = make_role(f"acidity_{OTHER_HOST}_7_7_00000007")
    with closing(logged_in(db, sweeper, name)):
        sweeper.sweep()
        assert is_role(sweeper, name)
    while serves(sweeper, name):
        pass
    sweeper.sweep()
    assert not is_role(sweeper, name)


def logged_in(db: str, sandbox: Any, name: str) -> Any:
    where = {"host": sandbox.server.host, "port": sandbox.server.port, "user": name, "password": "x"}
    if db == "postgresql":
        return psycopg.connect(**where, dbname="postgres")
    return pymysql.connect(**where, ssl_disabled=True)


@pytest.mark.parametrize("name", ["acidity_app", "acidity_0123abcd"])
def test_s3_a_role_that_is_not_named_so_stays(sweeper: Any, make_role: Callable[[str], str], name: str) -> None:
    make_role(name)
    sweeper.sweep()
    assert is_role(sweeper, name)


def test_s3_a_role_carries_the_name_of_its_database(sweeper: Any) -> None:
    assert is_role(sweeper, sweeper.database)
    assert sweeper.user == orphans.owner_of(sweeper.user)


def test_s3_a_process_of_this_host_that_lives_keeps_its_own(sweeper: Any, make: Callable[..., str]) -> None:
    started = int(sweeper.database.split("_")[3])
    name = make(orphans.host_identity(), os.getpid(), started)
    sweeper.sweep()
    assert there(sweeper, name)


@pytest.mark.parametrize("name", ["acidity_prod", "acidity_1_2_0123abcd", "acidity_0123abcd_1_2_0123abcd_more"])
def test_s3_what_is_not_named_so_is_nobodys_business(sweeper: Any, name: str) -> None:
    sweeper.ask(f"CREATE DATABASE {name}")
    try:
        sweeper.sweep()
        assert there(sweeper, name)
    finally:
        sweeper.ask(f"DROP DATABASE {name}")


def test_s3_a_name_fits_with_what_is_added_to_it() -> None:
    name, _ = orphans.fresh_name()
    assert orphans.owner_of(name) == name
    assert orphans.owner_of(f"{name}_before_12") == name
    assert orphans.owner_of("acidity_prod") is None
    assert len(f"{name}_before_12") <= 63


def test_s3_two_boots_and_two_containers_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    here = orphans.host_identity()
    monkeypatch.setattr(orphans.os, "readlink", lambda _: "pid:[1]")
    assert orphans.host_identity.__wrapped__() != here
