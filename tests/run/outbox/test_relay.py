"""What a relay does with publishers that fail, with parked messages, and with databases that go away."""

from __future__ import annotations

import asyncio
import threading
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import create_engine, event, func, select
from sqlalchemy.engine import Engine
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.orm import Session

from acidity import atomic
from acidity.errors import UsageError
from acidity.run import (
    BoundaryError,
    Message,
    NoTransaction,
    Relay,
    UnitPoisoned,
    discard,
    emit,
    parked,
    prune_outbox,
    requeue,
    tables,
)
from tests.run.bank import ALICE, Account
from tests.run.outbox.actors import Writer
from tests.run.outbox.conftest import Clock

SENT = [("x", 1), ("y", 2), ("x", 3), (None, 4), ("y", 5), ("x", 6)]


class Broker:
    """Takes messages, but for those in `refused`."""

    def __init__(self, refused: Any = ()) -> None:
        self.refused, self.got = set(refused), []

    def __call__(self, message: Message) -> None:
        if message.payload in self.refused:
            raise ConnectionError(f"no \0 {message.payload} ü")
        self.got.append(message.payload)

    def of(self, key: str | None) -> list[int]:
        return [payload for payload in self.got if (key, payload) in SENT]


def send(engine: Engine) -> None:
    for key, payload in SENT:
        with atomic(engine):
            emit("topic", payload, key=key)


def test_a_message_arrives_as_it_was_emitted(shop: Engine, clock: Clock) -> None:
    payload = {"text": "ü\0\n☃" * 30_000, "list": [1, 2.5, None, True]}
    with atomic(shop):
        number = emit("töpic", payload, key="Schlüssel ☃")
    got: list[Message] = []
    assert Relay(shop, got.append).run_once() == 1
    assert got == [Message(number, "töpic", payload, "Schlüssel ☃", clock.time)]
    assert Message.from_json(got[0].to_json()) == got[0]


@pytest.mark.parametrize("position", range(len(SENT)))
def test_a_failure_holds_back_its_key_and_no_other(shop: Engine, clock: Clock, position: int) -> None:
    send(shop)
    key, refused = SENT[position]
    broker = Broker({refused})
    relay = Relay(shop, broker, batch_size=4)
    while relay.run_once():
        pass
    behind = {p for k, p in SENT[position:] if k == key and (k is not None or p == refused)}
    assert sorted(broker.got) == sorted({p for _, p in SENT} - behind)
    broker.refused = set()
    assert relay.run_once() == 0, "not before the pause is over"
    clock.pass_by(1)
    while relay.run_once():
        pass
    assert sorted(broker.got) == [1, 2, 3, 4, 5, 6]
    assert (broker.of("x"), broker.of("y")) == ([1, 3, 6], [2, 5])


def test_pauses_grow_until_it_is_parked(shop: Engine, clock: Clock) -> None:
    send(shop)
    broker = Broker({1})
    relay = Relay(shop, broker, max_attempts=4, backoff_s=2, backoff_max_s=3)
    pauses = []
    while not parked(shop):
        relay.run_once()
        with shop.connect() as connection:
            due = connection.scalar(select(tables.outbox.c.due_at).where(tables.outbox.c.attempts > 0))
        pauses.append(None if due is None else (due - clock.time).total_seconds())
        clock.pass_by(3)
    assert pauses == [2, 3, 3, None]
    (letter,) = parked(shop)
    assert (letter.payload, letter.attempts) == (1, 4)
    assert letter.last_error == "ConnectionError: no \\x00 1 \\xfc"
    assert broker.of("x") == [], "it holds back its key"
    assert sorted(broker.got) == [2, 4, 5]
    broker.refused = set()
    assert requeue(shop, letter.id) == 1
    relay.run_once()
    assert broker.of("x") == [1, 3, 6]
    assert parked(shop) == []


