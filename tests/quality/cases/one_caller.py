"""What one caller cannot show: a charge that is lost between two (routstr), and two batches that deadlock (chancy)."""

from __future__ import annotations

from sqlalchemy import select, update
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, sessionmaker

from acidity.prove import Operation


class Base(DeclarativeBase):
    pass


class Purse(Base):
    __tablename__ = "purse"
    id: Mapped[int] = mapped_column(primary_key=True)
    left: Mapped[int]


def setup(session: Session) -> None:
    session.add_all([Purse(id=1, left=150), Purse(id=2, left=150)])


def charged(session_factory: sessionmaker[Session]) -> None:
    """Checks and subtracts in memory."""
    with session_factory.begin() as session:
        purse = session.scalars(select(Purse).where(Purse.id == 1)).one()
        if purse.left >= 100:
            purse.left = purse.left - 100


def ordered(session_factory: sessionmaker[Session], keys: list[int]) -> None:
    """Locks in the order in which the keys come."""
    with session_factory.begin() as session:
        for key in keys:
            session.execute(update(Purse).where(Purse.id == key).values(left=Purse.left - 1))


SCENARIO = {"metadata": Base.metadata, "setup": setup}
PROGRAMS = {"charged": (charged, SCENARIO), "ordered": (Operation(ordered, [2, 1]), SCENARIO)}
