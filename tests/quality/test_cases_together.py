"""Two faults that others reported in public and that one caller cannot show: what letter I says of them, and of their twins.

A charge that is lost between two (Routstr/routstr-core #540), and two batches that wait for each other (TkTech/chancy #89).
"""

from __future__ import annotations

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, sessionmaker

from acidity import prove
from acidity.core.report import Report
from acidity.prove import Operation, Scenario
from tests.tiers import ENGINES


class Base(DeclarativeBase):
    """Declarative base of the programs."""


class Purse(Base):
    """What is left to spend."""

    __tablename__ = "purse"

    id: Mapped[int] = mapped_column(primary_key=True)
    left: Mapped[int]


class Charge(Base):
    """What was spent."""

    __tablename__ = "charges"

    id: Mapped[int] = mapped_column(primary_key=True)
    amount: Mapped[int]


class NotEnough(Exception):
    """Nothing was charged."""


def setup(session: Session) -> None:
    session.add_all([Purse(id=1, left=150), Purse(id=2, left=150)])


def charged(session_factory: sessionmaker[Session]) -> None:
    """Checks and subtracts in memory: of two charges of 100 both succeed, and 50 are left."""
    with session_factory.begin() as session:
        purse = session.scalars(select(Purse).where(Purse.id == 1)).one()
        if purse.left < 100:
            raise NotEnough
        purse.left = purse.left - 100
        session.add(Charge(amount=100))


def charged_by_the_database(session_factory: sessionmaker[Session]) -> None:
    """The database checks and subtracts."""
    with session_factory.begin() as session:
        paid = update(Purse).where(Purse.id == 1, Purse.left >= 100).values(left=Purse.left - 100)
        if not session.execute(paid).rowcount:
            raise NotEnough
        session.add(Charge(amount=100))


def ordered(session_factory: sessionmaker[Session], keys: list[int]) -> None:
    """Locks in the order in which the keys come."""
    with session_factory.begin() as session:
        for key in keys:
            session.execute(update(Purse).where(Purse.id == key).values(left=Purse.left - 1))


def in_order(session_factory: sessionmaker[Session], keys: list[int]) -> None:
    """Locks in the order of the keys."""
    ordered(session_factory, sorted(keys))


# Verdict, and the codes of the findings, by engine; a database that lets nobody wait has no deadlock.
FAILS, PASSES, WARNS = ("fail", {"ACI301"}), ("pass", set()), ("pass", {"ACI310"})
EVERYWHERE = dict.fromkeys(ENGINES, PASSES)
CASES = (
    ((Operation(charged, raises=NotEnough),), dict.fromkeys(ENGINES, FAILS)),
    ((Operation(charged_by_the_database, raises=NotEnough),), EVERYWHERE),
    ((Operation(ordered, [1, 2]), Operation(ordered, [2, 1])), dict.fromkeys(ENGINES, WARNS) | {"sqlite": PASSES}),
    ((Operation(in_order, [1, 2]), Operation(in_order, [2, 1])), EVERYWHERE),
)


@pytest.mark.dear
@pytest.mark.one_engine
@pytest.mark.parametrize(
    ("operations", "expected", "db"),
    [pytest.param(each, said[db], db, id=f"{each[0].name}-{db}") for each, said in CASES for db in ENGINES],
)
@pytest.mark.one_server
@pytest.mark.one_in(2)
def test_letter_i_says_what_takes_two_callers(
    operations: tuple[Operation, ...], expected: tuple[str, set[str]], db: str
) -> None:
    scenario = Scenario(*operations, metadata=Base.metadata, setup=setup)
    card = prove.check(scenario, db=db, letters="I")
    report = card.letters["I"]
    assert isinstance(report, Report)
    assert (card.verdict, {finding.code for finding in report.findings}) == expected, str(card)
    for finding in report.findings:
        assert finding.severity == ("warning" if finding.code == "ACI310" else "error")
        assert finding.code == "ACI301" or ("A waits at" in finding.title and "B waits at" in finding.title)
        assert str(finding.sites[0]) in str(card)
