"""Broken and killed at every Call: what was emitted is published after recovery, and handled once."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session

from acidity import atomic
from acidity.prove import Operation, Scenario
from acidity.run import Relay, consumer, emit
from tests.run import bank
from tests.run.drilling import passes, words
from tests.run.outbox import delivering as ways
from tests.run.outbox.delivering import AMOUNT, pay_bob, pay_bob_async, with_messages
from tests.tiers import FEW, mostly_slow

FILES, SERVERS = ("sqlite", "sqlite"), ("postgresql", "mariadb")
OTHERS = [("postgresql", "postgresql"), ("mariadb", "mariadb"), ("sqlite", "postgresql"), ("mariadb", "sqlite")]
PLACES = [FILES, SERVERS, *OTHERS]
SLOW = pytest.mark.slow
FEW_OR_ALL = pytest.mark.parametrize("faults", [pytest.param(FEW, id="few"), pytest.param((), id="all", marks=SLOW)])


# From one database to another, with a relay that runs anyway


@pytest.mark.dear
@pytest.mark.parametrize("where", mostly_slow(FILES, of=PLACES), ids="+".join)
def test_a_unit_that_emits_is_killed(where: tuple[str, str]) -> None:
    passes(ways.scenario(ways.buys, ways.relays_all, where), where[0], "kill-before", "answer-lost")


@pytest.mark.dear
@pytest.mark.parametrize("where", mostly_slow(FILES, of=PLACES), ids="+".join)
def test_a_relay_is_killed(where: tuple[str, str]) -> None:
    passes(ways.scenario(ways.relays, ways.relays_all, where, setup=with_messages), where[0], "kill-before")


FORMS = {
    "emit": (ways.buys, ways.relays_all, bank.seed),
    "relay": (ways.relays, ways.relays_all, with_messages),
    "async emit": (ways.buys_async, ways.relays_all_async, bank.seed),
    "async relay": (ways.relays_async, ways.relays_all_async, with_messages),
}


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("where", PLACES, ids="+".join)
def test_every_fault_and_then_the_relay(form: str, where: tuple[str, str]) -> None:
    function, settle, setup = FORMS[form]
    passes(ways.scenario(function, settle, where, setup=setup), where[0])


@pytest.mark.dear
@pytest.mark.one_in(3)
@pytest.mark.parametrize("where", mostly_slow(FILES, of=[FILES, SERVERS]), ids="+".join)
@pytest.mark.parametrize(
    ("function", "settle", "setup"),
    [
        (ways.buys_and_tells, ways.relays_all, bank.seed),
        (ways.relays_too_late, ways.relays_all, with_messages),
        (ways.relays_naively, ways.relays_all_naively, with_messages),
    ],
    ids=["lost without an outbox", "lost by the relay", "handled twice"],
)
def test_what_is_lost_or_doubled_is_found_out(function: Any, settle: Any, setup: Any, where: tuple[str, str]) -> None:
    assert "torn" in words(ways.scenario(function, settle, where, setup=setup), where[0], "kill-before")


# In one database, where the consumer works inside the relay's transaction

NOTED = [each.removeprefix("shop.") for each in ways.NOTED]


def ordering(engine: Engine) -> dict[str, bool]:
    """The operation that emits: Alice pays, and Bob is to be told."""

    @atomic(engine, resolve_commit=True, max_attempts=3)
    def unit(session: Session) -> dict[str, bool]:
        session.get_one(bank.Account, bank.ALICE).balance -= AMOUNT
        session.flush()
        emit("paid", AMOUNT, key="bob")
        emit("seen", None)
        return {"success": True}

    return unit()


async def ordering_async(async_engine: Any) -> dict[str, bool]:
    @atomic(async_engine, resolve_commit=True, max_attempts=3)
    async def unit(session: Any) -> dict[str, bool]:
        (await session.get_one(bank.Account, bank.ALICE)).balance -= AMOUNT
        await session.flush()
        await emit("paid", AMOUNT, key="bob")
        return {"success": True}

    return await unit()


def with_message(session: Session) -> None:
    with_messages(session, [(1, "bob")])


def relaying(engine: Engine) -> dict[str, bool]:
    return {"success": Relay(engine, consumer(engine)(pay_bob)).run_once() == 1}


async def relaying_async(async_engine: Any) -> dict[str, bool]:
    return {"success": await Relay(async_engine, consumer(async_engine)(pay_bob_async)).run_once() == 1}


def scenario(function: Any, setup: Any = bank.seed) -> Scenario:
    operation = Operation(function, succeeded=lambda answer: answer["success"])
    return Scenario(operation, schema=bank.schema, setup=setup, ignore=NOTED)


@pytest.mark.dear
@FEW_OR_ALL
@pytest.mark.parametrize("db", mostly_slow("mariadb"))
@pytest.mark.parametrize("function", [ordering, pytest.param(ordering_async, marks=SLOW)])
def test_a_unit_that_emits_passes(function: Any, db: str, faults: tuple[str, ...]) -> None:
    passes(scenario(function), db, *faults)


@pytest.mark.dear
@FEW_OR_ALL
@pytest.mark.parametrize("db", mostly_slow("sqlite"))
@pytest.mark.parametrize("function", [relaying, pytest.param(relaying_async, marks=SLOW)])
def test_a_relay_with_its_consumer_is_one_transaction_and_passes(
    function: Any, db: str, faults: tuple[str, ...]
) -> None:
    passes(scenario(function, with_message), db, *faults)
