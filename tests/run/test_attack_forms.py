"""What can be decorated, and a savepoint whose block ends in a failing flush."""
# ruff: noqa: PT012 - a unit of work is a block, and what it refuses is in it

from __future__ import annotations

import asyncio
import functools
import inspect
from typing import Any

import pytest
from sqlalchemy import insert, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import Session

from acidity import atomic, on_commit, savepoint
from acidity.errors import UsageError
from acidity.run import BoundaryError
from tests.run.attacked import add_to, drivers, plain_and_async
from tests.run.bank import ALICE, BOB, Account

PLAIN, ASYNC = plain_and_async(drivers())
Got = tuple[Any, ...]


def forms(unit: Any) -> dict[str, Any]:
    """What is decorated with a unit, by its form; each answers with what it received."""

    class Shop:
        @unit
        def method(self, session: Any, x: int, *, y: int = 2) -> Got:
            return self, session, x, y

        @staticmethod
        @unit
        def static_inside(session: Any, x: int, *, y: int = 2) -> Got:
            return None, session, x, y

        @unit
        @staticmethod
        def static_outside(session: Any, x: int, *, y: int = 2) -> Got:
            return None, session, x, y

        @classmethod
        @unit
        def class_inside(cls, session: Any, x: int, *, y: int = 2) -> Got:
            return cls, session, x, y

        @unit
        @classmethod
        def class_outside(klass, session: Any, x: int, *, y: int = 2) -> Got:
            return klass, session, x, y

        def plain(self, session: Any, x: int, *, y: int = 2) -> Got:
            return self, session, x, y

        def __call__(self, session: Any, x: int, *, y: int = 2) -> Got:
            return self, session, x, y

    def function(session: Any, x: int, z: int = 0, *, y: int = 2) -> Got:
        return None, session, x, y

    shop = Shop()
    return {
        "method": (shop.method, shop),
        "unbound": (functools.partial(Shop.method, shop), shop),
        "static_inside": (shop.static_inside, None),
        "static_outside": (Shop.static_outside, None),
        "class_inside": (shop.class_inside, Shop),
        "class_outside": (Shop.class_outside, Shop),
        "bound": (unit(shop.plain), shop),
        "object": (unit(shop), shop),
        "partial": (unit(functools.partial(function, z=3)), None),
        "lambda": (unit(lambda session, x, y=2: (None, session, x, y)), None),
    }


FORMS = list(forms(lambda function: function))


@pytest.mark.parametrize("joined", [False, True], ids=["outermost", "joined"])
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.one_in(2)
def test_methods_and_whatever_can_be_called(engine: Any, form: str, joined: bool) -> None:  # noqa: FBT001
    called, owner = forms(atomic(engine))[form]
    outer: Any = None
    if joined:
        with atomic(engine) as outer:
            got = called(1, y=5)
    else:
        got = called(1, y=5)
    assert got[0] is owner
    assert isinstance(got[1], Session)
    assert got[2:] == (1, 5)
    assert outer is None or got[1] is outer
    assert "session" not in inspect.signature(called).parameters


def test_async_methods(tmp_path: Any) -> None:
    engine = create_async_engine(f"sqlite+aiosqlite:///{tmp_path}/a.db")

    class Shop:
        @atomic(engine)
        async def method(self, session: Any, x: int) -> Got:
            return self, session, x

        @atomic(engine)
        @classmethod
        async def of_class(cls, session: Any, x: int) -> Got:
            return cls, session, x

        async def __call__(self, session: Any, x: int) -> Got:
            return self, session, x

    async def go() -> None:
        shop = Shop()
        for called, owner in ((shop.method, shop), (Shop.of_class, Shop), (atomic(engine)(shop), shop)):
            got = await called(3)
            assert (got[0], got[2]) == (owner, 3)
            assert isinstance(got[1], AsyncSession)
        await engine.dispose()

    asyncio.run(go())


def test_a_key_of_a_method_and_of_a_partial(database: Any) -> None:
    class Shop:
        @atomic(database, idempotency_key="key")
        def sell(self, session: Any, key: str, what: str) -> str:
            return f"sold {what}"

    assert Shop().sell("m", "a") == Shop().sell("m", "a") == "sold a"
    with pytest.raises(Exception, match="another request"):
        Shop().sell("m", "b")

    def pay(session: Any, key: str, amount: int) -> int:
        return amount

    for amount, fits in ((1, True), (1, True), (2, False)):
        unit = atomic(database, idempotency_key="key")(functools.partial(pay, amount=amount))
        if fits:
            assert unit("p") == 1
        else:
            with pytest.raises(Exception, match="another request"):
                unit("p")


