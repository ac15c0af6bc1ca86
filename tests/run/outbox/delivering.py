"""A shop that emits and a bank that is told: two databases, a relay between them, and the ways to get that wrong.

The relay dies between the bank's COMMIT and its own, so what is published is delivered again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session

from acidity import atomic
from acidity.prove import Database, Scenario
from acidity.run import Message, Relay, consume, emit, tables
from tests.run import bank
from tests.run.bank import Account

AMOUNT = 10
Engines = Mapping[str, Engine]

# That a message could not be published is noted on purpose; and the key of a marker has the message's id in it.
NOTED = ["shop.acidity_outbox.attempts", "shop.acidity_outbox.due_at", "shop.acidity_outbox.last_error"]
IGNORED = [*NOTED, "bank.acidity_marker.key_text"]


def with_messages(session: Session, sent: Any = ((1, "bob"), (2, None))) -> None:
    """The rows before a relay's operation: Alice has paid, Bob does not have it yet."""
    bank.seed(session)
    session.flush()
    session.get_one(Account, bank.ALICE).balance -= AMOUNT
    for number, key in sent:
        row = {"state": "ready", "attempts": 0, "created_at": tables.now()}
        message = Message(f"{number:032x}", "paid" if key else "seen", AMOUNT, key, row["created_at"])
        in_order = {"key_hash": "b" * 64, "number": 1} if key else {}
        session.execute(
            tables.outbox.insert().values(id=message.id, topic=message.topic, body=message.body, **row, **in_order)
        )


def paid_is_got(sessions: Mapping[str, Session]) -> bool:
    """What Alice has paid in the shop, and nothing else, is what Bob got in the bank; or it is in the outbox."""
    paid = 100 - sessions["shop"].get_one(Account, bank.ALICE).balance
    got = sessions["bank"].get_one(Account, bank.BOB).balance
    return got in {0, paid}


def scenario(function: Any, settle: Any, db: tuple[str, str], **options: Any) -> Scenario:
    """A unit that emits, or a relay if `setup` has written messages; `settle` is the relay that runs anyway."""
    shop = Database(schema=bank.schema, setup=options.pop("setup", bank.seed), db=db[0])
    databases = {"shop": shop, "bank": Database(schema=bank.schema, setup=bank.seed, db=db[1])}
    return Scenario(
        function,
        databases=databases,
        settle=settle,
        invariants=[paid_is_got],
        ignore=IGNORED,
        **options,
    )


# Right


def pay_bob(session: Session, message: Message) -> None:
    if message.topic == "paid":
        session.get_one(Account, bank.BOB).balance += message.payload


async def pay_bob_async(session: Any, message: Message) -> None:
    await session.run_sync(pay_bob, message)


def buys(databases: Engines) -> None:
    with atomic(databases["shop"], resolve_commit=True) as session:
        session.get_one(Account, bank.ALICE).balance -= AMOUNT
        emit("paid", AMOUNT, key="bob")
        emit("seen", None)


async def buys_async(async_databases: Mapping[str, Any]) -> None:
    async with atomic(async_databases["shop"], resolve_commit=True) as session:
        (await session.get_one(Account, bank.ALICE)).balance -= AMOUNT
        await emit("paid", AMOUNT, key="bob")
        await emit("seen", None)


def relay_to_bank(databases: Engines) -> Relay:
    def deliver(message: Message) -> None:
        consume(databases["bank"], Message.from_json(message.to_json()), pay_bob)  # as it goes over a wire

    return Relay(databases["shop"], deliver, backoff_s=0)


def relays(databases: Engines) -> None:
    """One batch."""
    relay_to_bank(databases).run_once()


def relays_all(databases: Engines) -> None:
    """What runs anyway."""
    while relay_to_bank(databases).run_once():
        pass


def async_relay_to_bank(databases: Mapping[str, Any]) -> Relay:
    async def deliver(message: Message) -> None:
        await consume(databases["bank"], message, pay_bob_async)

    return Relay(databases["shop"], deliver, backoff_s=0)


async def relays_async(async_databases: Mapping[str, Any]) -> None:
    await async_relay_to_bank(async_databases).run_once()


async def relays_all_async(async_databases: Mapping[str, Any]) -> None:
    while await async_relay_to_bank(async_databases).run_once():
        pass


# Wrong


def buys_and_tells(databases: Engines) -> None:
    """Without an outbox: told after the COMMIT."""
    with atomic(databases["shop"]) as session:
        session.get_one(Account, bank.ALICE).balance -= AMOUNT
    with atomic(databases["bank"]) as session:
        session.get_one(Account, bank.BOB).balance += AMOUNT


def relays_too_late(databases: Engines) -> None:
    """Marked as published, and published then."""
    got: list[Message] = []
    Relay(databases["shop"], got.append).run_once()
    for message in got:
        consume(databases["bank"], message, pay_bob)


def naive_relay(databases: Engines) -> Relay:
    """Without a marker: what is delivered twice is handled twice."""

    def deliver(message: Message) -> None:
        with atomic(databases["bank"], independent=True) as session:
            pay_bob(session, message)

    return Relay(databases["shop"], deliver, backoff_s=0)


def relays_naively(databases: Engines) -> None:
    naive_relay(databases).run_once()


def relays_all_naively(databases: Engines) -> None:
    while naive_relay(databases).run_once():
        pass
