"""What a Call is told to others: its code, a text that was changed under a fault, what cannot be changed, two phases."""

from __future__ import annotations

import inspect
import sqlite3
import threading
import uuid
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from sqlalchemy import create_engine, event, text
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.pool import NullPool

from acidity.adapters.seam import Actor, Layer, PassThrough, PendingCall, RewriteError, request
from acidity.adapters.sqlalchemy import SqlAlchemyAdapter
from acidity.adapters.sqlalchemy.calls import Calls
from acidity.core.call import Kind
from acidity.engines.codes import code_of
from acidity.engines.own_calls import OWN
from acidity.prove.drill.striker import Strike, struck_run
from acidity.prove.faults import FAULTS
from tests.engines.actors import Ground, Script, gated
from tests.engines.bank import balances, staged
from tests.engines.programs import WAYS, Way

DUPLICATE = {"sqlite": "SQLITE_CONSTRAINT_PRIMARYKEY", "postgresql": "23505", "mariadb": "1062"}


@pytest.fixture
def bank(way: Way, grounds: dict[str, Ground]) -> Iterator[Ground]:
    yield grounds[way.db]
    grounds[way.db].put_back()


def alone(way: Way, bank: Ground, layer: Layer) -> tuple[Actor, Any]:
    script = Script("")
    actors = gated("A", script, A=layer)
    told = (bank.in_tasks if way.awaits else bank.in_threads)(
        {"A": lambda: way.program(bank.sandbox, 1)}, actors, script
    )
    return told.actors["A"], told.answers["A"]


class InsertsAgain(Layer):
    """Sends an INSERT of a key that is there in place of the program's UPDATE."""

    def intercept(self, pending: PendingCall) -> None:
        if pending.sql.startswith("UPDATE"):
            pending.sql = "INSERT INTO accounts (id, owner, balance) VALUES (1, 'again', 0)"
        super().intercept(pending)


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_the_code_of_an_error_is_the_one_that_run_reads(way: Way, bank: Ground) -> None:
    actor, error = alone(way, bank, InsertsAgain())
    (refused,) = [each.reply for each in actor.events if each.reply.status == "error"]
    assert refused.code == code_of(error) == DUPLICATE[bank.sandbox.engine_name]


def test_what_is_no_error_of_a_database_has_no_code() -> None:
    def send(_: PendingCall) -> None:
        raise KeyError(5)

    actor = Actor("A", PassThrough())
    with pytest.raises(KeyError):
        request(actor, Kind.EFFECT, "charge", None, wire=None, place=None, send=send)
    assert actor.events[0].reply.code == ""


class Chains(Layer):
    """Wants another text for a COMMIT."""

    def intercept(self, pending: PendingCall) -> None:
        if pending.call.kind is Kind.COMMIT:
            pending.sql = "COMMIT AND CHAIN"
        super().intercept(pending)


@pytest.mark.parametrize(
    "way", [way for way in WAYS if way.name in {"sqlalchemy+sqlite", "sqlite3", "psycopg"}], ids=str
)
def test_a_method_of_the_driver_has_no_text_to_change(way: Way, bank: Ground) -> None:
    actor, error = alone(way, bank, Chains())
    assert isinstance(error, RewriteError), error
    assert next(each for each in actor.events if each.call.kind is Kind.COMMIT).reply.status == "unknown"


class SetsEight(Layer):
    """Writes 8 where the program writes 7."""

    def intercept(self, pending: PendingCall) -> None:
        pending.sql = pending.sql.replace("balance = 7", "balance = 8")
        super().intercept(pending)


def test_a_fault_strikes_the_text_that_a_layer_below_it_has_changed() -> None:
    def sets_seven(dbapi_connection: sqlite3.Connection) -> None:
        dbapi_connection.isolation_level = None
        dbapi_connection.execute("UPDATE accounts SET balance = 7 WHERE id = 1")

    with staged(sets_seven) as stage:
        operation = stage.scenario.operations[0]
        strike = Strike(FAULTS["error-after"], 1)
        run = struck_run(stage, operation, strike, SetsEight())
    assert run.struck
    assert run.ending.exception == "OperationalError"
    assert balances(run) == (8, 0)


class Asks(Layer):
    """Notes whether driver calls count as acidity's own, while the Call is held and after it was made."""

    def __init__(self) -> None:
        super().__init__()
        self.own: set[bool] = set()

    def intercept(self, pending: PendingCall) -> None:
        self.own.add(OWN.get())
        super().intercept(pending)
        self.own.add(OWN.get())


@pytest.mark.parametrize("way", WAYS, ids=str)
@pytest.mark.one_in(2)
def test_no_window_is_open_while_an_actor_is_held(way: Way, bank: Ground) -> None:
    asks = Asks()
    actor, _ = alone(way, bank, asks)
    assert actor.events
    assert asks.own == {False}


def test_two_actors_wrap_a_dialect_once(grounds: dict[str, Ground]) -> None:
    """Both have the first connection of an engine in hand at the same time."""
    met = threading.Barrier(2)

    class Slow(SQLiteDialect_pysqlite):
        def __getattribute__(self, name: str) -> Any:
            if name == "do_executemany":
                with suppress(threading.BrokenBarrierError):
                    met.wait(0.1)
            return super().__getattribute__(name)

    dialect = Slow()
    calls = Calls(SqlAlchemyAdapter(grounds["sqlite"]))
    is_wrapped: list[bool] = []

    def live() -> None:
        calls.wrap(dialect)
        is_wrapped.append("do_execute" in dialect.__dict__)

    threads = [threading.Thread(target=live) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert is_wrapped == [True, True]
    wrapped = dialect.__dict__["do_execute"]
    assert inspect.getclosurevars(wrapped).nonlocals["original"].__func__ is DefaultDialect.do_execute


# Two phases


@pytest.fixture(params=["postgresql", "mariadb"])
def served(request: pytest.FixtureRequest, grounds: dict[str, Ground]) -> Iterator[Ground]:
    yield grounds[request.param]
    grounds[request.param].put_back()


def test_a_call_beside_a_two_phase_prepare_is_seen(served: Ground) -> None:
    """Inside PREPARE the dialect sends statements that are no Calls; those of others are, all the while."""
    script = Script("")
    url = served.sandbox.url()
    engine = create_engine(url, poolclass=NullPool)

    def prepares() -> None:
        @event.listens_for(engine, "before_cursor_execute")
        def hold(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
            if "PREPARE" in statement:
                with script.changed:
                    assert script.changed.wait_for(lambda: "B" in script.ended, 30)

        with engine.connect() as connection:
            transaction = connection.begin_twophase(xid=f"acidity-{uuid.uuid4().hex}")
            connection.execute(text("UPDATE accounts SET balance = 1 WHERE id = 1"))
            transaction.prepare()
            transaction.rollback()

    def beside() -> None:
        script.until_held("A")
        with create_engine(url, poolclass=NullPool).begin() as connection:
            connection.execute(text("UPDATE accounts SET balance = 2 WHERE id = 2"))

    told = served.in_threads({"A": prepares, "B": beside}, gated("AB", script), script)
    assert not told.failures(), told.answers
    kinds = {name: [each.call.kind.value for each in actor.events] for name, actor in told.actors.items()}
    assert kinds["A"][-3:] == ["statement", "prepare", "rollback"]
    assert kinds["B"] == ["statement", "commit"]
    assert not told.bypasses
