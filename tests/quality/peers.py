"""Programs of several callers that other tools pass, leave undecided, name nothing of, or hang on; each with its twin.

They are written anew from what is known of those tools: plain driver calls and plain SQLAlchemy. What each is called,
and where, stands in `PEERS`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

from acidity.prove import Operation, Retry, Scenario

SCHEMA = (
    "CREATE TABLE acc (id INT PRIMARY KEY, name VARCHAR(9) UNIQUE, bal INT NOT NULL)",
    "CREATE TABLE doctors (id INT PRIMARY KEY, on_call INT NOT NULL)",
    "CREATE TABLE streams (id INT PRIMARY KEY, last INT NOT NULL)",
    "CREATE TABLE outbox (seq INT PRIMARY KEY, message VARCHAR(9) NOT NULL)",
)
ROWS = (
    "INSERT INTO acc VALUES (1, 'a', 50), (2, 'b', 50)",
    "INSERT INTO doctors VALUES (1, 1), (2, 1)",
    "INSERT INTO streams VALUES (1, 0)",
)


def create(connection: Connection) -> None:
    """The tables."""
    for table in SCHEMA:
        connection.execute(text(table))


def seed(session: Session) -> None:
    """Fifty on each account, two doctors on call, nothing to publish."""
    for row in ROWS:
        session.execute(text(row))


def ask(connection: Any, sql: str) -> Any:
    """The first value of an answer, if there is one."""
    cursor = connection.cursor()
    cursor.execute(sql)
    row = cursor.fetchone() if cursor.description else None
    cursor.close()
    return row[0] if row else None


def by_hand(connection: Any) -> None:
    """Let the driver begin no transaction, so that the program has to, in SQL."""
    kind = type(connection).__module__.partition(".")[0]
    if kind == "sqlite3":
        connection.isolation_level = None
    elif kind == "pymysql":
        connection.autocommit(True)
    else:
        connection.autocommit = True


# Two transactions through SQLAlchemy Core: a read, and then a write of what was computed from it


def increment(engine: Engine) -> None:
    """Read in one transaction, write in the next."""
    with engine.connect() as connection:
        balance = connection.execute(text("SELECT bal FROM acc WHERE id = 1")).scalar_one()
        connection.commit()
    with engine.begin() as connection:
        connection.execute(text("UPDATE acc SET bal = :bal WHERE id = 1"), {"bal": balance + 1})


def increment_at_once(engine: Engine) -> None:
    """The database computes."""
    with engine.begin() as connection:
        connection.execute(text("UPDATE acc SET bal = bal + 1 WHERE id = 1"))


# A driver's own transaction, and one that the program begins in SQL


def increment_plain(dbapi_connection: Any) -> None:
    """Read, compute, write."""
    balance = ask(dbapi_connection, "SELECT bal FROM acc WHERE id = 1")
    ask(dbapi_connection, f"UPDATE acc SET bal = {balance + 1} WHERE id = 1")
    dbapi_connection.commit()


def increment_begun(dbapi_connection: Any) -> None:
    """The same with BEGIN and COMMIT in SQL: a caller that waits is not to be waited for."""
    by_hand(dbapi_connection)
    ask(dbapi_connection, "BEGIN")
    balance = ask(dbapi_connection, "SELECT bal FROM acc WHERE id = 1")
    ask(dbapi_connection, f"UPDATE acc SET bal = {balance + 1} WHERE id = 1")
    ask(dbapi_connection, "COMMIT")


def increment_immediate(dbapi_connection: Any) -> None:
    """SQLite: the lock comes before the read."""
    by_hand(dbapi_connection)
    ask(dbapi_connection, "BEGIN IMMEDIATE")
    balance = ask(dbapi_connection, "SELECT bal FROM acc WHERE id = 1")
    ask(dbapi_connection, f"UPDATE acc SET bal = {balance + 1} WHERE id = 1")
    ask(dbapi_connection, "COMMIT")


def transfer(dbapi_connection: Any) -> None:
    """Ten from the first account to the second."""
    ask(dbapi_connection, "UPDATE acc SET bal = bal - 10 WHERE id = 1")
    ask(dbapi_connection, "UPDATE acc SET bal = bal + 10 WHERE id = 2")
    dbapi_connection.commit()


def total(dbapi_connection: Any) -> int:
    """The sum of two reads in a transaction begun in SQL."""
    by_hand(dbapi_connection)
    ask(dbapi_connection, "BEGIN")
    first = ask(dbapi_connection, "SELECT bal FROM acc WHERE id = 1")
    second = ask(dbapi_connection, "SELECT bal FROM acc WHERE id = 2")
    ask(dbapi_connection, "COMMIT")
    return int(first + second)


def twice_the_same(dbapi_connection: Any) -> bool:
    """One balance, read twice in a transaction begun in SQL."""
    by_hand(dbapi_connection)
    ask(dbapi_connection, "BEGIN")
    first = ask(dbapi_connection, "SELECT bal FROM acc WHERE id = 1")
    again = ask(dbapi_connection, "SELECT bal FROM acc WHERE id = 1")
    ask(dbapi_connection, "COMMIT")
    return bool(first == again)


def as_many(dbapi_connection: Any) -> bool:
    """The accounts counted twice in a transaction begun in SQL."""
    by_hand(dbapi_connection)
    ask(dbapi_connection, "BEGIN")
    first = ask(dbapi_connection, "SELECT count(*) FROM acc")
    again = ask(dbapi_connection, "SELECT count(*) FROM acc")
    ask(dbapi_connection, "COMMIT")
    return bool(first == again)


def open_account(dbapi_connection: Any) -> None:
    """One account more."""
    ask(dbapi_connection, "INSERT INTO acc VALUES (3, 'c', 0)")
    dbapi_connection.commit()


def leave(dbapi_connection: Any, doctor: int) -> bool:
    """A doctor goes off call if another one stays."""
    if ask(dbapi_connection, "SELECT count(*) FROM doctors WHERE on_call = 1") < 2:
        return False
    ask(dbapi_connection, f"UPDATE doctors SET on_call = 0 WHERE id = {doctor}")
    dbapi_connection.commit()
    return True


# asyncpg, whose transaction() begins in SQL, and SQLAlchemy on it


async def total_asyncpg(dbapi_connection: Any) -> int:
    """Two reads in one transaction."""
    async with dbapi_connection.transaction():
        first = await dbapi_connection.fetchval("SELECT bal FROM acc WHERE id = 1")
        second = await dbapi_connection.fetchval("SELECT bal FROM acc WHERE id = 2")
    return int(first + second)


async def total_asyncpg_repeatable(dbapi_connection: Any) -> int:
    """The same from one snapshot."""
    async with dbapi_connection.transaction(isolation="repeatable_read"):
        first = await dbapi_connection.fetchval("SELECT bal FROM acc WHERE id = 1")
        second = await dbapi_connection.fetchval("SELECT bal FROM acc WHERE id = 2")
    return int(first + second)


async def transfer_asyncpg(dbapi_connection: Any) -> None:
    """Ten from the first account to the second."""
    async with dbapi_connection.transaction():
        await dbapi_connection.execute("UPDATE acc SET bal = bal - $1 WHERE id = 1", 10)
        await dbapi_connection.execute("UPDATE acc SET bal = bal + $1 WHERE id = 2", 10)


async def total_async(async_session: AsyncSession) -> int:
    """Two reads of an AsyncSession."""
    first = await async_session.scalar(text("SELECT bal FROM acc WHERE id = 1"))
    second = await async_session.scalar(text("SELECT bal FROM acc WHERE id = 2"))
    await async_session.rollback()
    return int(first + second)


async def transfer_async(async_session: AsyncSession) -> None:
    """Ten from the first account to the second."""
    await async_session.execute(text("UPDATE acc SET bal = bal - 10 WHERE id = 1"))
    await async_session.execute(text("UPDATE acc SET bal = bal + 10 WHERE id = 2"))
    await async_session.commit()


# What is taken back is read


def look_dirty(dbapi_connection: Any) -> int:
    """One balance, at a level that the program asks for in SQL."""
    ask(dbapi_connection, "SET SESSION TRANSACTION ISOLATION LEVEL READ UNCOMMITTED")
    return look(dbapi_connection)


def look(dbapi_connection: Any) -> int:
    """One balance."""
    balance = ask(dbapi_connection, "SELECT bal FROM acc WHERE id = 1")
    dbapi_connection.commit()
    return int(balance)


def empty_and_take_back(dbapi_connection: Any) -> None:
    """What it writes is never committed."""
    ask(dbapi_connection, "UPDATE acc SET bal = 0 WHERE id = 1")
    dbapi_connection.rollback()


# Locks that the text of a statement does not show


def add_where(dbapi_connection: Any, where: str) -> None:
    """One more, where a condition holds; then something else."""
    ask(dbapi_connection, f"UPDATE acc SET bal = bal + 1 WHERE {where}")
    ask(dbapi_connection, "SELECT 1")
    dbapi_connection.commit()


def lock_both(dbapi_connection: Any, first: str, second: str) -> None:
    """Lock two rows, one after the other."""
    ask(dbapi_connection, f"SELECT bal FROM acc WHERE {first} FOR UPDATE")
    ask(dbapi_connection, f"SELECT bal FROM acc WHERE {second} FOR UPDATE")
    dbapi_connection.commit()


# Whom the database refuses


def increment_orm(session: Session) -> None:
    """Read, compute, write; what the database refuses goes on to the caller."""
    balance = session.execute(text("SELECT bal FROM acc WHERE id = 1")).scalar_one()
    session.execute(text("UPDATE acc SET bal = :bal WHERE id = 1"), {"bal": balance + 1})
    session.commit()


def increment_and_tell(session: Session) -> bool:
    """What the database refuses is told."""
    try:
        increment_orm(session)
    except DBAPIError:
        session.rollback()
        return False
    return True


def increment_and_hush(session: Session) -> bool:
    """What the database refuses is told nobody."""
    try:
        increment_orm(session)
    except DBAPIError:
        session.rollback()
    return True


def increment_again(session: Session) -> None:
    """It tries again by itself."""
    for _ in range(3):
        try:
            return increment_orm(session)
        except DBAPIError:
            session.rollback()
    raise RuntimeError


# Messages in the order in which they were appended


def draw(connection: Any) -> int:
    """The next number of the stream."""
    connection.execute(text("UPDATE streams SET last = last + 1 WHERE id = 1"))
    return int(connection.execute(text("SELECT last FROM streams WHERE id = 1")).scalar_one())


def append(engine: Engine, message: str) -> None:
    """The number is drawn as from a sequence, whatever becomes of the message."""
    with engine.begin() as connection:
        number = draw(connection)
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO outbox VALUES (:number, :it)"), {"number": number, "it": message})


def append_in_turn(engine: Engine, message: str) -> None:
    """The number is drawn in the transaction of the message, so whoever draws the next one waits for it."""
    with engine.begin() as connection:
        number = draw(connection)
        connection.execute(text("INSERT INTO outbox VALUES (:number, :it)"), {"number": number, "it": message})


def relay(engine: Engine) -> list[int]:
    """Publishes what is new, in two rounds."""
    published: list[int] = []
    with engine.connect() as connection:
        for _ in range(2):
            numbers = connection.execute(text("SELECT seq FROM outbox ORDER BY seq")).scalars().all()
            connection.rollback()
            published += [number for number in numbers if number not in published]
    return published


# What is to be said of them


@dataclass(frozen=True)
class Peer:
    """A program and what it is.

    Attributes:
        operations: at once.
        wrong: what explore names, by where; "" is a pass, and a deadlock passes with a warning.
        cheap: where it runs by default.
        runs_max: how many schedules; None is the default bound.
        schedule: the one that shows it, where there are too many to run them all.
    """

    operations: tuple[Operation, ...]
    wrong: Mapping[str, str]
    cheap: tuple[str, ...] = ()
    runs_max: int | None = None
    schedule: str = ""

    @property
    def scenario(self) -> Scenario:
        """With the tables above."""
        return Scenario(*self.operations, schema=create, setup=seed)


PG_RC, PG_RR, PG_SER = (f"postgresql {level}" for level in ("READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"))
MY_RC, MY_RR, MY_SER = (f"mariadb {level}" for level in ("READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"))
EVERYWHERE = ("sqlite", PG_RC, PG_RR, PG_SER, MY_RC, MY_RR, MY_SER)


def everywhere(name: str, *passing: str, **others: str) -> dict[str, str]:
    """This name on every engine and level; some pass, and at MariaDB's SERIALIZABLE it may be a deadlock."""
    found = {where: "" if where in passing else name for where in EVERYWHERE}
    return found | ({MY_SER: others["mariadb_serializable"]} if others else {})


