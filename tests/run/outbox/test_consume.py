"""At-least-once delivery, and yet each message is handled once."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy.engine import Engine
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.orm import Session, sessionmaker

from acidity import atomic, on_commit
from acidity.errors import UsageError
from acidity.run import KeyReused, Message, Relay, consume, consumer, emit, parked
from tests.run.bank import BOB, Account, balances, move


def book(session: Session, message: Message) -> dict[str, int]:
    move(session, message.payload)
    return {"bob": session.get_one(Account, BOB).balance}


async def book_async(session: Any, message: Message) -> dict[str, int]:
    return await session.run_sync(book, message)


def test_a_repeat_does_nothing_and_gets_the_result(shop: Engine) -> None:
    message = Message("m1", "topic", 10)
    assert consume(shop, message, book) == consume(sessionmaker(shop), message, book) == {"bob": 10}
    assert consume(shop, Message("m2", "topic", 10), book) == {"bob": 20}
    with pytest.raises(KeyReused):
        consume(shop, Message("m1", "topic", 11), book)
    assert consume(shop, message, book, name="another") == {"bob": 30}
    assert balances(shop) == (70, 30)


def test_a_failure_leaves_the_message_free(shop: Engine) -> None:
    def fails(session: Session, message: Message) -> None:
        move(session, 1)
        raise ZeroDivisionError

    message = Message("m1", "topic", 10)
    with pytest.raises(ZeroDivisionError):
        consume(shop, message, fails, name="same")
    assert consume(shop, message, book, name="same") == {"bob": 10}


def test_inside_the_relay_it_is_one_transaction(shop: Engine) -> None:
    """On SQLite there is no other way: the relay has the only write lock."""
    fail = {2}
    committed: list[Any] = []

    @consumer(shop, name="bookings")
    def handle(session: Session, message: Message) -> None:
        """Books."""
        move(session, message.payload)
        on_commit(lambda: committed.append(message.payload))
        if message.payload in fail:
            move(session, 1000)  # refused by the database

    for payload in (1, 2, 3):
        with atomic(shop):
            emit("topic", payload, key=None if payload == 3 else "x")
    assert handle.__doc__ == "Books."
    relay = Relay(shop, handle, max_attempts=1)
    assert relay.run_once() == 2
    assert committed == [1, 3]
    assert balances(shop) == (96, 4)
    (letter,) = parked(shop)
    assert "not_below_zero" in str(letter.last_error)


def test_a_repeat_inside_the_relay(shop: Engine) -> None:
    with atomic(shop):
        emit("topic", 5)
    results: list[Any] = []
    dying = [True]

    def publish(message: Message) -> None:
        results.append(consume(shop, message, book))
        results.append(consume(shop, message, book))
        if dying:
            dying.clear()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Relay(shop, publish).run_once()
    assert balances(shop) == (100, 0)
    assert Relay(shop, publish).run_once() == 1
    assert results == [{"bob": 5}] * 4
    assert balances(shop) == (95, 5)


def test_delivered_before_and_again_inside_the_relay(shop: Engine) -> None:
    with atomic(shop):
        emit("topic", 5)
    seen: list[Message] = []
    Relay(shop, lambda message: seen.append(message) or 1 / 0).run_once()  # published, and then it died
    assert consume(shop, seen[0], book) == {"bob": 5}
    with atomic(shop):
        assert consume(shop, seen[0], book) == {"bob": 5}
        with pytest.raises(KeyReused):
            consume(shop, Message(seen[0].id, "topic", 6), book)
    assert balances(shop) == (95, 5)


def test_async(sandbox: Any, shop: Engine) -> None:
    async def main() -> None:
        engine = create_async_engine(sandbox.url(asynchronous=True))
        message = Message("m1", "topic", 10)
        assert await consume(engine, message, book_async) == await consume(engine, message, book_async) == {"bob": 10}
        async with atomic(engine):
            assert await consume(engine, message, book_async) == {"bob": 10}
            await emit("topic", 3)
            with pytest.raises(ZeroDivisionError):
                await consume(engine, Message("m2", "topic", 10), fails, name="fails")
        relay = Relay(engine, consumer(engine)(book_async))
        assert await relay.run_once() == 1
        with pytest.raises(UsageError):
            await consume(engine, message, book)
        await engine.dispose()

    async def fails(session: Any, message: Message) -> None:
        await book_async(session, message)
        raise ZeroDivisionError

    asyncio.run(main())
    assert balances(shop) == (87, 13)


def test_refusals(engine: Engine) -> None:
    message = Message("m1", "topic", 10)
    with pytest.raises(UsageError, match="name"):
        consume(engine, message, lambda session, message: None)
    with pytest.raises(UsageError, match="name"):
        consumer(engine)(lambda session, message: None)
    with pytest.raises(UsageError, match="async"):
        consume(engine, message, book_async)
