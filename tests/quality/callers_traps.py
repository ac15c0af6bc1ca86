"""Traps that one meets with locks, versions, savepoints and retries, each beside its right twin; and other ways to call.

Everything uses the tables of `tests.quality.callers`. `TRAPS` says what explore names, by engine and level; what is
not there passes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, insert, select, text, update
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

from acidity.prove import Operation, Retry, Scenario
from tests.quality.callers import (
    Account,
    Base,
    Booking,
    Conflict,
    Entry,
    Name,
    at_once,
    seed,
    twice,
    withdraw,
    withdraw_locked,
    withdraw_versioned,
)

# The ORM and its locks


def withdraw_fresh(session: Session, amount: int) -> None:
    """The lock comes after the first read, and what was read is read anew under it."""
    session.get_one(Account, 1)
    account = session.get_one(Account, 1, with_for_update=True, populate_existing=True)
    account.balance -= amount
    session.commit()


def book_entry(session: Session, entry: int) -> None:
    """The entry is locked, and the account that is read beside it is not."""
    rows = select(Entry, Account).join(Account, Entry.account_id == Account.id).where(Entry.id == entry)
    booked, account = session.execute(rows.with_for_update(of=Entry)).one()
    account.balance += booked.amount
    session.commit()


def book_entry_locked(session: Session, entry: int) -> None:
    """The account is locked before anything of it is read."""
    booked = session.get_one(Entry, entry)
    account = session.get_one(Account, booked.account_id, with_for_update=True)
    account.balance += booked.amount
    session.commit()


def book_locked(session: Session, guest: str) -> bool:
    """No row is locked where none is."""
    if session.scalars(select(Booking).where(Booking.room == 1).with_for_update()).first():
        return False
    session.add(Booking(room=1, guest=guest))
    session.commit()
    return True


def book_behind_another(session: Session, guest: str) -> bool:
    """A row that is there stands for the one that is not."""
    session.get_one(Account, 1, with_for_update=True)
    if session.scalars(select(Booking).where(Booking.room == 1)).first():
        return False
    session.add(Booking(room=1, guest=guest))
    session.commit()
    return True


def withdraw_unlocked(session: Session, amount: int) -> None:
    """A COMMIT between the lock and the write lets go of it."""
    account = session.get_one(Account, 1, with_for_update=True)
    balance = account.balance
    session.commit()
    account.balance = balance - amount
    session.commit()


def withdraw_uncounted(session: Session, amount: int) -> bool:
    """Whoever comes late has changed nothing, and does not look."""
    balance, version = session.execute(select(Account.balance, Account.version).where(Account.id == 1)).one()
    session.rollback()
    session.execute(
        update(Account)
        .where(Account.id == 1, Account.version == version)
        .values(balance=balance - amount, version=version + 1)
    )
    session.commit()
    return True


# Savepoints, raising, retries


def withdraw_nested(session: Session, amount: int) -> None:
    """A savepoint keeps nobody away."""
    with session.begin_nested():
        session.get_one(Account, 1).balance -= amount
    session.commit()


def withdraw_nested_locked(session: Session, amount: int) -> None:
    """Under a lock; a savepoint that is rolled back undoes nothing of it."""
    account = session.get_one(Account, 1, with_for_update=True)
    try:
        with session.begin_nested():
            session.execute(insert(Doctor_).values(id=1, on_call=1))
    except IntegrityError:
        account.balance -= amount
    session.commit()


Doctor_ = Base.metadata.tables["doctors"]


class Empty(Exception):
    """There is not enough."""


def take(session: Session, amount: int) -> None:
    """Look whether there is enough, or raise."""
    balance = session.scalar(select(Account.balance).where(Account.id == 1))
    if balance is None or balance < amount:
        raise Empty
    session.execute(update(Account).where(Account.id == 1).values(balance=Account.balance - amount))
    session.commit()


def take_guarded(session: Session, amount: int) -> None:
    """The database looks."""
    enough = update(Account).where(Account.id == 1, Account.balance >= amount)
    if not session.execute(enough.values(balance=Account.balance - amount)).rowcount:
        session.rollback()
        raise Empty
    session.commit()


def withdraw_again(session: Session, amount: int) -> None:
    """It tries again with what it has read anew."""
    for _ in range(3):
        try:
            return withdraw(session, amount)
        except DBAPIError:
            session.rollback()
    raise Conflict


def withdraw_again_stale(session: Session, amount: int) -> None:
    """It tries again with what it had read at first."""
    balance = session.scalar(select(Account.balance).where(Account.id == 1))
    for _ in range(3):
        try:
            session.execute(update(Account).where(Account.id == 1).values(balance=(balance or 0) - amount))
            return session.commit()
        except DBAPIError:
            session.rollback()
    raise Conflict


def pay_twice(session: Session, amount: int) -> None:
    """Two transactions, each of which computes in Python."""
    for key in (1, 2):
        session.get_one(Account, key).balance -= amount
        session.commit()


def pay_twice_guarded(session: Session, amount: int) -> None:
    """Two transactions that commute."""
    for key in (1, 2):
        session.execute(update(Account).where(Account.id == key).values(balance=Account.balance - amount))
        session.commit()


def move_on(session: Session, source: int, target: int) -> None:
    """What is read of one row is written to another one: three callers go in a circle."""
    account = session.get_one(Account, source)
    session.execute(update(Account).where(Account.id == target).values(version=account.version + 1))
    session.commit()


def move_on_locked(session: Session, source: int, target: int) -> None:
    """All rows are locked first, in the order of their keys."""
    rows = {row.id: row for row in session.scalars(select(Account).order_by(Account.id).with_for_update())}
    session.execute(update(Account).where(Account.id == target).values(version=rows[source].version + 1))
    session.commit()


# Other ways to call


async def withdraw_versioned_async(async_session: AsyncSession, amount: int) -> None:
    """A version that is looked at."""
    found = await async_session.execute(select(Account.balance, Account.version).where(Account.id == 1))
    balance, version = found.one()
    await async_session.rollback()
    mine = update(Account).where(Account.id == 1, Account.version == version)
    changed = (await async_session.execute(mine.values(balance=balance - amount, version=version + 1))).rowcount
    await async_session.commit()
    if not changed:
        raise Conflict


async def register_async(async_session: AsyncSession, name: str) -> str:
    """Insert, or take what another one has inserted."""
    try:
        await async_session.execute(insert(Name).values(name=name))
        await async_session.commit()
    except IntegrityError:
        await async_session.rollback()
    return (await async_session.scalars(select(Name.name).where(Name.name == name))).one()


async def take_guarded_async(async_session: AsyncSession, amount: int) -> bool:
    """The database looks."""
    enough = update(Account).where(Account.id == 1, Account.balance >= amount)
    done = (await async_session.execute(enough.values(balance=Account.balance - amount))).rowcount
    await async_session.commit()
    return bool(done)


def withdraw_core(connection: Connection, amount: int) -> None:
    """Read, compute, write."""
    balance = connection.execute(text("SELECT balance FROM accounts WHERE id = 1")).scalar_one()
    connection.execute(text("UPDATE accounts SET balance = :new WHERE id = 1"), {"new": balance - amount})
    connection.commit()


def withdraw_versioned_core(connection: Connection, amount: int) -> None:
    """A version that is looked at."""
    balance, version = connection.execute(text("SELECT balance, version FROM accounts WHERE id = 1")).one()
    connection.rollback()
    mine = text("UPDATE accounts SET balance = :new, version = version + 1 WHERE id = 1 AND version = :old")
    changed = connection.execute(mine, {"new": balance - amount, "old": version}).rowcount
    connection.commit()
    if not changed:
        raise Conflict


def register_core(connection: Connection, name: str) -> str:
    """Insert, or take what another one has inserted."""
    try:
        connection.execute(insert(Name).values(name=name))
        connection.commit()
    except IntegrityError:
        connection.rollback()
    return connection.execute(select(Name.name).where(Name.name == name)).scalar_one()


def withdraw_versioned_plain(dbapi_connection: Any, amount: int) -> None:
    """A version that is looked at."""
    cursor = dbapi_connection.cursor()
    cursor.execute("SELECT balance, version FROM accounts WHERE id = 1")
    balance, version = cursor.fetchone()
    dbapi_connection.rollback()
    cursor.execute(
        f"UPDATE accounts SET balance = {balance - amount}, version = version + 1 WHERE id = 1 AND version = {version}"
    )
    changed = cursor.rowcount
    dbapi_connection.commit()
    if not changed:
        raise Conflict


def register_plain(dbapi_connection: Any, name: str) -> str:
    """Insert, or take what another one has inserted."""
    cursor = dbapi_connection.cursor()
    try:
        cursor.execute(f"INSERT INTO names (name) VALUES ('{name}')")
        dbapi_connection.commit()
    except Exception as error:  # each driver has a class of its own
        if type(error).__name__ not in {"IntegrityError", "UniqueViolation"}:
            raise
        dbapi_connection.rollback()
    cursor.execute(f"SELECT name FROM names WHERE name = '{name}'")
    return str(cursor.fetchone()[0])


def take_guarded_plain(dbapi_connection: Any, amount: int) -> bool:
    """The database looks."""
    cursor = dbapi_connection.cursor()
    cursor.execute(f"UPDATE accounts SET balance = balance - {amount} WHERE id = 1 AND balance >= {amount}")
    done = cursor.rowcount
    dbapi_connection.commit()
    return bool(done)


# What is to be said of them

PG_RC, PG_RR, PG_SER = (f"postgresql {level}" for level in ("READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"))
MY_RC, MY_RR, MY_SER = (f"mariadb {level}" for level in ("READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"))
EVERYWHERE = ("sqlite", PG_RC, PG_RR, PG_SER, MY_RC, MY_RR, MY_SER)


def seed_entries(session: Session) -> None:
    """The rows of the other programs, and two entries of one account."""
    seed(session)
    session.flush()
    session.add_all([Entry(id=1, account_id=1, amount=10), Entry(id=2, account_id=1, amount=20)])


def at_entries(function: Any) -> Scenario:
    """Two callers, each with an entry of its own."""
    return Scenario(Operation(function, 1), Operation(function, 2), metadata=Base.metadata, setup=seed_entries)


def in_a_circle(function: Any) -> Scenario:
    """Three callers, each of whom reads what the next one writes."""
    rows = [(1, 2), (2, 3), (3, 1)]
    return Scenario(*[Operation(function, *pair) for pair in rows], metadata=Base.metadata, setup=seed_three)


def seed_three(session: Session) -> None:
    """Three accounts whose versions differ."""
    session.add_all([Account(id=key, balance=100, version=10 * key) for key in (1, 2, 3)])


def wrong(name: str, *places: str) -> Mapping[str, str]:
    """This name in these places."""
    return dict.fromkeys(places, name)


LOST = wrong("lost update", "sqlite", PG_RC, MY_RC, MY_RR)
HALF = wrong("", PG_RR, PG_SER)  # turned away after a COMMIT of its own
TRAPS: Mapping[str, tuple[Scenario, Mapping[str, str]]] = {
    "fresh": (twice(withdraw_fresh, 10), wrong("lost update", "sqlite")),
    "join": (at_entries(book_entry), wrong("lost update", "sqlite", PG_RC)),
    "join, locked": (at_entries(book_entry_locked), wrong("lost update", "sqlite")),
    "no row to lock": (
        at_once(Operation(book_locked, "a"), Operation(book_locked, "b")),
        wrong("duplicate insert", "sqlite", PG_RC, PG_RR, MY_RC),
    ),
    "another row to lock": (
        at_once(Operation(book_behind_another, "a"), Operation(book_behind_another, "b")),
        wrong("duplicate insert", "sqlite", PG_RR),  # the snapshot is older than the lock
    ),
    "unlocked": (twice(withdraw_unlocked, 10), wrong("lost update", *EVERYWHERE)),
    "locked": (twice(withdraw_locked, 10), wrong("lost update", "sqlite")),
    "uncounted": (twice(withdraw_uncounted, 10), wrong("stale check", *EVERYWHERE)),
    "counted": (twice(withdraw_versioned, 10, raises=Conflict), {}),
    "counted, again": (twice(withdraw_versioned, 10, retry=Retry(exceptions=Conflict)), {}),
    "nested": (twice(withdraw_nested, 10), wrong("lost update", PG_RC, MY_RC, MY_RR)),
    "nested, locked": (twice(withdraw_nested_locked, 10), wrong("lost update", "sqlite")),
    "take": (twice(take, 60, raises=Empty), wrong("stale check", "sqlite", PG_RC, MY_RC, MY_RR)),
    "take, guarded": (twice(take_guarded, 60, raises=Empty), {}),
    "again": (twice(withdraw_again, 10), LOST),
    "again, stale": (twice(withdraw_again_stale, 10), wrong("lost update", *EVERYWHERE)),
    "two transactions": (twice(pay_twice, 10), {**LOST, **HALF, MY_SER: ""}),
    "two that commute": (twice(pay_twice_guarded, 10), HALF),
    "circle": (in_a_circle(move_on), wrong("G2-item", "sqlite", PG_RC, PG_RR, MY_RC, MY_RR)),
    "circle, locked": (in_a_circle(move_on_locked), wrong("write skew", "sqlite")),
    "counted, async": (twice(withdraw_versioned_async, 10, raises=Conflict), {}),
    "insert or get, async": (twice(register_async, "ann"), {}),
    "guarded, async": (twice(take_guarded_async, 60), {}),
    "core": (twice(withdraw_core, 10), LOST),
    "counted, core": (twice(withdraw_versioned_core, 10, raises=Conflict), {}),
    "insert or get, core": (twice(register_core, "ann"), {}),
    "counted, plain": (twice(withdraw_versioned_plain, 10, raises=Conflict), {}),
    "insert or get, plain": (twice(register_plain, "ann"), {}),
    "guarded, plain": (twice(take_guarded_plain, 60), {}),
}
