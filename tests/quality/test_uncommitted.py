"""What a clean run writes and only closes: without COMMIT it is lost, and the caller must not be told that all went well."""

from __future__ import annotations

import gc
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

import pytest
from sqlalchemy import insert, select, text, update
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession
from sqlalchemy.orm import Session

from acidity import prove
from acidity.core.cause import CauseKind
from acidity.core.report import Report
from acidity.prove import Effect, Operation
from tests.engines.bank import ALICE, BOB, Account, bank
from tests.engines.raw import CREDIT, DEBIT, DRIVERS
from tests.quality.two_databases import TEA, Item, Order, shop
from tests.tiers import mostly_slow

TAKE, GIVE = text(DEBIT), text(CREDIT)
PROTECTED = "2 writes in 1 commit: protected"
LEFT = "2 writes, some without commit: unprotected"


class Unwanted(Exception):
    """The program's own."""


def refuse() -> None:
    raise Unwanted


def moved(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(TAKE)
        connection.execute(GIVE)


# Wrong: one half is never committed


def second_half(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(TAKE)
    with engine.connect() as connection:
        connection.execute(GIVE)  # <- lost


def first_half(engine: Engine) -> None:
    with engine.connect() as connection:
        connection.execute(TAKE)  # <- lost
    with engine.begin() as connection:
        connection.execute(GIVE)


def in_one_session(engine: Engine) -> None:
    with Session(engine) as session:
        session.get_one(Account, ALICE).balance -= 10
        session.commit()
        session.get_one(Account, BOB).balance += 10
        session.flush()  # <- lost


def in_a_session_of_the_caller(session: Session) -> None:
    session.execute(TAKE)
    session.commit()
    session.execute(GIVE)  # <- lost


def never_closed(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(TAKE)
    engine.connect().execute(GIVE)  # <- lost


async def in_a_coroutine(async_engine: AsyncEngine) -> None:
    async with AsyncSession(async_engine) as session:
        await session.execute(TAKE)
        await session.commit()
        await session.execute(GIVE)  # <- lost


def amid_an_error_of_before(engine: Engine) -> None:
    try:
        refuse()
    except Unwanted:
        second_half(engine)


async def amid_an_error_in_a_coroutine(async_engine: AsyncEngine) -> None:
    async with async_engine.begin() as connection:
        await connection.execute(TAKE)
    try:
        refuse()
    except Unwanted:
        async with AsyncSession(async_engine) as session:
            await session.execute(GIVE)  # <- lost


def after_an_error_to_a_savepoint(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(TAKE)
    with engine.connect() as connection:
        with suppress(IntegrityError), connection.begin_nested():
            connection.execute(text("INSERT INTO accounts (id, owner, balance) VALUES (1, 'again', 1)"))
        connection.execute(GIVE)  # <- lost


def gives_rows(engine: Engine) -> Any:
    with engine.begin() as connection:
        connection.execute(TAKE)
    with engine.connect() as connection:
        return connection.scalar(text(f"{CREDIT} RETURNING balance"))  # <- lost


def gives(engine: Engine) -> Iterator[Connection]:
    with engine.connect() as connection:
        yield connection
        connection.commit()


def in_a_generator_that_is_left(engine: Engine) -> None:
    """What comes after its ``yield`` is never reached; that it is closed is no error."""
    with engine.begin() as connection:
        connection.execute(TAKE)
    for connection in gives(engine):
        connection.execute(GIVE)  # <- lost
        return


async def in_a_generator_of_coroutines_that_is_left(async_engine: AsyncEngine) -> None:
    async def gives_async() -> AsyncIterator[AsyncConnection]:
        async with async_engine.connect() as connection:
            yield connection
            await connection.commit()

    async with async_engine.begin() as connection:
        await connection.execute(TAKE)
    every = gives_async()
    connection = await anext(every)
    await connection.execute(GIVE)  # <- lost
    await every.aclose()  # type: ignore[attr-defined]


def at_the_end_of_a_queue(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(TAKE)
    every = iter([GIVE])
    connection = engine.connect()
    try:
        while True:
            connection.execute(next(every))  # <- lost
    except StopIteration:
        connection.close()


def on_a_connection_that_the_next_one_gets(engine: Engine) -> None:
    def dropped() -> None:
        connection = engine.connect()
        connection.execute(TAKE)  # <- lost

    dropped()
    gc.collect()
    with engine.begin() as connection:
        connection.execute(GIVE)


WRONG = (
    in_a_generator_that_is_left,
    in_a_generator_of_coroutines_that_is_left,
    at_the_end_of_a_queue,
    on_a_connection_that_the_next_one_gets,
    second_half,
    first_half,
    in_one_session,
    in_a_session_of_the_caller,
    never_closed,
    in_a_coroutine,
    amid_an_error_of_before,
    amid_an_error_in_a_coroutine,
    after_an_error_to_a_savepoint,
)

# Right: taken back on purpose, or nobody misses it


def asks_for_it(engine: Engine) -> None:
    with engine.connect() as connection:
        connection.execute(TAKE)
        connection.rollback()
    moved(engine)


def asks_in_words(engine: Engine) -> None:
    with engine.connect() as connection:
        connection.execute(TAKE)
        connection.exec_driver_sql("ROLLBACK")
    moved(engine)


def asks_for_a_savepoint(engine: Engine) -> None:
    with engine.begin() as connection:
        trial = connection.begin_nested()
        connection.execute(TAKE)
        trial.rollback()
        connection.execute(TAKE)
        connection.execute(GIVE)


def raises_within(engine: Engine) -> None:
    with suppress(Unwanted), Session(engine) as session:
        session.execute(TAKE)
        raise Unwanted
    moved(engine)


async def raises_within_a_coroutine(async_engine: AsyncEngine) -> None:
    for opened in (AsyncSession(async_engine), async_engine.connect()):
        try:
            async with opened as session:
                await session.execute(TAKE)
                refuse()
        except Unwanted:
            pass
    async with async_engine.begin() as connection:
        await connection.execute(TAKE)
        await connection.execute(GIVE)


def raises_in_a_generator(engine: Engine) -> None:
    @contextmanager
    def lends() -> Iterator[Connection]:
        with engine.connect() as connection:
            yield connection
            connection.commit()

    moved(engine)
    with suppress(Unwanted), lends() as connection:
        connection.execute(TAKE)
        refuse()


def is_refused_by_the_database(engine: Engine) -> None:
    moved(engine)
    with suppress(IntegrityError), engine.connect() as connection:
        connection.execute(TAKE)
        try:
            connection.execute(text("INSERT INTO accounts (id, owner, balance) VALUES (1, 'again', 1)"))
        except IntegrityError:
            return


RIGHT = (
    asks_for_it,
    asks_in_words,
    asks_for_a_savepoint,
    raises_within,
    raises_within_a_coroutine,
    raises_in_a_generator,
    is_refused_by_the_database,
)


def changes_nothing(engine: Engine) -> None:
    with engine.connect() as connection:
        connection.execute(text("UPDATE accounts SET balance = balance"))
        connection.execute(text("UPDATE accounts SET balance = 0 WHERE id = 77"))
    moved(engine)


def in_a_temporary_table(engine: Engine) -> None:
    with engine.connect() as connection:
        connection.execute(text("CREATE TEMPORARY TABLE found (id int)"))
        connection.execute(text("INSERT INTO found VALUES (1)"))
        connection.execute(text("DROP TABLE found"))
    moved(engine)


def in_autocommit(engine: Engine) -> None:
    with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        connection.execute(TAKE)


def raises_after(engine: Engine) -> None:
    second_half(engine)
    raise Unwanted


def once_more(engine: Engine) -> None:
    """It is written again, and committed: whether the first one is a loss nobody can say."""
    for way in (engine.connect, engine.begin):
        with way() as connection:
            connection.execute(text("INSERT INTO payments (id, account_id, amount, note) VALUES (2, 1, 1, '')"))


def called(function: Callable[..., Any]) -> str:
    return function.__name__


def drilled(function: Any, db: str = "sqlite", **options: Any) -> Report:
    return prove.drill(bank(function, **options), db=db, faults=("error-before",), remedies=False)


def lost(report: Report) -> Any:
    (found,) = (each for each in report.findings if each.severity == "error")
    assert (report.verdict, found.word, found.kind) == ("fail", "false success", CauseKind.MISSING_COMMIT), report
    assert not found.schedule.choices
    assert "torn" in found.explanation[-1]
    assert report.classifier == LEFT
    return found


@pytest.mark.parametrize("db", ["sqlite", "postgresql", "mariadb"])
@pytest.mark.parametrize("function", WRONG, ids=called)
@pytest.mark.one_engine
def test_what_is_only_closed_is_a_false_success(function: Callable[..., Any], db: str) -> None:
    found = lost(drilled(function, db))
    assert "although the caller was told that all went well" in found.title
    assert found.permanent is not None
    assert found.permanent.path[0].source.endswith("# <- lost")
    assert "who closes its session or connection rolls it back" in found.cause
    assert [dict(fate.should[0] or ()) != dict(fate.now or ()) for fate in found.rows].count(True) == 1


def test_rows_that_the_program_has_not_read_yet_are_no_hindrance() -> None:
    lost(drilled(gives_rows))


@pytest.mark.parametrize("db", ["sqlite", "postgresql", "mariadb"])
@pytest.mark.parametrize("function", RIGHT, ids=called)
@pytest.mark.one_engine
def test_what_is_taken_back_on_purpose_passes(function: Callable[..., Any], db: str) -> None:
    report = drilled(function, db)
    assert report.verdict == "pass", report
    assert report.classifier == PROTECTED  # what was taken back is none of them


@pytest.mark.parametrize("function", [changes_nothing, in_a_temporary_table, in_autocommit], ids=called)
def test_what_nobody_misses_passes(function: Callable[..., Any]) -> None:
    report = drilled(function)
    assert report.verdict == "pass", report


def test_who_raises_promises_nothing() -> None:
    report = drilled(raises_after)
    assert {found.word for found in report.findings} == {"false failure"}, report


def test_what_would_go_another_way_with_a_commit_is_unknown() -> None:
    report = drilled(once_more)
    assert report.verdict == "unknown", report
    (why,) = report.unknowns
    assert "commit it, or call rollback() where that is meant" in why


def test_a_loss_is_said_of_each_state_where_several_commits_are_intended() -> None:
    def anything(session: Session) -> bool:
        return session.scalars(select(Account)).first() is not None

    lost(drilled(second_half, commits="several", invariants=[anything]))


def ships(databases: Mapping[str, Engine], how: str) -> None:
    with databases["orders"].begin() as connection:
        connection.execute(insert(Order).values(id=1, item=TEA, quantity=3))
    with databases["stock"].connect() as connection:
        connection.execute(update(Item).values(stock=Item.stock - 3))
        if how == "committed":
            connection.commit()


def test_of_two_databases() -> None:
    losing = prove.drill(shop(Operation(ships, "left")), faults=("error-before",), remedies=False)
    assert "false success" in {found.word for found in losing.findings}, losing
    other = prove.drill(shop(Operation(ships, "committed")), faults=("error-before",), remedies=False)
    assert "false success" not in {found.word for found in other.findings}, other


class Post:
    def send(self) -> None:
        """Send it."""


post = Post()


def mails(engine: Engine, how: str) -> None:
    with engine.connect() as connection:
        connection.execute(TAKE)  # <- lost
        if how == "committed":
            connection.commit()
    post.send()


def test_beside_an_effect() -> None:
    scenario = bank(Operation(mails, "left"), effects=[Effect(post.send)])
    report = prove.drill(scenario, faults=("error-before",), remedies=False)
    (found,) = (each for each in report.findings if not each.schedule.choices)
    assert (found.word, found.kind) == ("false success", CauseKind.MISSING_COMMIT), report
    scenario = bank(Operation(mails, "committed"), effects=[Effect(post.send)])
    report = prove.drill(scenario, faults=("error-before",), remedies=False)
    assert all(each.schedule.choices for each in report.findings), report


# Bare drivers, where closing is no Call


def pooled(dsn: str, how: str) -> None:
    import psycopg2.pool

    pool = psycopg2.pool.SimpleConnectionPool(1, 1, dsn)
    connection = pool.getconn()
    connection.cursor().execute(DEBIT)
    connection.commit()
    connection.cursor().execute(CREDIT)  # <- lost
    if how == "rolled back":
        connection.rollback()
    pool.putconn(connection)
    pool.closeall()


@pytest.mark.parametrize("how", ["left", "rolled back"])
def test_a_pool_that_rolls_back_was_not_asked_to(how: str) -> None:
    report = prove.drill(
        bank(Operation(pooled, how)), db="postgresql+psycopg2", faults=("error-before",), remedies=False
    )
    if how == "left":
        lost(report)
    else:
        assert (report.verdict, report.classifier) == ("pass", "1 write: needs no transaction"), report


@pytest.mark.parametrize("way", ["wrong", "right"])
@pytest.mark.parametrize(
    "raw", mostly_slow(*(each for each in DRIVERS if str(each) in {"sqlite3", "asyncpg"}), of=DRIVERS), ids=str
)
def test_a_connection_that_is_closed(raw: Any, way: str) -> None:
    report = drilled(raw.left if way == "wrong" else raw.given_up, raw.db)
    if way == "wrong":
        lost(report)
    else:
        assert (report.verdict, report.classifier) == ("pass", PROTECTED), report
