"""`Saga`: what it answers, what it compensates, and where it stays when something does not go through."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import create_engine
from sqlalchemy.engine import Engine
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
from sqlalchemy.orm import Session, sessionmaker

from acidity import atomic, on_commit
from acidity.errors import UsageError
from acidity.run import (
    BoundaryError,
    KeyReused,
    Saga,
    SagaFailed,
    SagaInterrupted,
    SagaState,
    SagaStep,
    SagaStuck,
)
from tests.run import trip
from tests.run.bank import Account, balances
from tests.run.noting import Notes, saga_of
from tests.run.trip import AFTER, BAD, BEFORE, GOOD, Refused


def test_each_step_is_done_once(trips: Engine) -> None:
    for engine in (trips, sessionmaker(trips)):
        results = trip.saga_of(engine).run("order-7", GOOD)
        assert results == {"flight": {"paid": 10}, "room": {"paid": 20}, "car": {"paid": 5}}
        assert balances(trips) == AFTER
    with pytest.raises(KeyReused, match="order-7"):
        trip.saga_of(trips).run("order-7", BAD)
    assert trip.saga_of(trips).status("order-7").state is SagaState.DONE
    assert trip.saga_of(trips).status("order-8") is None
    assert trip.saga_of(trips).unfinished() == trip.saga_of(trips).resume() == []


def test_a_refusal_is_compensated_in_reverse(trips: Engine) -> None:
    notes = Notes()
    saga = saga_of(notes, trips, "a", "b", ("c", {"fails": 1}), "d")
    with pytest.raises(SagaFailed, match=r"failed at 'c' \(Refused: c does not go\); compensated: b, a") as caught:
        saga.run("1")
    assert isinstance(caught.value.__cause__, Refused)
    assert (caught.value.step, caught.value.compensated, caught.value.saga_id) == ("c", ("b", "a"), "1")
    assert notes.names == ["a", "b", "c", "-b", "-a"]
    with pytest.raises(SagaFailed, match="compensated: b, a"):
        saga.run("1")
    assert len(notes) == 5
    status = saga.status("1")
    assert (status.state, status.failed_step, status.error) == (SagaState.COMPENSATED, "c", "Refused: c does not go")


def test_the_first_step_has_nothing_before_it(trips: Engine) -> None:
    notes = Notes()
    with pytest.raises(SagaFailed, match="nothing had been done") as caught:
        saga_of(notes, trips, ("a", {"fails": 1}), "b").run("1")
    assert (notes.names, caught.value.compensated) == (["a"], ())


def test_the_money_comes_back(trips: Engine) -> None:
    with pytest.raises(SagaFailed):
        trip.saga_of(trips).run("order-7", BAD)
    assert balances(trips) == BEFORE


def test_what_a_step_is_told(trips: Engine) -> None:
    notes = Notes()

    def vandal(session: Session, step: SagaStep) -> list[int]:
        step.payload["n"] = 0
        step.results["a"] = "forged"
        return [1]

    saga = saga_of(notes, trips, "a")
    saga.step(compensate=notes.taking("-vandal"))(vandal)
    saga.step(compensate=notes.taking("-z"), external=True)(notes.taking("z", fails=1))
    for number in ("1", "2"):
        with pytest.raises(SagaFailed):
            saga.run(number, {"n": 1}) if number == "1" else saga_of(notes, trips, "a", ("b", {"fails": 1})).run("2")
    told = dict(notes[:5])
    assert [told[name].payload for name in ("a", "z", "-z", "-vandal")] == [{"n": 1}] * 4
    assert told["z"].results == {"a": "a!", "vandal": [1]}
    assert [told[name].result for name in ("a", "-z", "-vandal", "-a")] == [None, None, [1], "a!"]
    assert told["-a"].do_key == told["a"].key != told["-a"].key
    assert len({step.key for _, step in notes}) == len(notes)


def test_an_effect_outside_is_compensated_though_its_step_was_refused(trips: Engine) -> None:
    notes = Notes()
    with pytest.raises(SagaFailed) as caught:
        saga_of(notes, trips, "a", ("charge", {"fails": 1, "external": True})).run("1")
    assert notes.names == ["a", "charge", "-charge", "-a"]
    assert caught.value.compensated == ("charge", "a")


def test_a_compensation_is_tried_again(trips: Engine, waits: list[float]) -> None:
    notes = Notes()
    with pytest.raises(SagaFailed):
        saga_of(notes, trips, ("a", {"undo": {"fails": 2}}), ("b", {"fails": 1})).run("1")
    assert (notes.names, len(waits)) == (["a", "b", "-a", "-a", "-a"], 2)
    assert len({step.key for name, step in notes if name == "-a"}) == 1


def test_a_compensation_that_never_goes_through_is_stuck_and_listed(trips: Engine) -> None:
    notes = Notes()
    saga = saga_of(notes, trips, "a", ("b", {"undo": {"fails": 4}}), ("c", {"fails": 1}), max_attempts=3)
    with pytest.raises(SagaStuck, match=r"while compensating: Refused: -b .* resume\('1'\)") as caught:
        saga.run("1")
    assert (caught.value.step, caught.value.compensated) == ("c", ())
    with pytest.raises(SagaStuck, match="-b does not go"):
        saga.run("1")
    assert saga.resume() == []
    assert notes.names == ["a", "b", "c", "-b", "-b", "-b"]
    (status,) = saga.stuck()
    assert (status.id, status.state, status.stuck) == ("1", SagaState.COMPENSATING, "Refused: -b does not go")
    (status,) = saga.resume("1")
    assert (status.state, status.stuck, status.compensated) == (SagaState.COMPENSATED, None, ("b", "a"))
    assert notes.names[6:] == ["-b", "-b", "-a"]
    assert saga.stuck() == []


def test_after_the_pivot_it_only_goes_forward(trips: Engine) -> None:
    notes = Notes()
    saga = saga_of(notes, trips, "a", "pay|", ("ship|", {"fails": 4}), "mail|", max_attempts=3)
    with pytest.raises(SagaStuck, match="while running: Refused: ship"):
        saga.run("1")
    assert notes.names == ["a", "pay", "ship", "ship", "ship"]
    assert [status.id for status in saga.unfinished()] == ["1"]
    (status,) = saga.resume("1")
    assert (status.state, list(status.results)) == (SagaState.DONE, ["a", "pay", "ship", "mail"])
    with pytest.raises(SagaFailed, match="compensated: a"):  # the pivot itself can be refused
        saga_of(Notes(), trips, "a", ("pay|", {"fails": 1}), "ship|").run("2")


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit, MemoryError])
def test_an_interruption_is_no_refusal(trips: Engine, kind: type[BaseException]) -> None:
    notes = Notes()
    saga = saga_of(notes, trips, "a", ("b", {"fails": 3, "with_": kind}), max_attempts=3)
    with pytest.raises(SagaInterrupted if kind is MemoryError else kind) as caught:
        saga.run("1")
    said = [str(caught.value), *getattr(caught.value, "__notes__", [])]
    assert any("unfinished" in text and "resume()" in text for text in said)
    notes.clear()
    status = saga_of(notes, trips, "a", "b").resume()
    assert ([each.state for each in status], notes.names) == ([SagaState.DONE], ["b"])


def test_a_constraint_refuses_a_step(trips: Engine) -> None:
    """MariaDB's drivers raise a violated CHECK as an error of the operation of the server; told by the code."""
    saga = Saga(trips, "trip")

    @saga.step(compensate=lambda session, step: trip.pay(session, trip.AIRLINE, -1))
    def flight(session: Session, step: SagaStep) -> int:
        return trip.pay(session, trip.AIRLINE)

    @saga.step()
    def too_dear(session: Session, step: SagaStep) -> None:
        session.get_one(Account, trip.TRAVELLER).balance -= 1000

    with pytest.raises(SagaFailed, match=r"failed at 'too_dear' .*; compensated: flight"):
        saga.run("1")
    assert balances(trips) == BEFORE


