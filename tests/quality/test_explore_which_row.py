"""Letter I: which rows of a commit a query went by tells a lost update from a stale check, in whatever order they come."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Connection, String, func, select, update
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, aliased, mapped_column

from acidity import prove
from acidity.prove import Operation, Scenario
from tests.tiers import ENGINES


class Base(DeclarativeBase):
    """Declarative base of one table."""


class Account(Base):
    """Three of them."""

    __tablename__ = "accounts"

    id: Mapped[int] = mapped_column(primary_key=True)
    owner: Mapped[str] = mapped_column(String(1))
    balance: Mapped[int]


def seed(session: Session) -> None:
    session.add_all([Account(id=number, owner=name, balance=0) for number, name in enumerate("abc", start=1)])


def both(session: Session) -> None:
    """One commit that changes two rows, the second one by the same value as the first."""
    for number in (1, 2):
        session.execute(update(Account).where(Account.id == number).values(balance=7))
    session.commit()


def by_key(session: Session, number: int) -> int:
    return session.execute(select(Account.balance).where(Account.id == number)).scalar_one()


def by_owner(session: Session, number: int) -> int:
    other = aliased(Account)
    return session.scalars(select(other).where(other.owner == "abc"[number - 1])).one().balance


def by_sum(session: Session, number: int) -> int:
    return session.scalar(select(func.sum(Account.balance)).where(Account.id >= number, Account.id <= number)) or 0


def by_the_last(session: Session, number: int) -> int:
    asked = select(Account.balance).where(Account.id <= number).order_by(Account.id.desc()).limit(1)
    return session.execute(asked).scalar_one()


@pytest.mark.parametrize("db", ENGINES)
@pytest.mark.parametrize("look", [by_key, by_owner, by_sum, by_the_last])
@pytest.mark.parametrize(
    ("read", "written", "code"), [(1, 1, "ACI301"), (2, 2, "ACI301"), (1, 2, "ACI308"), (2, 1, "ACI308")]
)
@pytest.mark.one_engine
def test_a_lost_update_is_of_the_row_that_was_read(
    db: str, look: Callable[[Session, int], int], read: int, written: int, code: str
) -> None:
    def add(session: Session) -> None:
        balance = look(session, read)
        session.connection().execute(update(Account).where(Account.id == written).values(balance=balance + 1))
        session.commit()

    report = found(add, db)
    assert {each.code for each in report.findings} == {code}, str(report)


@pytest.mark.parametrize("db", ENGINES)
@pytest.mark.parametrize("written", [1, 2])
@pytest.mark.one_engine
def test_who_reads_several_rows_goes_by_each(db: str, written: int) -> None:
    def add(session: Session) -> None:
        total = session.scalar(select(func.sum(Account.balance))) or 0
        session.execute(update(Account).where(Account.id == written).values(balance=total + 1))
        session.commit()

    assert {each.code for each in found(add, db).findings} == {"ACI301"}


def found(function: Callable[[Session], None], db: str) -> Any:
    scenario = Scenario(Operation(function), Operation(both), metadata=Base.metadata, setup=seed)
    return prove.explore(scenario, db=db, remedies=False)


# What a query goes by may be without end on the rows that the callers have left


def nodes(connection: Connection) -> None:
    connection.exec_driver_sql("CREATE TABLE nodes (id INTEGER PRIMARY KEY, above INTEGER)")


def three(session: Session) -> None:
    session.connection().exec_driver_sql("INSERT INTO nodes VALUES (1, NULL), (2, 1), (3, NULL)")


def put_under(dbapi_connection: Any, node: int, above: int) -> None:
    """The usual look for a circle, which ends as long as there is none."""
    cursor = dbapi_connection.cursor()
    cursor.execute(
        f"WITH RECURSIVE up AS (SELECT id, above FROM nodes WHERE id = {above} UNION ALL SELECT nodes.id, nodes.above"
        f" FROM nodes JOIN up ON nodes.id = up.above) SELECT count(*) FROM up WHERE id = {node}"
    )
    if cursor.fetchone()[0] == 0:
        cursor.execute(f"UPDATE nodes SET above = {above} WHERE id = {node}")
    dbapi_connection.commit()


@pytest.mark.parametrize("db", ENGINES)
def test_a_query_without_end_on_what_was_left_is_another_answer(db: str) -> None:
    scenario = Scenario(Operation(put_under, 3, 1), Operation(put_under, 1, 3), schema=nodes, setup=three)
    report = prove.explore(scenario, db=db, remedies=False)
    assert [each.code for each in report.findings] == ["ACI302"], str(report)


def deferring(dbapi_connection: Any) -> int:
    cursor = dbapi_connection.cursor()
    cursor.execute("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE, READ ONLY, DEFERRABLE")
    cursor.execute("SELECT count(above) FROM nodes")
    (answer,) = cursor.fetchone()
    dbapi_connection.commit()
    return int(answer)


def filling(dbapi_connection: Any) -> None:
    cursor = dbapi_connection.cursor()
    cursor.execute("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE")
    for number in (1, 3):
        cursor.execute(f"UPDATE nodes SET above = 2 WHERE id = {number}")
    dbapi_connection.commit()


def test_who_waits_for_a_safe_snapshot_waits_for_a_caller() -> None:
    """By the whole server: it is this one's alone."""
    scenario = Scenario(Operation(deferring), Operation(filling), schema=nodes, setup=three)
    settings = {"acidity.server": "dedicated"}
    report = prove.explore(scenario, db="postgresql", settings=settings, remedies=False)
    assert report.verdict == "pass", str(report)
