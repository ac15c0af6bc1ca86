"""Messages of a key are published in the order of their COMMITs, also when an earlier emit commits later."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import Context
from typing import Any

import pytest
from sqlalchemy import Boolean, Column, Integer, MetaData, Table, insert, select, text, update
from sqlalchemy.engine import Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from acidity import atomic, savepoint
from acidity.engines.codes import code_of
from acidity.run import Relay, emit
from tests.run.outbox.actors import Writer

LEVELS = [None, "READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"]
WAITS = {"55P03", "1205", "SQLITE_BUSY"}
# The order in which a peer's relay publishes 2 before 1.
STEPS = ["A begin", "A emit", "B begin", "B emit", "B commit", "relay", "A commit", "relay"]


class Ours:
    def __init__(self, engine: Engine, impatient: Engine | None = None, **options: Any) -> None:
        self.engine, self.impatient, self.options = engine, impatient, options

    def writer(self) -> Any:
        return Writer(self.impatient, **self.options)

    def relay(self) -> list[Any]:
        published: list[Any] = []
        relay = Relay(self.engine, lambda message: published.append(message.payload))
        Context().run(relay.run_once)  # as in another thread, outside of any unit
        return published


naive = Table(
    "naive_outbox",
    MetaData(),
    Column("position", Integer, primary_key=True),
    Column("payload", Integer),
    Column("published", Boolean, default=False),
)


class NaiveWriter:
    def __init__(self, engine: Engine) -> None:
        self.session = Session(engine)

    def begin(self) -> None:
        connection = self.session.connection()
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN IMMEDIATE")

    def emit(self, payload: int) -> None:
        self.session.execute(insert(naive).values(payload=payload))

    def commit(self) -> None:
        self.session.commit()

    def abort(self, error: BaseException) -> None:
        self.session.rollback()


class Naive:
    """An autoincrement column as the order: the negative control."""

    def __init__(self, engine: Engine, impatient: Engine) -> None:
        self.engine, self.impatient = engine, impatient
        naive.drop(engine, checkfirst=True)
        naive.create(engine)

    def writer(self) -> Any:
        return NaiveWriter(self.impatient)

    def relay(self) -> list[Any]:
        with self.engine.begin() as connection:
            query = select(naive).where(naive.c.published.is_(False)).order_by(naive.c.position)
            rows = connection.execute(query.with_for_update(skip_locked=True)).all()
            done = naive.c.position.in_([row.position for row in rows])
            connection.execute(update(naive).where(done).values(published=True))
        return [row.payload for row in rows]


def play(outbox: Any) -> list[Any]:
    """Go through STEPS; who is told to wait rolls back and does it all again when A is through."""
    writers = {"A": (outbox.writer(), 1), "B": (outbox.writer(), 2)}
    try:
        return _play(outbox, writers)
    except BaseException as error:
        for writer, _ in writers.values():
            writer.abort(error)
        raise


def _play(outbox: Any, writers: dict[str, Any]) -> list[Any]:
    published: list[Any] = []
    waiting = None
    for step in STEPS:
        if step == "relay":
            with suppress_waits():
                published += outbox.relay()
            continue
        name, action = step.split()
        writer, value = writers[name]
        if waiting is writer:
            continue
        try:
            act(writer, action, value)
        except DBAPIError as error:
            has_to_wait(error)
            writer.abort(error)
            waiting = writer
    if waiting is not None:
        for action in ("begin", "emit", "commit"):
            act(waiting, action, 2)
        published += outbox.relay()
    return published


@contextmanager
def suppress_waits() -> Iterator[None]:
    """On SQLite a relay has to wait for the writer."""
    try:
        yield
    except DBAPIError as error:
        has_to_wait(error)


def has_to_wait(error: DBAPIError) -> None:
    assert code_of(error) in WAITS, error


def act(writer: Any, action: str, value: int) -> None:
    getattr(writer, action)(*([value] if action == "emit" else []))


@pytest.mark.parametrize("before", [[], [0]], ids=["first of the key", "key known"])
@pytest.mark.parametrize("level", LEVELS)
def test_an_earlier_emit_that_commits_later_is_published_first(
    shop: Engine, impatient: Engine, level: str | None, before: list[int]
) -> None:
    for payload in before:
        with atomic(shop):
            emit("topic", payload, key="k")
    assert Ours(shop).relay() == before
    assert play(Ours(shop, impatient, isolation_level=level)) == [1, 2]


def test_the_naive_outbox_publishes_them_the_wrong_way_round(shop: Engine, impatient: Engine) -> None:
    wrong = [1, 2] if shop.dialect.name == "sqlite" else [2, 1]  # which has one writer
    try:
        assert play(Naive(shop, impatient)) == wrong
    finally:
        naive.drop(shop)


NUMBER = {"postgresql": "SELECT pg_backend_pid()", "mariadb": "SELECT connection_id()", "sqlite": "SELECT 0"}


@pytest.mark.parametrize("level", LEVELS)
def test_the_second_unit_waits_and_tries_again(sandbox: Any, database: Engine, shop: Engine, level: str | None) -> None:
    numbers: list[int] = []
    begun = threading.Event()
    errors: list[BaseException] = []

    @atomic(database, isolation_level=level, max_attempts=5)
    def second(session: Session) -> None:
        numbers.append(session.execute(text(NUMBER[database.dialect.name])).scalar_one())
        begun.set()
        emit("topic", 2, key="k")

    def in_thread() -> None:
        try:
            second()
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=in_thread, daemon=True)
    with atomic(database):
        emit("topic", 1, key="k")
        thread.start()
        if database.dialect.name != "sqlite":  # where the second unit cannot begin before the first has ended
            assert begun.wait(20)
            sandbox.wait_until_blocked(numbers[0])
            assert Ours(shop).relay() == []
    thread.join(20)
    assert not errors, errors
    retried = database.dialect.name == "postgresql" and level in {"REPEATABLE READ", "SERIALIZABLE"}
    assert len(numbers) == 1 + retried
    assert Ours(shop).relay() == [1, 2]


def test_keys_in_different_orders_deadlock_and_are_tried_again(database: Engine, shop: Engine) -> None:
    engine = database
    emitted = threading.Barrier(2, timeout=20)
    attempts: list[str] = []
    errors: list[BaseException] = []

    @atomic(engine, max_attempts=5)
    def unit(session: Session, name: str, keys: list[str]) -> None:
        attempts.append(name)
        emit("topic", name, key=keys[0])
        if attempts.count(name) == 1 and engine.dialect.name != "sqlite":
            emitted.wait()
        emit("topic", name, key=keys[1])

    def in_thread(name: str, keys: list[str]) -> None:
        try:
            unit(name, keys)
        except BaseException as error:
            errors.append(error)

    threads = [
        threading.Thread(target=in_thread, args=each, daemon=True) for each in (("A", ["x", "y"]), ("B", ["y", "x"]))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not errors, errors
    if engine.dialect.name == "sqlite":
        assert len(attempts) == 2
    else:  # the victim may be back before the other one has what it waited for, and meet it once more
        assert len(attempts) >= 3
    assert sorted(Ours(engine).relay()) == ["A", "A", "B", "B"]


def test_other_keys_do_not_wait(shop: Engine, impatient: Engine) -> None:
    first, second = Writer(impatient), Writer(impatient)
    first.begin()
    first.emit(1, key="k")
    if shop.dialect.name == "sqlite":
        with pytest.raises(DBAPIError):
            second.begin()
        first.commit()
        return
    second.begin()
    second.emit(2, key="l")
    second.emit(3, key=None)
    second.commit()
    assert Ours(shop).relay() == [2, 3]
    first.commit()
    assert Ours(shop).relay() == [1]


def test_a_unit_that_is_rolled_back_leaves_no_gap(shop: Engine) -> None:
    writer = Writer(shop)
    writer.begin()
    writer.emit(1)
    writer.abort(ZeroDivisionError())
    with atomic(shop):
        emit("topic", 2, key="k")
    assert Ours(shop).relay() == [2]


def test_a_savepoint_takes_its_message_back(shop: Engine) -> None:
    with atomic(shop):
        with savepoint() as point:
            emit("topic", 1, key="k")
            point.rollback()
            emit("topic", 2, key="k")
        emit("topic", 3, key="k")
    assert Ours(shop).relay() == [2, 3]
