"""Prepared transactions: one that nobody has decided is seen, and nothing of it reaches the next run."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import Engine

from acidity.core.call import Call, Event, Kind, Reply
from acidity.core.prepared import names_in
from acidity.engines import new_sandbox


def schema(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER)"))
        connection.execute(text("INSERT INTO t VALUES (1, 1), (2, 2)"))


@pytest.fixture(params=["postgresql", "mariadb"])
def sandbox(request: pytest.FixtureRequest) -> Iterator[Any]:
    made = new_sandbox(request.param, {})
    try:
        made.create(schema, None)
        yield made
    finally:
        made.close()


@pytest.fixture
def driver(sandbox: Any) -> Iterator[Any]:
    opened = connect(sandbox)
    yield opened
    with suppress(Exception):  # a test may have closed it
        opened.close()


def connect(sandbox: Any) -> Any:
    """A connection of the driver, without a pool that would roll back."""
    engine = create_engine(sandbox.url())
    positional, named = engine.dialect.create_connect_args(engine.url)
    return engine.dialect.connect(*positional, **named)


def prepared(sandbox: Any, driver: Any, name: str) -> None:
    """Prepare a change of one row, as a program does it; the Sandbox learns what was sent."""
    update = "UPDATE t SET n = 70 WHERE id = 1"
    sent = [update, f"PREPARE TRANSACTION '{name}'"]
    if sandbox.engine_name == "mariadb":
        sent = [f"XA START '{name}'", update, f"XA END '{name}'", f"XA PREPARE '{name}'"]
    for statement in sent:
        sandbox.send(driver, statement)
    sandbox.remember(calls(*sent))


def calls(*statements: str, params: Any = None) -> tuple[Event, ...]:
    return tuple(Event(Call("A", 1, Kind.STATEMENT, statement, params), Reply("ok")) for statement in statements)


def rows(sandbox: Any) -> list[Any]:
    return list(sandbox.look().state.tables["t"].rows)


def test_one_that_nobody_decided_is_seen_and_rolled_back(sandbox: Any, driver: Any) -> None:
    prepared(sandbox, driver, "left its here")
    driver.close()
    sandbox.settle([])
    assert sandbox.in_doubt() == ("left its here",)
    assert rows(sandbox) == [(1, 1), (2, 2)]
    sandbox.reset()
    assert sandbox.in_doubt() == ()
    assert rows(sandbox) == [(1, 1), (2, 2)]


def test_its_locks_are_gone_after_the_reset(sandbox: Any, driver: Any) -> None:
    prepared(sandbox, driver, "locks")
    assert sandbox.in_doubt() == ("locks",)
    sandbox.reset()  # also while the session that prepared it is still there
    beside = sandbox.connect_beside()
    sandbox.send(beside, "UPDATE t SET n = 8 WHERE id = 1")
    assert rows(sandbox) == [(1, 8), (2, 2)]
    sandbox.reset()
    assert rows(sandbox) == [(1, 1), (2, 2)]


def test_a_run_that_nobody_looked_at_leaves_none(sandbox: Any, driver: Any) -> None:
    prepared(sandbox, driver, "not looked at")
    sandbox.reset()
    sandbox.remember(calls("XA PREPARE 'not looked at'"))
    assert sandbox.in_doubt() == ()


def test_one_that_was_committed_is_not_in_doubt(sandbox: Any, driver: Any) -> None:
    prepared(sandbox, driver, "decided")
    commit = "COMMIT PREPARED" if sandbox.engine_name == "postgresql" else "XA COMMIT"
    if sandbox.engine_name == "mariadb":
        driver.close()
        sandbox.settle([])
    sandbox.send(sandbox.connect_beside(), f"{commit} 'decided'")
    assert sandbox.in_doubt() == ()
    assert rows(sandbox) == [(1, 70), (2, 2)]


def test_that_of_another_database_is_left_alone(sandbox: Any, driver: Any) -> None:
    other = new_sandbox(sandbox.engine_name, {})
    try:
        other.create(schema, None)
        prepared(sandbox, driver, "mine")
        other.remember(calls("XA PREPARE 'yours'", "PREPARE TRANSACTION 'yours'"))
        assert other.in_doubt() == ()
        other.reset()
        assert sandbox.in_doubt() == ("mine",)
    finally:
        other.close()
    assert sandbox.in_doubt() == ("mine",)


def test_the_database_can_be_dropped(sandbox: Any, driver: Any) -> None:
    prepared(sandbox, driver, "dropped")
    driver.close()
    sandbox.close()
    left = new_sandbox(sandbox.engine_name, {})
    try:
        assert sandbox.database not in databases(left)
    finally:
        left.close()


KILLED = """
import os, signal, sys
from acidity.engines import new_sandbox
from tests.engines.test_prepared import connect, prepared, schema
sandbox = new_sandbox(sys.argv[1], {})
sandbox.create(schema, None)
prepared(sandbox, connect(sandbox), sys.argv[2])
print(sandbox.database, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.dear
@pytest.mark.one_server
def test_that_of_a_killed_process_stops_nobody(sandbox: Any) -> None:
    """PostgreSQL says whose it is, so that it goes; MariaDB does not, so that only its server's end takes it away."""
    name = f"killed {sandbox.database}"
    command = [sys.executable, "-c", KILLED, sandbox.engine_name, name]
    killed = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False, env=os.environ | PATHS)
    next_one = new_sandbox(sandbox.engine_name, {})
    try:
        assert (killed.stdout.strip() in databases(next_one)) is (sandbox.engine_name == "mariadb")
    finally:
        next_one.close()
        sandbox.remember(calls(f"XA PREPARE '{name}'"))
        assert len(sandbox.in_doubt()) == (sandbox.engine_name == "mariadb")


PATHS = {"PYTHONPATH": os.pathsep.join(filter(None, [*sys.path, "."]))}


def databases(sandbox: Any) -> set[str]:
    postgresql = sandbox.engine_name == "postgresql"
    named = "datname FROM pg_database" if postgresql else "schema_name FROM information_schema.schemata"
    return {name for (name,) in sandbox.ask(f"SELECT {named}")}


@pytest.mark.parametrize(
    ("call", "names"),
    [
        ("PREPARE TRANSACTION 'it''s'", {b"it's"}),
        ("XA PREPARE 'a','b',7", {b"a", b"b", b"7"}),
        ("xa prepare X'6162', 0x63, 1", {b"ab", b"c", b"1"}),
        ("prepare _sa_0a1b", {b"_sa_0a1b"}),
        ("UPDATE t SET a = 1", set()),
    ],
)
def test_names(call: str, names: set[bytes]) -> None:
    assert names_in(calls(call)) == names


def test_names_in_parameters() -> None:
    assert names_in(calls("XA PREPARE %s, %s", params=("a", b"b"))) >= {b"a", b"b"}
    assert names_in(calls("XA PREPARE %(xid)s", params={"xid": "a"})) >= {b"a"}
