"""A trip paid in three steps, as a saga and as others write it; the car can be refused."""

from __future__ import annotations

from typing import Any

from sqlalchemy import String, func, select, update
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from acidity.prove import Operation, Scenario
from acidity.run import Saga, SagaFailed, tables
from acidity.run.tables import saga_step
from tests.run.bank import Account, Base

TRAVELLER, AIRLINE, HOTEL, GARAGE = 1, 2, 3, 4
PRICES = {AIRLINE: 10, HOTEL: 20, GARAGE: 5}
BEFORE, AFTER = (100, 0, 0, 0), (65, 10, 20, 5)
GOOD, BAD = {"car": "small"}, {"car": "none left"}


class Refused(Exception):
    pass


class Others(DeclarativeBase):
    """What is only here."""


class Done(Others):
    """The progress of those who write their own saga."""

    __tablename__ = "done"
    step: Mapped[str] = mapped_column(String(20), primary_key=True)


def schema(connection: Connection) -> None:
    Base.metadata.create_all(connection)
    Others.metadata.create_all(connection)
    tables.metadata.create_all(connection)


def seed(session: Session) -> None:
    owners = {TRAVELLER: "Tom", AIRLINE: "Air", HOTEL: "Inn", GARAGE: "Cars"}
    for number, owner in owners.items():
        session.add(Account(id=number, owner=owner, balance=100 if number == TRAVELLER else 0))


def total_is_kept(session: Session) -> bool:
    return session.scalar(select(func.sum(Account.balance))) == 100


def log_fits_the_money(session: Session) -> bool:
    """Each step that is done and not undone was paid once: in every state that anybody can see."""
    standing = dict.fromkeys(PRICES, 0)
    for entry in session.execute(select(saga_step)):
        standing[AIRLINE + entry.position] += 1 if entry.direction == "do" else -1
    return all(session.get_one(Account, number).balance == price * standing[number] for number, price in PRICES.items())


def pay(session: Session, account: int, sign: int = 1) -> int:
    """Two statements; commits nothing."""
    for number, by in ((TRAVELLER, -sign), (account, sign)):
        amount = by * PRICES[account]
        session.execute(update(Account).where(Account.id == number).values(balance=Account.balance + amount))
    return PRICES[account]


def pay_for_car(session: Session, payload: Any) -> int:
    paid = pay(session, GARAGE)
    if payload["car"] == "none left":
        raise Refused(payload["car"])
    return paid


# As a saga


def saga_of(engine: Any) -> Saga:
    made = Saga(engine, "trip")

    @made.step(compensate=lambda session, step: pay(session, AIRLINE, -1))
    def flight(session: Session, step: Any) -> dict[str, int]:
        return {"paid": pay(session, AIRLINE)}

    @made.step(compensate=lambda session, step: pay(session, HOTEL, -1))
    def room(session: Session, step: Any) -> dict[str, int]:
        assert step.results == {"flight": {"paid": 10}}
        return {"paid": pay(session, HOTEL)}

    @made.step()
    def car(session: Session, step: Any) -> dict[str, int]:
        return {"paid": pay_for_car(session, step.payload)}

    return made


def async_saga_of(engine: Any) -> Saga:
    made = Saga(engine, "trip")

    async def no_flight(session: Any, step: Any) -> None:
        await session.run_sync(pay, AIRLINE, -1)

    async def no_room(session: Any, step: Any) -> None:
        await session.run_sync(pay, HOTEL, -1)

    @made.step(compensate=no_flight)
    async def flight(session: Any, step: Any) -> dict[str, int]:
        return {"paid": await session.run_sync(pay, AIRLINE)}

    @made.step(compensate=no_room)
    async def room(session: Any, step: Any) -> dict[str, int]:
        return {"paid": await session.run_sync(pay, HOTEL)}

    @made.step()
    async def car(session: Any, step: Any) -> dict[str, int]:
        return {"paid": await session.run_sync(pay_for_car, step.payload)}

    return made


def travel(engine: Engine, payload: Any) -> dict[str, bool]:
    try:
        saga_of(engine).run("order-7", payload)
    except SagaFailed:
        return {"success": False}
    return {"success": True}


def resume(engine: Engine) -> None:
    """What a process does that is started anew; no saga may be left open or stuck."""
    saga = saga_of(engine)
    saga.resume()
    assert not saga.unfinished()


async def travel_async(async_engine: Any, payload: Any) -> dict[str, bool]:
    try:
        await async_saga_of(async_engine).run("order-7", payload)
    except SagaFailed:
        return {"success": False}
    return {"success": True}


async def resume_async(async_engine: Any) -> None:
    saga = async_saga_of(async_engine)
    await saga.resume()
    assert not await saga.unfinished()


def scenario(function: Any, payload: Any, *invariants: Any, **options: Any) -> Scenario:
    """Several commits; `options` are of the Scenario."""
    return Scenario(
        Operation(function, payload, succeeded=lambda answer: answer["success"], refused=payload == BAD),
        schema=schema,
        setup=seed,
        invariants=[total_is_kept, *invariants],
        **options,
    )


# As others write it

STEPS = {"flight": AIRLINE, "room": HOTEL, "car": GARAGE}


def by_memory(engine: Engine, payload: Any) -> dict[str, bool]:
    """Knows what is done for as long as the process lives."""
    done: list[int] = []
    try:
        for name, account in STEPS.items():
            with Session(engine) as session, session.begin():
                pay_for_car(session, payload) if name == "car" else pay(session, account)
            done.append(account)
    except Exception:
        for account in reversed(done):
            with Session(engine) as session, session.begin():
                pay(session, account, -1)
        return {"success": False}
    return {"success": True}


def nothing(engine: Engine) -> None:
    """There is nothing to go by."""
    with Session(engine) as session:
        session.scalars(select(Account.balance)).all()


def noted_after(engine: Engine, payload: Any) -> dict[str, bool]:
    """Writes down what is done, in a transaction of its own after the step."""
    carry_on(engine, payload)
    return {"success": True}


def carry_on(engine: Engine, payload: Any = GOOD) -> None:
    for name, account in STEPS.items():
        with Session(engine) as session:
            if session.get(Done, name) is None:
                session.rollback()
                pay(session, account)
                session.commit()
                session.add(Done(step=name))
                session.commit()


def noted_before(engine: Engine, payload: Any) -> dict[str, bool]:
    """Writes it down in a transaction of its own before the step."""
    begin_on(engine)
    return {"success": True}


def begin_on(engine: Engine) -> None:
    for name, account in STEPS.items():
        with Session(engine) as session:
            if session.get(Done, name) is None:
                session.add(Done(step=name))
                session.commit()
                pay(session, account)
                session.commit()


def noted_with(engine: Engine, payload: Any) -> dict[str, bool]:
    """The twin that is right: in the step's own transaction."""
    go_on(engine)
    return {"success": True}


def go_on(engine: Engine) -> None:
    for name, account in STEPS.items():
        with Session(engine) as session, session.begin():
            if session.get(Done, name) is None:
                session.add(Done(step=name))
                session.flush()
                pay(session, account)
