"""Redis streams, on a private server: what XADD has answered is there, also after the server was killed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
import redis
import redis.asyncio
from redis.backoff import NoBackoff
from redis.retry import Retry
from sqlalchemy.engine import Engine
from sqlalchemy.ext.asyncio import create_async_engine

from acidity import atomic
from acidity.errors import UsageError
from acidity.run import Message, RedisStreams, Relay, consume, emit
from tests.run.bank import balances
from tests.run.outbox.conftest import Clock
from tests.run.outbox.redis_server import Server, find
from tests.run.outbox.test_consume import book


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    made = Server(tmp_path_factory.mktemp("r"), find())
    made.start()
    yield made
    made.kill()


@pytest.fixture
def client(server: Server) -> Iterator[Any]:
    made = redis.Redis(unix_socket_path=server.socket, retry=Retry(NoBackoff(), 0))
    made.flushall()
    yield made
    made.close()


def delivered(client: Any, topic: str = "paid") -> list[Message]:
    return [RedisStreams.read(fields) for _, fields in client.xrange(topic)]


def test_what_is_acknowledged_outlives_the_server(shop: Engine, server: Server, client: Any, clock: Clock) -> None:
    for payload in (1, 2, 3):
        with atomic(shop):
            emit("paid", payload, key="alice")
    relay = Relay(shop, RedisStreams(client), batch_size=2)
    assert relay.run_once() == 2
    server.kill()
    assert relay.run_once() == 0, "nobody answers, so it stays"
    server.start()
    clock.pass_by(60)
    assert relay.run_once() == 1
    got = delivered(client)
    assert [message.payload for message in got] == [1, 2, 3]
    assert (got[0].topic, got[0].key, got[0].created_at) == ("paid", "alice", got[1].created_at)


def test_delivered_twice_and_consumed_once(shop: Engine, client: Any) -> None:
    publish = RedisStreams(client, stream=lambda message: f"app:{message.topic}", maxlen=1000)

    def dying(message: Message) -> None:
        publish(message)
        raise KeyboardInterrupt

    with atomic(shop):
        emit("paid", 5)
    with pytest.raises(KeyboardInterrupt):
        Relay(shop, dying).run_once()
    assert Relay(shop, publish).run_once() == 1
    got = delivered(client, "app:paid")
    assert got[0] == got[1]
    assert [consume(shop, message, book) for message in got] == [{"bob": 5}] * 2
    assert balances(shop) == (95, 5)


def test_async(sandbox: Any, shop: Engine, server: Server, client: Any) -> None:
    async def main() -> None:
        engine = create_async_engine(sandbox.url(asynchronous=True))
        async with redis.asyncio.Redis(unix_socket_path=server.socket) as asynchronous:
            async with atomic(engine):
                await emit("paid", 1)
            assert await Relay(engine, RedisStreams(asynchronous)).run_once() == 1
            with atomic(shop):
                emit("paid", 2)
            with pytest.raises(UsageError, match="async engine"):
                Relay(shop, RedisStreams(asynchronous)).run_once()
        await engine.dispose()

    asyncio.run(main())
    assert [message.payload for message in delivered(client)] == [1]


def test_refusals() -> None:
    with pytest.raises(UsageError, match="client"):
        RedisStreams(object())
    with pytest.raises(UsageError, match="field"):
        RedisStreams.read({"other": "x"})
