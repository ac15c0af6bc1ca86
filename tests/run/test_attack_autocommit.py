"""AUTOCOMMIT, however it came: a unit runs in a real transaction, or is refused before its first statement (H1, H2)."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import event, select, text
from sqlalchemy.orm import Session

from acidity import atomic
from acidity.run import BoundaryError, tables
from acidity.run.beside import beside
from acidity.run.marker import Marker
from tests.run.attacked import Undo, add_to, both_then_undo, drivers
from tests.run.bank import ALICE, BOB

LEVEL = {"isolation_level": "AUTOCOMMIT"}


def by_attribute(connection: Any) -> None:
    connection.autocommit = True


def by_method(connection: Any) -> None:
    connection.await_(connection._connection.autocommit(True)) if hasattr(
        connection, "await_"
    ) else connection.autocommit(True)


def by_text(connection: Any) -> None:
    cursor = connection.cursor()
    cursor.execute("SET autocommit = 1")
    cursor.close()


# How it comes, and where: options of the engine, what is done to each connection, what is done to the engine.
WAYS = {
    "engine-level": (None, {"options": LEVEL}),
    "execution-options": (None, {"prepare": lambda engine: engine.execution_options(**LEVEL)}),
    "connect-args": (
        ("psycopg", "psycopg_async", "pymysql", "aiomysql"),
        {"options": {"connect_args": {"autocommit": True}}},
    ),
    "attribute": (("psycopg", "psycopg2", "psycopg_async", "asyncpg"), {"on_connect": by_attribute}),
    "driver-method": (("pymysql",), {"on_connect": by_method}),
    "sql": (("pymysql", "aiomysql"), {"on_connect": by_text}),
}
CELLS = [
    pytest.param(*cell.values, way, id=f"{cell.values[0]}-{way}", marks=cell.marks)
    for cell in (each if hasattr(each, "values") else pytest.param(each) for each in drivers())
    for way, (only, _) in WAYS.items()
    if only is None or str(cell.values[0]).partition("+")[2] in only
]


@pytest.mark.parametrize(("driver", "way"), CELLS)
def test_h2_autocommit_is_refused_before_the_first_statement(bank_of: Any, driver: str, way: str) -> None:
    bank = bank_of(driver)
    for name, value in WAYS[way][1].items():
        setattr(bank, name, value)
    answers = bank.run(both_then_undo, lambda session: add_to(session, ALICE))
    assert [type(each) for each in answers] == [BoundaryError] * 2, answers
    assert "AUTOCOMMIT" in str(answers[0])
    assert bank.rows() == (100, 0)


@pytest.mark.parametrize(("driver", "way"), [cell for cell in CELLS if "sqlite" not in str(cell.id)])
def test_h2_a_level_of_the_unit_makes_it_real_or_it_is_refused(bank_of: Any, driver: str, way: str) -> None:
    bank = bank_of(driver)
    for name, value in WAYS[way][1].items():
        setattr(bank, name, value)
    undone, done = bank.run(
        both_then_undo, lambda session: add_to(session, BOB), isolation_level="SERIALIZABLE", resolve_commit=True
    )
    if isinstance(undone, BoundaryError):
        assert isinstance(done, BoundaryError)
        assert bank.rows() == (100, 0)
    else:
        assert (type(undone), done) == (Undo, None)
        assert bank.rows() == (100, 10)


@pytest.mark.parametrize("driver", drivers("mariadb"))
def test_h2_autocommit_left_on_by_somebody_is_refused_once(bank_of: Any, driver: str) -> None:
    """The connection is thrown away, so that the next unit gets one that is well."""
    bank = bank_of(driver)
    bank.options = {"pool_size": 1, "max_overflow": 0}
    first = True

    def once(connection: Any) -> None:
        nonlocal first
        if first:
            first = False
            by_text(connection)

    bank.on_connect = once
    refused, undone, done = bank.run(both_then_undo, both_then_undo, lambda session: add_to(session, BOB))
    assert (type(refused), type(undone), done) == (BoundaryError, Undo, None)
    assert bank.rows() == (100, 10)


def test_h2_sqlite_without_transactions_of_its_own_gets_real_ones(bank_of: Any) -> None:
    bank = bank_of("sqlite+pysqlite")
    bank.on_connect = lambda connection: setattr(connection, "isolation_level", None)
    assert [type(each) for each in bank.run(both_then_undo)] == [Undo]
    assert bank.rows() == (100, 0)


@pytest.mark.parametrize("driver", drivers("postgresql", "mariadb"))
def test_h1_the_fence_leaves_nothing_on_an_autocommit_engine(bank_of: Any, driver: str) -> None:
    bank = bank_of(driver)
    bank.options = dict(LEVEL)
    marker = Marker("h1", "", idempotent=True)

    def fence(session: Any) -> bool | None:
        engine = session.get_bind()
        return marker.committed(engine)

    answers = bank.run(fence, fence, isolation_level="REPEATABLE READ")
    assert answers == [False, False]
    assert bank.ask(lambda connection: connection.execute(select(tables.marker)).all()) == []


@pytest.mark.parametrize("driver", ["postgresql+psycopg", "mariadb+pymysql"])
def test_h1_a_lost_commit_on_an_autocommit_engine_is_carried_out_again(bank_of: Any, driver: str, waits: Any) -> None:
    bank = bank_of(driver)
    bank.options = dict(LEVEL)
    engine, lost = bank.engine(), []

    @atomic(engine, isolation_level="REPEATABLE READ", idempotency_key="key", max_attempts=3)
    def unit(session: Any, key: str) -> dict[str, int]:
        add_to(session, ALICE)
        if not lost:  # the connection goes between the last statement and COMMIT
            lost.append(True)
            event.listen(session, "before_commit", lambda session: _cut(session))
        return {"done": 1}

    assert unit("K") == {"done": 1}
    assert unit("K") == {"done": 1}
    assert bank.rows() == (110, 0)
    engine.dispose()


@pytest.mark.parametrize("driver", drivers())
@pytest.mark.parametrize("asked", ["by the unit", "beside it"])
def test_h1_a_connection_that_is_lost_while_its_level_is_set_is_the_pools_again(
    bank_of: Any, driver: str, asked: str
) -> None:
    """And not the garbage collector's: here the error, and with it every frame, is kept."""
    bank = bank_of(driver)
    refused = asked == "by the unit"
    bank.options = {"pool_size": 1 if refused else 2, "max_overflow": 0, "pool_timeout": 0.5}

    def prepare(engine: Any) -> Any:
        event.listen(getattr(engine, "sync_engine", engine), "engine_connect", once)
        return engine

    def once(_connection: Any) -> None:
        nonlocal refused
        if refused:
            refused = False
            raise Undo

    def asks_beside(session: Session) -> None:
        nonlocal refused
        refused = True
        with beside(session.get_bind()):  # type: ignore[arg-type]
            pass

    def needs_all(session: Session) -> None:
        add_to(session, BOB)
        if bank.options["pool_size"] == 2:
            with beside(session.get_bind()):  # type: ignore[arg-type]
                pass

    bank.prepare = prepare
    first, second = bank.run(both_then_undo if refused else asks_beside, needs_all)
    assert (type(first), second) == (Undo, None), (first, second)
    assert bank.rows() == (100, 10)


