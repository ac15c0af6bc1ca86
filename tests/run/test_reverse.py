"""`reverse`: once, whole, with the original's answer, and never before an original that comes late."""

from __future__ import annotations

import asyncio
import threading
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.engine import Engine
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.orm import Session

from acidity import atomic
from acidity.errors import UsageError
from acidity.prove import Operation, Scenario
from acidity.run import BoundaryError, KeyReused, KeyReversed, NothingToReverse, prune, reversal, reverse, tables
from tests.quality.drilled import drill
from tests.run import bank
from tests.run.bank import balances
from tests.run.conftest import ENGINES

OPTIONS: dict[str, Any] = {"idempotency_key": "request", "max_attempts": 3}


def bank_of(engine: Engine, calls: list[Any] | None = None) -> Any:
    """A transfer and its reversal, which says what it was told."""

    @atomic(engine, **OPTIONS)
    def transfer(session: Session, request: str, amount: int) -> dict[str, int]:
        bank.move(session, amount)
        return {"moved": amount}

    @reversal(transfer)
    def give_back(session: Session, result: Any, request: str, amount: int) -> str:
        if calls is not None:
            calls.append((result, request, amount))
        bank.move(session, -result["moved"])
        return f"gave back {amount}"

    return transfer


def test_a_reversal_is_told_what_was_done_and_takes_place_once(database: Engine) -> None:
    calls: list[Any] = []
    transfer = bank_of(database, calls)
    transfer("r-1", 10)
    transfer("r-2", 5)
    assert reverse(transfer, "r-1", 10) == reverse(transfer, "r-1", amount=10) == "gave back 10"
    assert calls == [({"moved": 10}, "r-1", 10)]
    assert balances(database) == (95, 5)
    assert transfer("r-1", 10) == {"moved": 10}  # what had been answered, and nothing done
    assert balances(database) == (95, 5)


def test_another_request_is_not_reversed(database: Engine) -> None:
    transfer = bank_of(database)
    transfer("r-1", 10)
    with pytest.raises(KeyReused, match="r-1"):
        reverse(transfer, "r-1", 11)
    assert reverse(transfer, "r-1", 10) == "gave back 10"
    with pytest.raises(KeyReused, match="reversal of r-1"):
        reverse(transfer, "r-1", 11)
    assert balances(database) == (100, 0)


def test_what_was_never_committed_never_will_be(database: Engine) -> None:
    calls: list[Any] = []
    transfer = bank_of(database, calls)
    for _ in range(2):
        with pytest.raises(NothingToReverse, match="r-1"):
            reverse(transfer, "r-1", 10)
    with pytest.raises(KeyReversed, match="r-1"):
        transfer("r-1", 10)
    with pytest.raises(KeyReversed, match="r-1"):
        transfer("r-1", 11)
    assert (calls, balances(database)) == ([], (100, 0))
    assert prune(database, older_than=timedelta(seconds=-5)) == 2
    transfer("r-1", 10)


def test_a_reversal_that_fails_has_reversed_nothing(database: Engine) -> None:
    @atomic(database, **OPTIONS)
    def transfer(session: Session, request: str) -> None:
        bank.move(session, 10)

    @reversal(transfer)
    def give_back(session: Session, result: None, request: str) -> None:
        bank.move(session, -10)
        if not failed:
            failed.append(request)
            raise LookupError("the account is closed")

    failed: list[str] = []
    transfer("r-1")
    with pytest.raises(LookupError):
        give_back("r-1")
    assert balances(database) == (90, 10)
    assert give_back("r-1") is give_back("r-1") is None  # an answer of None is kept as well
    assert balances(database) == (100, 0)


@pytest.mark.dear
def test_an_original_under_way_is_waited_for(database: Engine) -> None:
    """It has written its marker and not committed; the reversal must not say that there is nothing."""
    begun, go_on, answers = threading.Event(), threading.Event(), {}

    @atomic(database, **OPTIONS)
    def transfer(session: Session, request: str, ends: str) -> dict[str, int]:
        bank.move(session, 10)
        begun.set()
        assert go_on.wait(10)
        if ends == "badly":
            raise LookupError
        return {"moved": 10}

    @reversal(transfer)
    def give_back(session: Session, result: Any, request: str, ends: str) -> str:
        bank.move(session, -result["moved"])
        return "gave back"

    def late(ends: str) -> None:
        try:
            answers["original"] = transfer(ends, ends)
        except LookupError:
            answers["original"] = "failed"

    def reversing_it(ends: str) -> None:
        try:
            answers["reversal"] = reverse(transfer, ends, ends)
        except NothingToReverse:
            answers["reversal"] = "nothing"

    for ends in ("well", "badly"):
        begun.clear(), go_on.clear(), answers.clear()
        threads = [threading.Thread(target=each, args=(ends,)) for each in (late, reversing_it)]
        threads[0].start()
        assert begun.wait(10)
        threads[1].start()
        threads[1].join(0.2)
        assert threads[1].is_alive()
        go_on.set()
        for thread in threads:
            thread.join()
        right = ({"moved": 10}, "gave back") if ends == "well" else ("failed", "nothing")
        assert (answers["original"], answers["reversal"]) == right
        assert balances(database) == (100, 0)