def test_a_database_that_is_not_there(tmp_path: Any, waits: list[float]) -> None:
    engine = create_engine(f"sqlite:///{tmp_path}/not/there.db")
    with pytest.raises(SagaInterrupted, match="unable to open"):
        saga_of(Notes(), engine, "a", max_attempts=3).run("1")
    assert len(waits) == 2
    engine.dispose()


def test_without_its_tables(tmp_path: Any) -> None:
    engine = create_engine(f"sqlite:///{tmp_path}/empty.db")
    for call in (lambda saga: saga.run("1"), lambda saga: saga.resume(), lambda saga: saga.stuck()):
        with pytest.raises(Exception, match="no such table") as caught:
            call(saga_of(Notes(), engine, "a"))
        assert any("create_all" in note for note in caught.value.__notes__)
    engine.dispose()


def test_what_is_raised_after_a_commit_fails_nothing(trips: Engine) -> None:
    saga, calls = Saga(trips, "trip"), []

    @saga.step()
    def only(session: Session, step: SagaStep) -> int:
        calls.append(step)
        on_commit(lambda: 1 / 0)
        return 3

    assert saga.run("1") == {"only": 3}
    assert len(calls) == 1


def test_what_is_refused(engine: Engine, asynchronous_engine: Any) -> None:
    notes, take = Notes(), Notes().taking

    async def coroutine(session: Any, step: SagaStep) -> None: ...

    with pytest.raises(UsageError, match="no steps"):
        Saga(engine, "trip").run("1")
    with pytest.raises(UsageError, match="'a' already"):
        saga_of(notes, engine, "a", "a")
    with pytest.raises(UsageError, match="would never run"):
        saga_of(notes, engine, "pay|", "b")
    with pytest.raises(UsageError, match="name of a step"):
        Saga(engine, "trip").step(name="x" * 256)(take("a"))
    with pytest.raises(UsageError, match="external=True"):
        Saga(engine, "trip").step(external=True)(take("a"))
    with pytest.raises(UsageError, match="coroutine function on a plain"):
        Saga(engine, "trip").step()(coroutine)
    with pytest.raises(UsageError, match="plain function on an async"):
        Saga(asynchronous_engine, "trip").step(compensate=take("-a"))(coroutine)
    for name in ("", "x" * 256, "a\0b", 7):
        with pytest.raises(UsageError, match="1 to 255"):
            Saga(engine, name)  # type: ignore[arg-type]
        with pytest.raises(UsageError, match="1 to 255"):
            saga_of(notes, engine, "a").run(name)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="max_attempts=0"):
        Saga(engine, "trip", max_attempts=0)
    for payload in ((1, 2), {1: 2}, object(), float("nan")):
        with pytest.raises(UsageError, match="payload of a saga must be plain JSON"):
            saga_of(notes, engine, "a").run("1", payload)
    with atomic(engine), pytest.raises(BoundaryError, match="commits several times"):
        saga_of(notes, engine, "a").run("1")
    with pytest.raises(UsageError, match="no saga 'trip' with the id 'x'"):
        saga_of(notes, engine, "a").resume("x")