def test_what_to_do_with_parked_messages(shop: Engine) -> None:
    send(shop)
    broker = Broker({1, 2})
    Relay(shop, broker, max_attempts=1).run_once()
    first, second = parked(shop)
    assert discard(shop) == discard(shop, "other") == 0
    assert discard(shop, first.id) == 1
    Relay(shop, broker).run_once()
    assert (broker.of("x"), broker.of("y")) == ([3, 6], [])
    assert requeue(shop) == 1
    broker.refused = set()
    Relay(shop, broker).run_once()
    assert broker.of("y") == [second.payload, 5]
    assert prune_outbox(shop, older_than=timedelta(days=-1)) == len(SENT)


def test_a_parked_message_may_let_the_others_pass(shop: Engine) -> None:
    send(shop)
    broker = Broker({1})
    relay = Relay(shop, broker, max_attempts=1, parked_blocks=False)
    relay.run_once()
    relay.run_once()
    assert broker.of("x") == [3, 6]
    broker.refused = set()
    requeue(shop)
    relay.run_once()
    assert broker.of("x") == [3, 6, 1]


def rows(engine: Engine, table: Any = tables.outbox) -> int:
    with engine.connect() as connection:
        return connection.scalar(select(func.count()).select_from(table)) or 0


def test_published_messages_are_kept_or_not(shop: Engine, clock: Clock) -> None:
    send(shop)
    assert Relay(shop, Broker(), keep=False, batch_size=4).run_once() == 4
    assert rows(shop) == 2
    Relay(shop, Broker()).run_once()
    assert rows(shop) == 2
    clock.pass_by(3600)
    assert prune_outbox(shop, older_than=timedelta(hours=2)) == 0
    assert prune_outbox(shop, older_than=timedelta(minutes=59)) == 2
    assert rows(shop) == rows(shop, tables.outbox_key) == 0


def test_pruning_leaves_the_counter_of_a_unit_that_emits(shop: Engine) -> None:
    with atomic(shop):
        emit("topic", 1, key="x")
    Relay(shop, Broker()).run_once()
    if shop.dialect.name != "sqlite":
        writer = Writer(shop)
        writer.begin()
        writer.emit(2, key="x")
        prune_outbox(shop, older_than=timedelta(days=-1))
        writer.commit()
        assert rows(shop, tables.outbox_key) == 1
    with atomic(shop):
        emit("topic", 3, key="x")
    broker = Broker()
    Relay(shop, broker).run_once()
    assert broker.got == ([3] if shop.dialect.name == "sqlite" else [2, 3])


def test_it_runs_until_it_is_told_to_stop(shop: Engine, waits: list[float]) -> None:
    send(shop)
    stop = threading.Event()
    broker = Broker()
    assert Relay(shop, broker, batch_size=2, poll_s=7).run(lambda: len(waits) == 3) == len(SENT)
    assert waits == [7, 7, 7]
    stop.set()
    assert Relay(shop, broker).run(stop) == 0
    with pytest.raises(UsageError, match="stop"):
        Relay(shop, broker).run(stop=3)


def test_it_goes_on_when_the_database_is_back(shop: Engine, waits: list[float]) -> None:
    send(shop)
    broken = [True, True, False]

    def fail(*_: Any) -> None:
        if broken and broken.pop(0):
            raise OperationalError("SELECT", {}, Exception("gone"))

    event.listen(shop, "before_cursor_execute", fail)
    with pytest.raises(OperationalError):
        Relay(shop, Broker()).run_once()
    broker = Broker()
    assert Relay(shop, broker, poll_s=5).run(lambda: len(waits) == 2) == len(SENT)
    assert waits == [5, 5]


def test_a_publisher_that_spoils_the_transaction_is_blamed(shop: Engine, clock: Clock) -> None:
    send(shop)
    broker = Broker()

    @atomic(shop)
    def local(session: Session) -> None:
        session.get_one(Account, 99)

    def publish(message: Message) -> None:
        broker(message)
        if message.payload == 2:
            local()

    relay = Relay(shop, publish)
    assert relay.run_once() == 0
    assert relay.run_once() == 4, "all but y are published by another transaction"
    assert broker.of("y") == [2]
    with shop.connect() as connection:
        error = connection.scalar(select(tables.outbox.c.last_error).where(tables.outbox.c.attempts == 1))
    assert "NoResultFound" in str(error)


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_an_interruption_leaves_everything_as_it_was(shop: Engine, error: type[BaseException]) -> None:
    send(shop)

    def publish(message: Message) -> None:
        raise error

    with pytest.raises(error):
        Relay(shop, publish).run()
    broker = Broker()
    assert Relay(shop, broker).run_once() == len(SENT)