def _cut(session: Any) -> None:
    """Close the socket under the driver, so that COMMIT cannot be sent."""
    import os

    driver = session.connection().connection.driver_connection
    number = driver.fileno() if hasattr(driver, "fileno") else driver._sock.fileno()
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, number)
    os.close(null)


def test_h2_what_is_asked_beside_a_unit_is_refused_too(bank_of: Any) -> None:
    bank = bank_of("postgresql+psycopg")
    bank.options = {"connect_args": {"autocommit": True}}
    engine = bank.engine()
    with pytest.raises(BoundaryError, match="AUTOCOMMIT"), beside(engine):
        pass
    engine.dispose()


@pytest.mark.parametrize("driver", drivers("postgresql"))
def test_h2_a_transaction_that_is_none_is_seen_after_the_first_statement(bank_of: Any, driver: str) -> None:
    """However the driver was brought to it: what counts is the status of its transaction."""
    bank = bank_of(driver)

    def turned_on(session: Any) -> None:
        connection = session.connection().connection
        connection.dbapi_connection.rollback()
        connection.dbapi_connection.autocommit = True
        add_to(session, ALICE)
        session.execute(text("SELECT 1"))

    (told,) = bank.run(turned_on)
    assert type(told).__name__ == "TransactionEnded", told
    assert "may be committed" in str(told)
