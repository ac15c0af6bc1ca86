"""Programs for several callers at once, wrong ones and their right twins, with what explore has to say of each.

Tables: accounts with a balance, doctors on call, bookings of rooms and of seats, stock. Everything is plain SQLAlchemy.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ForeignKey, String, UniqueConstraint, func, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from acidity.prove import Operation, Scenario


class Base(DeclarativeBase):
    """Declarative base of the programs."""


class Account(Base):
    """Who has how much; the version counts its changes."""

    __tablename__ = "accounts"

    id: Mapped[int] = mapped_column(primary_key=True)
    balance: Mapped[int]
    version: Mapped[int] = mapped_column(default=1)


class Doctor(Base):
    """Somebody has to be on call."""

    __tablename__ = "doctors"

    id: Mapped[int] = mapped_column(primary_key=True)
    on_call: Mapped[int]


class Booking(Base):
    """A guest in a room; nothing keeps two out of one."""

    __tablename__ = "bookings"

    id: Mapped[int] = mapped_column(primary_key=True)
    room: Mapped[int]
    guest: Mapped[str] = mapped_column(String(10))


class Name(Base):
    """A name that only one may have."""

    __tablename__ = "names"
    __table_args__ = (UniqueConstraint("name"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(10))


class Entry(Base):
    """What was written about an account."""

    __tablename__ = "entries"

    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"))
    amount: Mapped[int]


def seed(session: Session) -> None:
    """Two accounts with 100, two doctors on call, one guest."""
    session.add_all([Account(id=1, balance=100, version=1), Account(id=2, balance=100, version=1)])
    session.add_all([Doctor(id=1, on_call=1), Doctor(id=2, on_call=1), Booking(room=9, guest="old")])


# Lost update, and what prevents it


def withdraw(session: Session, amount: int) -> None:
    """Read, compute, write."""
    account = session.get_one(Account, 1)
    account.balance -= amount
    session.commit()


def withdraw_locked(session: Session, amount: int) -> None:
    """The row is locked when it is read."""
    account = session.get_one(Account, 1, with_for_update=True)
    account.balance -= amount
    session.commit()


def withdraw_stale(session: Session, amount: int) -> None:
    """The lock comes after the first read, and the session keeps what it has read."""
    account = session.get_one(Account, 1)
    session.scalars(select(Account).where(Account.id == 1).with_for_update()).one()
    account.balance -= amount
    session.commit()


def withdraw_guarded(session: Session, amount: int) -> bool:
    """The database checks and computes in one statement."""
    enough = Account.balance >= amount
    done = session.execute(
        update(Account).where(Account.id == 1, enough).values(balance=Account.balance - amount)
    ).rowcount
    session.commit()
    return bool(done)


def withdraw_versioned(session: Session, amount: int) -> bool:
    """Whoever comes late sees that the version has changed, and says so."""
    balance, version = session.execute(select(Account.balance, Account.version).where(Account.id == 1)).one()
    session.rollback()
    changed = session.execute(
        update(Account)
        .where(Account.id == 1, Account.version == version)
        .values(balance=balance - amount, version=version + 1)
    ).rowcount
    session.commit()
    if not changed:
        raise Conflict
    return True


class Conflict(Exception):
    """Another caller was faster."""


def withdraw_begun(session: Session, amount: int) -> None:
    """SQLite: a transaction that begins before the read, as the driver does not by itself."""
    session.connection().exec_driver_sql("BEGIN")
    withdraw(session, amount)


# Write skew


def leave(session: Session, doctor: int) -> bool:
    """A doctor goes off call if another one stays."""
    on_call = session.scalar(select(func.count()).select_from(Doctor).where(Doctor.on_call == 1))
    if on_call is None or on_call < 2:
        return False
    session.get_one(Doctor, doctor).on_call = 0
    session.commit()
    return True


def leave_locked(session: Session, doctor: int) -> bool:
    """All rows that decide are locked first."""
    on_call = session.scalars(select(Doctor).where(Doctor.on_call == 1).order_by(Doctor.id).with_for_update()).all()
    if len(on_call) < 2:
        return False
    session.get_one(Doctor, doctor).on_call = 0
    session.commit()
    return True


# Duplicate insert


def book(session: Session, guest: str) -> bool:
    """Look whether the room is free, then take it."""
    taken = session.scalars(select(Booking).where(Booking.room == 1)).all()
    if taken:
        return False
    session.add(Booking(room=1, guest=guest))
    session.commit()
    return True


def register(session: Session, name: str) -> str:
    """Insert, or take what another one has inserted."""
    try:
        session.execute(insert(Name).values(name=name))
        session.commit()
    except IntegrityError:
        session.rollback()
    return session.scalars(select(Name.name).where(Name.name == name)).one()


def register_checked(session: Session, name: str) -> str:
    """Look, and insert what is not there; the database refuses whoever comes late."""
    known = session.scalars(select(Name.name).where(Name.name == name)).one_or_none()
    if known is None:
        session.execute(insert(Name).values(name=name))
        session.commit()
    return name


# Phantom


def book_last(session: Session, guest: str) -> bool:
    """There may be two guests in all."""
    guests = session.scalar(select(func.count()).select_from(Booking))
    if guests is None or guests >= 2:
        return False
    session.add(Booking(room=len(guest), guest=guest))
    session.commit()
    return True


# Stale check


def sell(session: Session) -> bool:
    """Check, then act on what was checked, though by a statement that computes."""
    balance = session.scalar(select(Account.balance).where(Account.id == 1))
    if balance is None or balance < 100:
        return False
    session.execute(update(Account).where(Account.id == 1).values(balance=Account.balance - 100))
    session.commit()
    return True


# Reads


def transfer(session: Session) -> None:
    """Ten from the first account to the second."""
    session.execute(update(Account).where(Account.id == 1).values(balance=Account.balance - 10))
    session.execute(update(Account).where(Account.id == 2).values(balance=Account.balance + 10))
    session.commit()


def audit(session: Session) -> int:
    """The sum, read row by row."""
    first = session.scalar(select(Account.balance).where(Account.id == 1)) or 0
    second = session.scalar(select(Account.balance).where(Account.id == 2)) or 0
    session.rollback()
    return first + second


def audit_at_once(session: Session) -> int:
    """The sum, in one statement."""
    return session.scalar(select(func.sum(Account.balance))) or 0


def compare(session: Session) -> bool:
    """The same balance, read twice."""
    once = session.scalar(select(Account.balance).where(Account.id == 1))
    twice = session.scalar(select(Account.balance).where(Account.id == 1))
    session.rollback()
    return once == twice


def deposit_and_fail(session: Session) -> None:
    """What it writes is never committed."""
    session.execute(update(Account).where(Account.id == 1).values(balance=Account.balance + 50))
    session.rollback()


def look(session: Session) -> int:
    """One balance."""
    return session.scalar(select(Account.balance).where(Account.id == 1)) or 0


# Deadlock


def give(session: Session, source: int, target: int) -> None:
    """The order of the locks is that of the arguments."""
    session.execute(update(Account).where(Account.id == source).values(balance=Account.balance - 10))
    session.execute(update(Account).where(Account.id == target).values(balance=Account.balance + 10))
    session.commit()


def give_in_order(session: Session, source: int, target: int) -> None:
    """The order of the locks is that of the keys."""
    for key, sign in sorted([(source, -1), (target, 1)]):
        session.execute(update(Account).where(Account.id == key).values(balance=Account.balance + 10 * sign))
    session.commit()


def at_once(*operations: Operation, **options: Any) -> Scenario:
    """A Scenario of these operations on the tables above."""
    return Scenario(*operations, metadata=Base.metadata, setup=seed, **options)


def twice(function: Any, *arguments: Any, **options: Any) -> Scenario:
    """Two callers of one function."""
    return at_once(Operation(function, *arguments, **options), Operation(function, *arguments, **options))


SCENARIOS = {
    "lost update": twice(withdraw, 10),
    "lost update of two amounts": at_once(Operation(withdraw, 10), Operation(withdraw, 30)),
    "locked": twice(withdraw_locked, 10),
    "stale identity map": twice(withdraw_stale, 10),
    "guarded": twice(withdraw_guarded, 60),
    "versioned": twice(withdraw_versioned, 10, raises=Conflict),
    "write skew": at_once(Operation(leave, 1), Operation(leave, 2)),
    "write skew locked": at_once(Operation(leave_locked, 1), Operation(leave_locked, 2)),
    "duplicate insert": at_once(Operation(book, "a"), Operation(book, "b")),
    "insert or get": twice(register, "ann"),
    "checked insert": twice(register_checked, "ann"),
    "phantom": at_once(Operation(book_last, "a"), Operation(book_last, "bb")),
    "stale check": twice(sell),
    "read skew": at_once(Operation(transfer), Operation(audit)),
    "read at once": at_once(Operation(transfer), Operation(audit_at_once)),
    "non-repeatable read": at_once(Operation(transfer), Operation(compare)),
    "dirty read": at_once(Operation(deposit_and_fail), Operation(look)),
    "deadlock": at_once(Operation(give, 1, 2), Operation(give, 2, 1)),
    "no deadlock": at_once(Operation(give_in_order, 1, 2), Operation(give_in_order, 2, 1)),
}