class NoParameters:
    def __call__(self) -> None: ...


def rows(session: Any) -> Any:
    yield session


@pytest.mark.parametrize(
    "wrong",
    [Session, property(len), 3, lambda: None, NoParameters(), rows, functools.partial(rows), property],
    ids=["class", "property", "number", "no parameter", "object without", "generator", "partial of one", "builtin"],
)
def test_what_cannot_be_decorated_is_refused_at_once(engine: Any, wrong: Any) -> None:
    with pytest.raises(UsageError):
        atomic(engine)(wrong)


def test_methods_without_a_session_are_refused_at_once(engine: Any) -> None:
    def method(self: Any) -> None: ...

    with pytest.raises(UsageError, match="after self"):
        atomic(engine)(method)


def test_l5_atomic_without_arguments() -> None:
    with pytest.raises(UsageError, match="takes an Engine"):
        atomic()
    with pytest.raises(UsageError, match="takes an Engine"):
        atomic(lambda session: None)


# Savepoints


def failing(session: Session, form: str) -> None:
    """What the database refuses: now, or when the block ends."""
    if form == "core":
        session.execute(insert(Account).values(id=ALICE, owner="again", balance=1))
    elif form == "flush":
        session.add(Account(id=ALICE, owner="again", balance=1))
        session.flush()
    else:
        session.add(Account(id=ALICE, owner="again", balance=1))


@pytest.mark.parametrize("form", ["core", "flush", "end of the block"])
@pytest.mark.parametrize("driver", PLAIN)
def test_a_savepoint_whose_block_ends_in_an_error_goes_back(bank_of: Any, driver: str, form: str) -> None:
    bank, called = bank_of(driver), []

    def body(session: Session) -> None:
        add_to(session, ALICE)
        with pytest.raises(IntegrityError), savepoint():
            on_commit(lambda: called.append("inner"))
            add_to(session, ALICE)
            failing(session, form)
        with pytest.raises(IntegrityError), savepoint(), savepoint():
            failing(session, form)
        on_commit(lambda: called.append("outer"))
        add_to(session, BOB)

    assert bank.run(body) == [None]
    assert bank.rows() == (110, 10)
    assert called == ["outer"]


@pytest.mark.parametrize("form", ["core", "end of the block"])
@pytest.mark.parametrize("driver", ASYNC)
def test_a_savepoint_whose_block_ends_in_an_error_goes_back_async(bank_of: Any, driver: str, form: str) -> None:
    bank = bank_of(driver)

    async def go() -> None:
        engine = bank.engine()
        async with atomic(engine) as session:
            await session.run_sync(add_to, ALICE)
            with pytest.raises(IntegrityError):
                async with savepoint():
                    await session.run_sync(failing, form)
            await session.run_sync(add_to, BOB)
        await engine.dispose()

    asyncio.run(go())
    assert bank.rows() == (110, 10)


@pytest.mark.parametrize("driver", PLAIN)
def test_l5_crossed_savepoints_get_an_error_of_ours(bank_of: Any, driver: str) -> None:
    bank = bank_of(driver)

    def outer_from_within(session: Session) -> None:
        with savepoint() as outer, savepoint():
            add_to(session, ALICE)
            outer.rollback()

    def crosswise(session: Session) -> None:
        first, second = savepoint(), savepoint()
        first.__enter__()
        second.__enter__()
        add_to(session, ALICE)
        first.__exit__(None, None, None)

    answers = bank.run(outer_from_within, crosswise)
    assert [type(each) for each in answers] == [BoundaryError] * 2, answers
    assert "inside this one" in str(answers[0])
    assert bank.rows() == (100, 0)


@pytest.mark.parametrize("driver", ["sqlite+pysqlite", "postgresql+psycopg", "mariadb+pymysql"])
def test_a_savepoint_goes_back_again_and_again(bank_of: Any, driver: str) -> None:
    def body(session: Session) -> None:
        with savepoint() as point:
            for _ in range(3):
                add_to(session, ALICE)
                point.rollback()
            with savepoint() as inner:
                session.execute(text("SELECT 1"))
                inner.rollback()
            add_to(session, BOB)

    bank = bank_of(driver)
    assert bank.run(body) == [None]
    assert bank.rows() == (100, 10)
