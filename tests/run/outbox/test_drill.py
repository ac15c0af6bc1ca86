"""Broken and killed at every Call: what was emitted is published after recovery, and handled once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session

from acidity import atomic, prove
from acidity.adapters.seam import PassThrough
from acidity.prove import Operation, Scenario
from acidity.prove.faults import FAULTS
from acidity.prove.run import Run
from acidity.prove.stage import Stage
from acidity.prove.striker import FaultInjector, Strike
from acidity.run import Message, Relay, consume, consumer, emit, tables
from tests.run import bank
from tests.run.conftest import ENGINES

AMOUNT = 10


def mostly_slow(*quick: str) -> list[Any]:
    """All engines, but those that are not named only in the long run."""
    return [db if db in quick else pytest.param(db, marks=pytest.mark.slow) for db in ENGINES]


# That a message could not be published is noted on purpose; it stays as it was otherwise.
NOTED = ["acidity_outbox.attempts", "acidity_outbox.due_at", "acidity_outbox.last_error"]


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


def pay_bob(session: Session, message: Message) -> None:
    if message.topic == "paid":
        session.get_one(bank.Account, bank.BOB).balance += message.payload


def with_messages(session: Session, sent: Any = ((1, "bob"), (2, None))) -> None:
    """The rows before a relay's operation: Alice has paid, Bob does not have it yet."""
    bank.seed(session)
    session.flush()
    session.get_one(bank.Account, bank.ALICE).balance -= AMOUNT
    for number, key in sent:
        row = {"state": "ready", "attempts": 0, "created_at": tables.now()}
        message = Message(f"{number:032x}", "paid" if key else "seen", AMOUNT, key, row["created_at"])
        in_order = {"key_hash": "b" * 64, "number": 1} if key else {}
        session.execute(
            tables.outbox.insert().values(id=message.id, topic=message.topic, body=message.body, **row, **in_order)
        )


def with_message(session: Session) -> None:
    with_messages(session, [(1, "bob")])


def relaying(engine: Engine) -> dict[str, bool]:
    """The operation that relays, to a consumer in the same database."""
    return {"success": Relay(engine, consumer(engine)(pay_bob)).run_once() == 1}


async def relaying_async(async_engine: Any) -> dict[str, bool]:
    @consumer(async_engine)
    async def pay(session: Any, message: Message) -> None:
        await session.run_sync(pay_bob, message)

    return {"success": await Relay(async_engine, pay).run_once() == 1}


def scenario(function: Any, setup: Any = bank.seed, *arguments: Any) -> Scenario:
    operation = Operation(function, *arguments, succeeded=lambda answer: answer["success"])
    return Scenario(operation, schema=bank.schema, setup=setup, ignore=NOTED)


@pytest.mark.parametrize("db", mostly_slow("mariadb"))
@pytest.mark.parametrize("function", [ordering, pytest.param(ordering_async, marks=pytest.mark.slow)])
def test_a_unit_that_emits_passes_every_fault(function: Any, db: str) -> None:
    prove.drill(scenario(function), db=db).raise_for_findings()


@pytest.mark.parametrize("db", mostly_slow("sqlite"))
@pytest.mark.parametrize("function", [relaying, pytest.param(relaying_async, marks=pytest.mark.slow)])
def test_a_relay_with_its_consumer_is_one_transaction_and_passes_every_fault(function: Any, db: str) -> None:
    prove.drill(scenario(function, with_message), db=db).raise_for_findings()


# Killed at every Call, and then recovered. Beside the database there is a broker: a file, which outlives the killed.


class Broker:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __call__(self, message: Message) -> None:
        with self.path.open("a") as file:
            file.write(message.to_json() + "\n")

    def messages(self) -> list[Message]:
        lines = self.path.read_text().splitlines() if self.path.exists() else []
        return [Message.from_json(line) for line in lines]


def to_broker(engine: Engine, path: str) -> dict[str, bool]:
    return {"success": Relay(engine, Broker(Path(path))).run_once() == 2}


def to_broker_too_late(engine: Engine, path: str) -> dict[str, bool]:
    got: list[Message] = []
    published = Relay(engine, got.append).run_once()
    for message in got:
        Broker(Path(path))(message)
    return {"success": published == 2}


def settle(engine: Engine, path: str) -> None:
    """What runs again after a crash: the relay, and the consumer at whatever is in the broker."""
    broker = Broker(Path(path))
    while Relay(engine, broker).run_once():
        pass
    for message in [*broker.messages(), *broker.messages()]:
        consume(engine, message, pay_bob)


def settle_naively(engine: Engine, path: str) -> None:
    """Without the marker: a message that was delivered twice is handled twice."""
    broker = Broker(Path(path))
    while Relay(engine, broker).run_once():
        pass
    for message in broker.messages():
        with atomic(engine) as session:
            pay_bob(session, message)


def killed_everywhere(
    scenario: Scenario, db: str, path: Path, settle: Any
) -> Iterator[tuple[str, Run, dict[str, int]]]:
    """Each (fault, Call): the run, and the balances after recovery. To be `Scenario(settle=)` once that is there."""
    with Stage(scenario, db, {}) as stage:
        (operation,) = scenario.operations
        clean = stage.run(operation, PassThrough())
        for event in clean.history:
            for name in ("kill-before", "kill-after"):
                if FAULTS[name].misfit(event.call, stage.lab(operation)):
                    continue
                path.unlink(missing_ok=True)
                strike = Strike(FAULTS[name], event.call.index)
                run = stage.run(operation, FaultInjector(strike, stage.lab(operation)), strike.schedule)
                assert run.struck, run.missed
                after = stage.run(Operation(settle, str(path)), PassThrough(), reset=False)
                assert after.ending.answered, after.ending
                with stage.judging() as (now, _), Session(now) as session:
                    yield str(strike.schedule), run, {each.owner: each.balance for each in session.query(bank.Account)}


@pytest.mark.parametrize("db", ENGINES)
def test_a_relay_that_is_killed_loses_and_doubles_nothing(db: str, tmp_path: Path) -> None:
    path = tmp_path / "broker"
    relay = scenario(to_broker, with_messages, str(path))
    ends = [balances for _, _, balances in killed_everywhere(relay, db, path, settle)]
    assert len(ends) > 6
    assert all(balances == {"Alice": 90, "Bob": 10} for balances in ends), ends


@pytest.mark.parametrize("db", mostly_slow("sqlite"))
def test_a_unit_that_is_killed_tells_of_what_it_did(db: str, tmp_path: Path) -> None:
    path = tmp_path / "broker"
    ends = [(run, balances) for _, run, balances in killed_everywhere(scenario(ordering), db, path, settle)]
    assert {balances["Alice"] for _, balances in ends} == {90, 100}
    assert all(balances["Alice"] + balances["Bob"] == 100 for _, balances in ends), ends


def test_the_harness_sees_a_message_that_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "broker"
    relay = scenario(to_broker_too_late, with_messages, str(path))
    ends = [balances for _, _, balances in killed_everywhere(relay, "sqlite", path, settle)]
    assert {"Alice": 90, "Bob": 0} in ends


def test_the_harness_sees_a_message_that_is_handled_twice(tmp_path: Path) -> None:
    path = tmp_path / "broker"
    relay = scenario(to_broker, with_messages, str(path))
    ends = [balances for _, _, balances in killed_everywhere(relay, "sqlite", path, settle_naively)]
    assert {"Alice": 90, "Bob": 20} in ends
