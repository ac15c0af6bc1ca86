"""Programs of two callers, each written once, and the styles in which they are carried out: ORM, Core, a driver's own calls.

A program is a generator that yields what is asked of the database, a statement or ``COMMIT`` or ``ROLLBACK``, and is sent
the first value that was found, or how many rows were changed. What the database refuses is raised in it. A statement is
the same SQLAlchemy construct in every style; a driver is given its text and its parameters.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

from sqlalchemy import Connection, func, insert, select, update
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession
from sqlalchemy.orm import Session
from sqlalchemy.sql import Executable, Select

from acidity.prove import Operation, Scenario
from tests.quality.callers import Account, Booking, Doctor, Name, at_once

COMMIT, ROLLBACK = "commit", "rollback"
Asked = Executable | str
Program = Generator[Asked, Any, Any]

# The words of the language


def read(account: int, column: Any = Account.balance) -> Select[Any]:
    """One value of an account."""
    return select(column).where(Account.id == account)


def lock(account: int) -> Select[Any]:
    """The same, and nobody else may write it until the end."""
    return read(account).with_for_update()


def write(account: int, **values: Any) -> Executable:
    """Put values into an account, or what is computed from them."""
    return update(Account).where(Account.id == account).values(**values)


def add(account: int, amount: int) -> Executable:
    """The database computes."""
    return write(account, balance=Account.balance + amount)


# Programs


def withdraw(amount: int) -> Program:
    """Read, compute, write."""
    balance = yield read(1)
    yield write(1, balance=balance - amount)
    yield COMMIT


def withdraw_locked(amount: int) -> Program:
    """The row is locked when it is read."""
    balance = yield lock(1)
    yield write(1, balance=balance - amount)
    yield COMMIT


def withdraw_guarded(amount: int) -> Program:
    """The database checks and computes in one statement."""
    guarded = update(Account).where(Account.id == 1, Account.balance >= amount)
    done = yield guarded.values(balance=Account.balance - amount)
    yield COMMIT
    return bool(done)


def withdraw_versioned(amount: int) -> Program:
    """Whoever comes late sees that the version has changed, and begins again."""
    changed = 0
    while not changed:
        version = yield read(1, Account.version)
        balance = yield read(1)
        yield ROLLBACK
        same = update(Account).where(Account.id == 1, Account.version == version)
        changed = yield same.values(balance=balance - amount, version=version + 1)
        yield COMMIT


def leave(doctor: int) -> Program:
    """A doctor goes off call if another one stays."""
    on_call = yield select(func.count()).select_from(Doctor).where(Doctor.on_call == 1)
    if on_call >= 2:
        yield update(Doctor).where(Doctor.id == doctor).values(on_call=0)
    yield COMMIT
    return on_call >= 2


def book(guest: str) -> Program:
    """Look whether the room is free, then take it."""
    taken = yield select(func.count()).select_from(Booking).where(Booking.room == 1)
    if not taken:
        yield insert(Booking).values(room=1, guest=guest).inline()
    yield COMMIT
    return not taken


def book_last(guest: str) -> Program:
    """There may be two guests in all."""
    guests = yield select(func.count()).select_from(Booking)
    if guests < 2:
        yield insert(Booking).values(room=len(guest), guest=guest).inline()
    yield COMMIT
    return guests < 2


def register(name: str) -> Program:
    """Insert, or take what another one has inserted."""
    try:
        yield insert(Name).values(name=name).inline()
        yield COMMIT
    except Exception as error:
        if not is_taken(error):
            raise
        yield ROLLBACK
    found = yield select(Name.name).where(Name.name == name)
    yield ROLLBACK
    return found


def sell() -> Program:
    """Check, then act on what was checked, though by a statement that computes."""
    balance = yield read(1)
    if balance >= 100:
        yield add(1, -100)
    yield COMMIT
    return balance >= 100


def transfer(source: int, target: int) -> Program:
    """The order of the locks is that of the arguments."""
    yield add(source, -10)
    yield add(target, 10)
    yield COMMIT


def audit() -> Program:
    """The sum, read row by row."""
    first = yield read(1)
    second = yield read(2)
    yield COMMIT
    return first + second


def is_taken(error: Exception) -> bool:
    """Whether a unique key refused a row; every driver has an error for it, and SQLAlchemy has one."""
    kinds = {kind.__name__ for kind in type(error).__mro__}
    return bool(kinds & {"IntegrityError", "IntegrityConstraintViolationError"})


Make = Callable[..., Program]
PROGRAMS: dict[str, tuple[tuple[Make, tuple[Any, ...]], tuple[Make, tuple[Any, ...]]]] = {
    "lost update": ((withdraw, (10,)), (withdraw, (30,))),
    "FOR UPDATE": ((withdraw_locked, (10,)), (withdraw_locked, (30,))),
    "guarded UPDATE": ((withdraw_guarded, (60,)), (withdraw_guarded, (50,))),
    "version check": ((withdraw_versioned, (10,)), (withdraw_versioned, (30,))),
    "write skew": ((leave, (1,)), (leave, (2,))),
    "phantom": ((book_last, ("a",)), (book_last, ("bb",))),
    "read skew": ((transfer, (1, 2)), (audit, ())),
    "duplicate insert": ((book, ("a",)), (book, ("b",))),
    "insert or get": ((register, ("ann",)), (register, ("ann",))),
    "stale check": ((sell, ()), (sell, ())),
    "deadlock": ((transfer, (1, 2)), (transfer, (2, 1))),
}


# Styles


def follow(program: Program, ask: Callable[[Asked], Any]) -> Any:
    """Carry a program out."""
    try:
        asked = next(program)
        while True:
            try:
                answer = ask(asked)
            except Exception as error:
                asked = program.throw(error)
            else:
                asked = program.send(answer)
    except StopIteration as done:
        return done.value


async def follow_async(program: Program, ask: Callable[[Asked], Any]) -> Any:
    """The same where whoever is asked is awaited."""
    try:
        asked = next(program)
        while True:
            try:
                answer = await ask(asked)
            except Exception as error:
                asked = program.throw(error)
            else:
                asked = program.send(answer)
    except StopIteration as done:
        return done.value


def of_result(asked: Executable, result: Any) -> Any:
    """The first value, or how many rows were changed."""
    return result.scalar() if isinstance(asked, Select) else result.rowcount


def through_sqlalchemy(opened: Session | Connection, make: Make, *arguments: Any) -> Any:
    """A Session, or a Connection of Core."""

    def ask(asked: Asked) -> Any:
        return getattr(opened, asked)() if isinstance(asked, str) else of_result(asked, opened.execute(asked))

    return follow(make(*arguments), ask)


async def through_async(opened: AsyncSession | AsyncConnection, make: Make, *arguments: Any) -> Any:
    """The same of asyncio."""

    async def ask(asked: Asked) -> Any:
        if isinstance(asked, str):
            return await getattr(opened, asked)()
        return of_result(asked, await opened.execute(asked))

    return await follow_async(make(*arguments), ask)


async def through_async_core(engine: AsyncEngine, make: Make, *arguments: Any) -> Any:
    """A Connection of Core of asyncio."""
    async with engine.connect() as connection:
        return await through_async(connection, make, *arguments)


def through_driver(connection: Any, dialect: str, make: Make, *arguments: Any) -> Any:
    """What PEP 249 says."""

    def ask(asked: Asked) -> Any:
        if isinstance(asked, str):
            return getattr(connection, asked)()
        cursor = connection.cursor()
        cursor.execute(*as_text(asked, dialect))
        return cursor.fetchone()[0] if cursor.description else cursor.rowcount

    return follow(make(*arguments), ask)


async def through_async_driver(connection: Any, dialect: str, make: Make, *arguments: Any) -> Any:
    """The same, awaited: aiosqlite, aiomysql, psycopg."""

    async def ask(asked: Asked) -> Any:
        if isinstance(asked, str):
            return await getattr(connection, asked)()
        cursor = connection.cursor()
        cursor = await cursor if hasattr(cursor, "__await__") else cursor
        await cursor.execute(*as_text(asked, dialect))
        answer = (await cursor.fetchone())[0] if cursor.description else cursor.rowcount
        closed = cursor.close()
        if closed is not None:
            await closed
        return answer

    return await follow_async(make(*arguments), ask)


async def through_asyncpg(connection: Any, dialect: str, make: Make, *arguments: Any) -> Any:
    """Its transactions are objects, and its answers are rows or words."""
    opened: list[Any] = []

    async def ask(asked: Asked) -> Any:
        if isinstance(asked, str):
            return await getattr(opened.pop(), asked)() if opened else None
        if not opened:
            opened.append(connection.transaction())
            await opened[0].start()
        sql, parameters = as_text(asked, dialect)
        if isinstance(asked, Select):
            return await connection.fetchval(sql, *parameters)
        return int((await connection.execute(sql, *parameters)).rpartition(" ")[2])

    return await follow_async(make(*arguments), ask)


def as_text(statement: Any, dialect: str) -> tuple[str, Any]:
    """What a driver is given: a text, and its parameters by place or by name."""
    compiled = statement.compile(dialect=make_url(f"{dialect}://").get_dialect()())
    if compiled.positiontup is None:
        return str(compiled), compiled.params
    return str(compiled), tuple(compiled.params[name] for name in compiled.positiontup)


SYNC, ASYNC = ("ORM", "Core", "driver"), ("async ORM", "async Core", "async driver")
STYLES: dict[str, tuple[str, Callable[..., Any]]] = {
    "ORM": ("session", through_sqlalchemy),
    "Core": ("connection", through_sqlalchemy),
    "driver": ("dbapi_connection", through_driver),
    "async ORM": ("async_session", through_async),
    "async Core": ("async_engine", through_async_core),
    "async driver": ("dbapi_connection", through_async_driver),
}
DEFAULT_DRIVERS = {"sqlite": "sqlite+pysqlite", "postgresql": "postgresql+psycopg", "mariadb": "mariadb+pymysql"}


def scenario_of(program: str, style: str, db: str) -> Scenario:
    """Both callers of a program, in one style, for a database."""
    inject, through = STYLES[style]
    through = through_asyncpg if (style, db) == ("async driver", "postgresql+asyncpg") else through
    dialect = (DEFAULT_DRIVERS.get(db, db),) if "driver" in style else ()
    callers = [
        Operation(through, *dialect, make, *arguments, inject=inject, name=f"{make.__name__}{arguments}")
        for make, arguments in PROGRAMS[program]
    ]
    return at_once(*callers)