def test_several_at_once(database: Engine) -> None:
    transfer = bank_of(database)
    transfer("r-1", 10)
    answers: list[str] = []
    threads = [threading.Thread(target=lambda: answers.append(reverse(transfer, "r-1", 10))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == ["gave back 10"] * 4
    assert balances(database) == (100, 0)


def test_async_twins(database: Engine, asynchronous: Any) -> None:
    async def go() -> None:
        engine = create_async_engine(asynchronous.url)

        @atomic(engine, **OPTIONS)
        async def transfer(session: Any, request: str, amount: Decimal) -> dict[str, int]:
            await session.run_sync(bank.move, int(amount))
            return {"moved": int(amount)}

        @reversal(transfer)
        async def give_back(session: Any, result: Any, request: str, amount: Decimal) -> str:
            await session.run_sync(bank.move, -int(amount))
            return f"gave back {amount}"

        await transfer("r-1", Decimal(10))
        assert await reverse(transfer, "r-1", Decimal(10)) == await give_back("r-1", Decimal(10)) == "gave back 10"
        with pytest.raises(NothingToReverse):
            await give_back("r-2", Decimal(10))
        with pytest.raises(KeyReversed):
            await transfer("r-2", Decimal(10))
        with pytest.raises(UsageError, match="must be async"):
            reversal(atomic(engine, **OPTIONS)(transfer.__wrapped__))(lambda session, result: None)
        await engine.dispose()

    asyncio.run(go())
    assert balances(database) == (100, 0)


def test_what_is_refused(engine: Engine) -> None:
    transfer = bank_of(engine)
    with pytest.raises(UsageError, match="has a reversal already"):
        reversal(transfer)
    with pytest.raises(UsageError, match="idempotency_key"):
        reversal(atomic(engine)(bank.move))
    with pytest.raises(UsageError, match="leaves no trace"):
        reversal(bank.move)
    with pytest.raises(UsageError, match="has no reversal"):
        reverse(atomic(engine)(bank.move), 1)
    undo = transfer.__acidity_reversal__
    for call in (lambda: reversal(undo), lambda: reverse(undo, "r-1", 10)):
        with pytest.raises(UsageError, match="is a reversal itself"):
            call()
    with atomic(engine), pytest.raises(BoundaryError, match="a unit of its own"):
        undo("r-1", 10)


# Drilled: one unit, every fault


def carried_out(session: Session) -> None:
    """The rows before a reversal: the transfer is committed, with its marker."""
    bank.seed(session)
    session.flush()
    bank.move(session, 10)
    marker = bank_of(session.get_bind()).__acidity__.marker(("r-1", 10), {})
    session.execute(tables.marker.insert().values(marker.values() | {"result": '{"moved": 10}'}))


def reversing(engine: Engine) -> str:
    return reverse(bank_of(engine), "r-1", 10)


async def reversing_async(async_engine: Any) -> str:
    async def transfer(session: Any, request: str, amount: int) -> None: ...

    transfer.__qualname__ = "bank_of.<locals>.transfer"
    transfer = atomic(async_engine, **OPTIONS)(transfer)

    @reversal(transfer)
    async def give_back(session: Any, result: Any, request: str, amount: int) -> str:
        await session.run_sync(bank.move, -result["moved"])
        return "gave back"

    return await give_back("r-1", 10)


def fencing(engine: Engine) -> str:
    """Nothing is there to reverse."""
    try:
        return reverse(bank_of(engine), "r-2", 10)
    except NothingToReverse:
        return "nothing"


def naive(engine: Engine) -> str:
    """Looks whether it has been done, and tries again when it has not been told that it is."""
    for attempt in range(2):
        try:
            with Session(engine) as session, session.begin():
                bank.move(session, -10)
            break
        except Exception:
            if attempt:
                raise
    return "gave back"


def scenario(function: Any) -> Scenario:
    return Scenario(
        Operation(function), schema=bank.schema, setup=carried_out, invariants=[bank.total_is_kept, nobody_gets_more]
    )


def nobody_gets_more(session: Session) -> bool:
    return tuple(session.scalars(select(bank.Account.balance).order_by(bank.Account.id))) in {(90, 10), (100, 0)}


def cells(*functions: Any) -> list[Any]:
    """Each function on each engine; those on servers, and those in a task, where they are asked for."""
    quick = {(function, "sqlite") for function in functions if function is not reversing_async}
    every = [(function, db) for function in functions for db in ENGINES]
    return [pytest.param(*cell, marks=() if cell in quick else pytest.mark.slow) for cell in every]


@pytest.mark.dear
@pytest.mark.parametrize(("function", "db"), cells(reversing, reversing_async, fencing))
def test_a_reversal_passes_every_fault(function: Any, db: str) -> None:
    drill(scenario(function), db=db).raise_for_findings()


@pytest.mark.dear
@pytest.mark.parametrize(("function", "db"), cells(naive))
def test_one_that_leaves_no_marker_is_found_out(function: Any, db: str) -> None:
    report = drill(Scenario(Operation(function), schema=bank.schema, setup=enough), db=db)
    assert any("doubled" in found.word for found in report.findings), str(report)


def enough(session: Session) -> None:
    bank.seed(session)
    session.get_one(bank.Account, bank.BOB).balance = 50