@pytest.fixture
def asynchronous_engine() -> Any:
    return create_async_engine("sqlite+aiosqlite://")


def test_a_result_that_is_no_json_is_a_refusal(trips: Engine) -> None:
    saga = saga_of(notes := Notes(), trips, "a")
    saga.step()(lambda session, step: (1, 2))
    with pytest.raises(SagaFailed, match="the result of the step '<lambda>' must be plain JSON"):
        saga.run("1")
    assert notes.names == ["a", "-a"]


def test_invariants_hold_in_every_step(trips: Engine) -> None:
    saga = Saga(trips, "trip", invariants=[trip.total_is_kept])

    @saga.step(compensate=lambda session, step: trip.pay(session, trip.AIRLINE, -1))
    def flight(session: Session, step: SagaStep) -> int:
        return trip.pay(session, trip.AIRLINE)

    @saga.step()
    def theft(session: Session, step: SagaStep) -> None:
        session.get_one(Account, trip.TRAVELLER).balance -= 1

    with pytest.raises(SagaFailed, match="total_is_kept"):
        saga.run("1")
    assert balances(trips) == BEFORE


def test_async_twins(trips: Engine, asynchronous: Any) -> None:
    async def go() -> None:
        engine = create_async_engine(asynchronous.url)
        saga = trip.async_saga_of(async_sessionmaker(engine))
        assert (await saga.run("1", GOOD))["car"] == {"paid": 5}
        with pytest.raises(SagaFailed, match="compensated: room, flight"):
            await saga.run("2", BAD)
        with pytest.raises(KeyReused):
            await saga.run("2", GOOD)
        assert (await saga.status("2")).state is SagaState.COMPENSATED
        assert await saga.resume() == await saga.stuck() == await saga.unfinished() == []
        answers = await asyncio.gather(*(trip.async_saga_of(engine).run("1", GOOD) for _ in range(3)))
        assert answers == [answers[0]] * 3
        assert await saga.prune(older_than=timedelta(seconds=-5)) == 2
        await engine.dispose()

    asyncio.run(go())
    assert balances(trips) == AFTER


def test_an_async_saga_that_is_cancelled_goes_on_later(trips: Engine, asynchronous: Any) -> None:
    async def go() -> None:
        engine = create_async_engine(asynchronous.url)
        saga = Saga(engine, "trip")

        @saga.step()
        async def only(session: Any, step: SagaStep) -> int:
            if not cancelled:
                cancelled.append(step)
                raise asyncio.CancelledError
            return 1

        with pytest.raises(asyncio.CancelledError):
            await saga.run("1")
        (status,) = await saga.resume()
        assert (status.state, status.results) == (SagaState.DONE, {"only": 1})
        await engine.dispose()

    cancelled: list[SagaStep] = []
    asyncio.run(go())
