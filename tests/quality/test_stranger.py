"""The stranger of the second look: what was left open stops it, and a broken wire of its own does not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, event, text
from sqlalchemy.pool import QueuePool

from acidity.engines import new_sandbox
from acidity.prove.stage.stranger import Encounter, meet

KILL = {
    "postgresql": "SELECT pg_terminate_backend({})",
    "mariadb": "KILL {}",
}
# A request whose answer nobody reads, as an error on its way through a driver may leave it.
ASK = {
    "postgresql": lambda driver: driver.pgconn.send_query(b"SELECT 1"),
    "mariadb": lambda driver: driver._execute_command(3, "SELECT 1"),
}
WHO = {"postgresql": "SELECT pg_backend_pid()", "mariadb": "SELECT CONNECTION_ID()"}


@pytest.fixture(scope="module", params=list(KILL))
def sandbox(request: pytest.FixtureRequest) -> Iterator[Any]:
    made = new_sandbox(request.param, {})

    def schema(engine: Engine) -> None:
        with engine.begin() as connection:
            connection.execute(text("CREATE TABLE notes (id INTEGER PRIMARY KEY)"))

    try:
        made.create(schema, lambda _: None)
        yield made
    finally:
        made.close()


@pytest.fixture
def engine(sandbox: Any) -> Iterator[Engine]:
    made = create_engine(sandbox.url(), poolclass=QueuePool)
    yield made
    made.dispose()


def ended(engine: Engine, sandbox: Any) -> None:
    """Two idle connections of the pool, both ended by the server."""
    held = [engine.connect() for _ in range(2)]
    sessions = [connection.scalar(text(WHO[sandbox.engine_name])) for connection in held]
    for connection in held:
        connection.close()
    other = sandbox.connect_beside()
    for session in sessions:
        sandbox.send(other, KILL[sandbox.engine_name].format(session))
    other.close()


def asks_first(connection: Any) -> None:
    """What programs did before there was ``pool_pre_ping``."""
    connection.exec_driver_sql("SELECT 1")


@pytest.mark.parametrize("asks", [False, True], ids=["plain", "asks first"])
def test_a_broken_wire_is_no_leak(engine: Engine, sandbox: Any, *, asks: bool) -> None:
    ended(engine, sandbox)
    if asks:
        event.listen(engine, "engine_connect", asks_first)
    assert meet([engine], sandbox, beside=True) == Encounter()


def test_what_was_left_open_still_is(engine: Engine, sandbox: Any) -> None:
    """Put back without the reset that a pool makes."""
    pooled = create_engine(sandbox.url(), poolclass=QueuePool, pool_reset_on_return=None)
    driver = pooled.raw_connection()
    cursor = driver.cursor()
    cursor.execute("INSERT INTO notes (id) VALUES (1)")
    cursor.close()
    driver.close()
    try:
        met = meet([pooled], sandbox)
        assert met.leaks == ("a connection went back to the pool with its transaction open",)
    finally:
        pooled.dispose()


@pytest.mark.parametrize("lives", [False, True], ids=["ended", "alive"])
def test_a_driver_that_has_not_noticed_the_end(sandbox: Any, *, lives: bool) -> None:
    """It says that the connection is open, or reads what came before the end; the server knows better."""
    pooled = create_engine(sandbox.url(), poolclass=QueuePool, pool_reset_on_return=None)
    driver = pooled.raw_connection()
    ASK[sandbox.engine_name](driver.driver_connection)
    if not lives:
        sandbox.end(driver.driver_connection)
    driver.close()
    try:
        met = meet([pooled], sandbox)
        assert (met != Encounter()) == lives  # PyMySQL reads the answer to another question
    finally:
        pooled.dispose()


@pytest.mark.parametrize("works", [True, False], ids=["works", "refuses"])
def test_an_engine_that_sets_its_level_itself_meets_a_broken_wire_as_any_other(
    engine: Engine, sandbox: Any, *, works: bool
) -> None:
    """SQLAlchemy sets it before any statement, where nobody wraps what the driver raises."""
    ended(engine, sandbox)
    if not works:
        event.listen(engine, "engine_connect", lambda connection: _refused(connection.connection.dbapi_connection))
    leveled = engine.execution_options(isolation_level="SERIALIZABLE")
    met = meet([leveled], sandbox, beside=True)
    assert (met == Encounter()) == works
    assert bool(met.stopped) != works


def _refused(driver: Any) -> None:
    driver.cursor().execute("SELECT * FROM no_such_table")