def both(function: Any, *arguments: Any, **options: Any) -> tuple[Operation, Operation]:
    """Two callers of one function."""
    return Operation(function, *arguments, **options), Operation(function, *arguments, **options)


SNAPSHOTS = (PG_RR, PG_SER, MY_RR, MY_SER, "sqlite")
PEERS = {
    # 1 and D: SQLAlchemy on SQLite is not seen at all, so the update is never lost
    "increment": Peer(both(increment), everywhere("lost update"), ("sqlite",)),
    "increment at once": Peer(both(increment_at_once), everywhere(""), ("sqlite",)),
    # A, and the hanging case: a caller that waits is stepped
    "increment, plain": Peer(
        both(increment_plain), everywhere("lost update", PG_RR, PG_SER, mariadb_serializable="deadlock"), (MY_RC,)
    ),
    "increment, begun": Peer(
        both(increment_begun),
        everywhere("lost update", PG_RR, PG_SER, "sqlite", mariadb_serializable="deadlock"),
        (PG_RC,),
    ),
    "leave": Peer(
        (Operation(leave, 1), Operation(leave, 2)),
        everywhere("write skew", PG_SER, mariadb_serializable="deadlock"),
        ("sqlite", PG_RR),
    ),
    # 2 and B: BEGIN in SQL hides what is read
    "total": Peer((Operation(transfer), Operation(total)), everywhere("read skew", *SNAPSHOTS), (PG_RC, "sqlite")),
    "twice the same": Peer(
        (Operation(transfer), Operation(twice_the_same)), everywhere("non-repeatable read", *SNAPSHOTS), (MY_RC,)
    ),
    "as many": Peer((Operation(open_account), Operation(as_many)), everywhere("phantom", *SNAPSHOTS), (PG_RC,)),
    # 3 and G: asyncpg begins in SQL, too
    "total, asyncpg": Peer(
        (Operation(transfer_asyncpg), Operation(total_asyncpg)), {"postgresql+asyncpg": "read skew"}
    ),
    "total, asyncpg, repeatable": Peer(
        (Operation(transfer_asyncpg), Operation(total_asyncpg_repeatable)), {"postgresql+asyncpg": ""}
    ),
    "total, AsyncSession": Peer(
        (Operation(transfer_async), Operation(total_async)),
        {
            "postgresql+asyncpg": "read skew",
            "postgresql+asyncpg REPEATABLE READ": "",
            "sqlite": "read skew",
            "mariadb READ COMMITTED": "read skew",
        },
        ("postgresql+asyncpg",),
    ),
    # 4 and F: a level that is set in SQL, and a ROLLBACK that somebody has seen
    "look, dirty": Peer(
        (Operation(empty_and_take_back), Operation(look_dirty)),
        {"mariadb": "aborted read", MY_SER: "aborted read"},
        ("mariadb",),
    ),
    "look": Peer((Operation(empty_and_take_back), Operation(look)), everywhere(""), ("sqlite",)),
    # 5 and C: a deadlock of two that name the same rows in other words
    "lock both": Peer(
        (Operation(lock_both, "id = 1", "id = 2"), Operation(lock_both, "name = 'b'", "name = 'a'")),
        {where: "deadlock" for where in EVERYWHERE if where != "sqlite"},
        (PG_RC,),
    ),
    "lock both in one order": Peer(
        (Operation(lock_both, "id = 1", "id = 2"), Operation(lock_both, "name = 'a'", "name = 'b'")),
        {where: "" for where in EVERYWHERE if where != "sqlite"},
    ),
    # 6, C and E: right, and not to be refused
    "one row by two names": Peer(
        (Operation(add_where, "id = 1"), Operation(add_where, "name = 'a'")), everywhere(""), (MY_RR,)
    ),
    "one row and a range": Peer(
        (Operation(add_where, "id = 1"), Operation(add_where, "bal >= 0")), everywhere(""), (PG_RC,)
    ),
    "increment, immediate": Peer(both(increment_immediate), {"sqlite": ""}, ("sqlite",)),
    # 7: whom the database refuses, and who says so, has not taken place
    "increment, raising": Peer(
        both(increment_orm), everywhere("lost update", PG_RR, PG_SER, mariadb_serializable="deadlock"), (PG_RR,)
    ),
    "increment, telling": Peer(both(increment_and_tell), {PG_RR: "", PG_SER: "", MY_SER: "deadlock"}),
    "increment, hushing": Peer(
        both(increment_and_hush), {PG_RR: "not serial", PG_SER: "not serial", MY_SER: "not serial"}, (PG_RR,)
    ),
    "increment, again": Peer(both(increment_again), {PG_RR: "", PG_SER: "", MY_SER: "deadlock"}),
    "increment, with retry": Peer(both(increment_orm, retry=Retry()), {PG_RR: "", PG_SER: "", MY_SER: "deadlock"}),
    # L: the order of messages
    "append": Peer(
        (Operation(append, "a"), Operation(append, "b"), Operation(relay)),
        everywhere("phantom"),
        ("sqlite",),
        schedule="ac1:A3.B5.C2.A2.C2",
    ),
    "append in turn": Peer(
        (Operation(append_in_turn, "a"), Operation(append_in_turn, "b"), Operation(relay)),
        everywhere(""),
        ("sqlite",),
        runs_max=5000,
        schedule="ac1:A4.C2.B4.C2",
    ),
}
