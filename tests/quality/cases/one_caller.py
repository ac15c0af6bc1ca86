"""What one caller cannot show: a charge that is lost between two (routstr), and two batches that deadlock (chancy)."""

from __future__ import annotations

from sqlalchemy import select, update
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, sessionmaker

from acidity.prove import Operation
from tests.quality.cases import Case


class Base(DeclarativeBase):
    pass


class Purse(Base):
    __tablename__ = "purse"
    id: Mapped[int] = mapped_column(primary_key=True)
    left: Mapped[int]


class Charge(Base):
    __tablename__ = "charges"
    id: Mapped[int] = mapped_column(primary_key=True)
    amount: Mapped[int]


class NotEnough(Exception):
    pass


def setup(session: Session) -> None:
    session.add_all([Purse(id=1, left=150), Purse(id=2, left=150)])


def charged(session_factory: sessionmaker[Session]) -> None:
    """Checks and subtracts in memory."""
    with session_factory.begin() as session:
        purse = session.scalars(select(Purse).where(Purse.id == 1)).one()
        if purse.left < 100:
            raise NotEnough
        purse.left = purse.left - 100
        session.add(Charge(amount=100))


def ordered(session_factory: sessionmaker[Session], keys: list[int]) -> None:
    """Locks in the order in which the keys come."""
    with session_factory.begin() as session:
        for key in keys:
            session.execute(update(Purse).where(Purse.id == key).values(left=Purse.left - 1))


def charged_by_the_database(session_factory: sessionmaker[Session]) -> None:
    """The database checks and subtracts."""
    with session_factory.begin() as session:
        paid = update(Purse).where(Purse.id == 1, Purse.left >= 100).values(left=Purse.left - 100)
        if not session.execute(paid).rowcount:
            raise NotEnough
        session.add(Charge(amount=100))


def in_order(session_factory: sessionmaker[Session], keys: list[int]) -> None:
    """Locks in the order of the keys."""
    ordered(session_factory, sorted(keys))


SCENARIO, FAULTS = {"metadata": Base.metadata, "setup": setup}, ("error-before", "kill-after")
CASES = (
    Case(charged, SCENARIO, ("sqlite", "postgresql"), FAULTS),
    Case(Operation(ordered, [2, 1]), SCENARIO, ("sqlite", "postgresql"), FAULTS),
)
# What letter I says: verdict, and the codes of its findings; a database that lets nobody wait has no deadlock.
FAILS, PASSES, WARNS = ("fail", {"ACI301"}), ("pass", set()), ("pass", {"ACI310"})
TOGETHER = (
    ((Operation(charged, raises=NotEnough),), {"sqlite": FAILS, "postgresql": FAILS, "mariadb": FAILS}),
    (
        (Operation(charged_by_the_database, raises=NotEnough),),
        {"sqlite": PASSES, "postgresql": PASSES, "mariadb": PASSES},
    ),
    (
        (Operation(ordered, [1, 2]), Operation(ordered, [2, 1])),
        {"sqlite": PASSES, "postgresql": WARNS, "mariadb": WARNS},
    ),
    (
        (Operation(in_order, [1, 2]), Operation(in_order, [2, 1])),
        {"sqlite": PASSES, "postgresql": PASSES, "mariadb": PASSES},
    ),
)