def test_async(sandbox: Any, shop: Engine, clock: Clock, waits: list[float]) -> None:
    async def main() -> None:
        engine = create_async_engine(sandbox.url(asynchronous=True))
        got: list[Any] = []

        async def publish(message: Message) -> None:
            await asyncio.sleep(0)
            if message.payload == 2 and not message.attempts:
                raise ConnectionError
            got.append(message.payload)

        @atomic(engine)
        async def unit(session: Any, payload: int) -> None:
            await emit("topic", payload, key="x")

        for payload in (1, 2, 3):
            await unit(payload)
        relay = Relay(engine, publish, max_attempts=1)
        assert await relay.run_once() == 1
        assert [message.payload for message in await parked(engine)] == [2]
        assert await requeue(engine) == 1
        clock.pass_by(1)
        assert await Relay(engine, got.append).run(lambda: len(waits) == 1) == 2
        assert [getattr(each, "payload", each) for each in got] == [1, 2, 3]
        assert await prune_outbox(engine, older_than=timedelta(days=-1)) == 3
        await cancelled(engine)
        with pytest.raises(UnitPoisoned, match="not awaited"):
            async with atomic(engine):
                emit("topic", 4).close()
        await engine.dispose()

    async def cancelled(engine: Any) -> None:
        started = asyncio.Event()

        async def publish(message: Message) -> None:
            started.set()
            await asyncio.Event().wait()

        async with atomic(engine):
            await emit("topic", 9)
        task = asyncio.create_task(Relay(engine, publish).run())
        await asyncio.wait({task, waiting := asyncio.create_task(started.wait())}, return_when="FIRST_COMPLETED")
        assert waiting.done()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await Relay(engine, lambda message: None).run_once() == 1

    asyncio.run(main())


def test_an_async_publisher_needs_an_async_engine(shop: Engine) -> None:
    send(shop)

    async def publish(message: Message) -> None: ...

    with pytest.raises(UsageError, match="async engine"):
        Relay(shop, publish).run()
    assert Relay(shop, Broker()).run_once() == len(SENT)


def test_refusals(engine: Engine) -> None:
    with pytest.raises(NoTransaction):
        emit("topic", 1)
    with atomic(engine, read_only=True), pytest.raises(BoundaryError):
        emit("topic", 1)
    for topic, payload, key in [
        ("", 1, None),
        ("t" * 256, 1, None),
        ("t", (1, 2), None),
        ("t", {1: 2}, None),
        ("t", float("nan"), None),
        ("t", object(), None),
        ("t", 1, ""),
        ("t", 1, 7),
    ]:
        with atomic(engine), pytest.raises(UsageError):
            emit(topic, payload, key=key)  # type: ignore[arg-type]
    relay = Relay(engine, Broker())
    with atomic(engine), pytest.raises(BoundaryError):
        relay.run_once()
    for options in ({"batch_size": 0}, {"max_attempts": 0}, {"poll_s": -1}, {"backoff_s": -1}):
        with pytest.raises(UsageError):
            Relay(engine, Broker(), **options)
    with pytest.raises(UsageError):
        Relay(engine, SimpleNamespace())  # type: ignore[arg-type]
    with pytest.raises(UsageError):
        Message.from_json("{}")


def test_a_missing_table_is_explained(tmp_path: Any) -> None:
    engine = create_engine(f"sqlite:///{tmp_path}/empty.db")
    with pytest.raises(OperationalError) as caught, atomic(engine):
        emit("topic", ALICE, key="x")
    assert any("create_all" in note for note in caught.value.__notes__)
    engine.dispose()
