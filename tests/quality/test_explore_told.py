"""What explore says of a caller whose answer is wrong while the rows are right, and of a query of which nothing was read."""

from __future__ import annotations

import uuid
from types import SimpleNamespace
from typing import NamedTuple

import pytest
from sqlalchemy import String, text
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from acidity import prove
from acidity.core.call import Call, Event, Kind, Reply, Site, Writes
from acidity.prove import Operation, Retry, Scenario
from acidity.prove.explore.lines import Lines
from acidity.prove.explore.words import made_again


class Base(DeclarativeBase):
    pass


class Account(Base):
    __tablename__ = "accounts"

    id: Mapped[int] = mapped_column(primary_key=True)
    balance: Mapped[int]


class Charge(Base):
    """One for each key, whoever asks for it again."""

    __tablename__ = "charges"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    reference: Mapped[str] = mapped_column(String(10), unique=True)


DONE = text("SELECT id FROM charges WHERE reference = 'order'")
SPEND = text("UPDATE accounts SET balance = balance - 7 WHERE id = 1 AND balance >= 7")
CHARGE = text("INSERT INTO charges (id, reference) VALUES (:id, 'order')")
NOBODY_READS = text("SELECT id FROM accounts")


def ten(session: Session) -> None:
    session.add(Account(id=1, balance=10))


def spend(session: Session) -> bool:
    """Whether it is paid; who has looked too early is told that it is not."""
    session.execute(NOBODY_READS).close()
    if session.execute(DONE).first():
        return True
    if session.execute(SPEND).rowcount == 0:  # type: ignore[attr-defined]
        return False
    session.execute(CHARGE, {"id": str(uuid.uuid4())})
    session.commit()
    return True


def spend_and_look(session: Session) -> bool:
    """The same, and who finds too little looks once more."""
    paid = spend(session)
    session.rollback()
    return paid or session.execute(DONE).first() is not None


def at_once(function: object) -> Scenario:
    operation = Operation(function, succeeded=lambda paid: paid in {True, False})  # type: ignore[arg-type]
    return Scenario(operation, metadata=Base.metadata, setup=ten)


SERVERS = [pytest.param(db, marks=pytest.mark.slow) for db in ("postgresql", "mariadb")]


@pytest.mark.parametrize("db", ["sqlite", *SERVERS])
def test_a_wrong_answer_is_told_where_the_rows_are_right(db: str) -> None:
    level = None if db == "sqlite" else "READ COMMITTED"
    report = prove.explore(at_once(spend), db=db, isolation_level=level)
    (finding,) = report.findings
    assert "answered False" in finding.title, finding.title
    assert finding.anomaly not in {"dirty read", "aborted read"}, str(report)


@pytest.mark.slow
@pytest.mark.parametrize("db", ["sqlite", "postgresql", "mariadb"])
def test_whoever_looks_once_more_is_right(db: str) -> None:
    level = None if db == "sqlite" else "READ COMMITTED"
    report = prove.explore(at_once(spend_and_look), db=db, isolation_level=level)
    assert (report.verdict, report.findings) == ("pass", ()), str(report)


DUE = text("""
    SELECT id FROM accounts WHERE balance <= :now
""")
TAKEN = text("UPDATE accounts SET balance = 2000000000 WHERE id = 1")


def run_what_is_due(session: Session) -> list[int]:
    """Take what is due; each run asks with another time, and the text begins on a line of its own."""
    now = 1_000_000 + next(_times)
    due = list(session.execute(DUE, {"now": now}).scalars())
    session.commit()
    if due:
        session.execute(TAKEN)
        session.commit()
    return due


_times = iter(range(1_000_000))


def test_a_query_that_holds_the_time_is_named_all_the_same() -> None:
    operation = Operation(run_what_is_due, succeeded=lambda due: isinstance(due, list))
    report = prove.explore(Scenario(operation, metadata=Base.metadata, setup=ten), db="sqlite", runs_max=8)
    assert [finding.anomaly for finding in report.findings] == ["lost update"], str(report)


def ten_by_itself(session: Session) -> None:
    session.add(Account(balance=10))


def counts_first(session: Session) -> None:
    """It commits before what may be turned away, and is called again as a whole."""
    session.add(Account(balance=0))
    session.commit()
    session.get_one(Account, 1).balance -= 1
    session.commit()


def counts_with_it(session: Session) -> None:
    session.add(Account(balance=0))
    session.get_one(Account, 1).balance -= 1
    session.commit()


@pytest.mark.dear
@pytest.mark.parametrize("db", ["postgresql", "mariadb"])
@pytest.mark.one_server
def test_what_is_committed_before_a_retry_is_said_to_come_twice(db: str) -> None:
    wrong, right = (
        prove.explore(
            Scenario(*[Operation(each, retry=Retry())] * 2, metadata=Base.metadata, setup=ten_by_itself),
            db=db,
            isolation_level="SERIALIZABLE",
            runs_max=40,
        )
        for each in (counts_first, counts_with_it)
    )
    assert (wrong.verdict, right.verdict) == ("fail", "pass"), (str(wrong), str(right))
    said = [line for each in wrong.findings for line in each.explanation if "it tried again" in line]
    assert said
    assert all("test_explore_told.py" in line and "has to be one transaction" in line for line in said), said


class Made(NamedTuple):
    """What `made_again` asks of a run: its callers' Events."""

    events: tuple[Event, ...]

    def of(self, _name: str) -> tuple[Event, ...]:
        return self.events


def one_after_the_other(*ids: int) -> list[str]:
    """Each is committed by the same line; before the last one the database turns its caller away."""
    site, events = Site("shop.py", 7, "sell"), []
    for number, key in enumerate(ids):
        call = Call(
            "A", 2 * number + 1, Kind.STATEMENT, "UPDATE t SET n = 0 WHERE id = ?", (key,), site, writes=Writes.YES
        )
        commit = Call("A", 2 * number + 2, Kind.COMMIT)
        events += [Event(call, Reply("ok")), Event(commit, Reply("ok"))]
    events.insert(2, Event(events[2].call, Reply("error", code="40001")))
    return list(
        made_again(
            SimpleNamespace(turned_away=("A",), played=Made(tuple(events))), Lines(event.call for event in events)
        )
    )  # type: ignore[arg-type]


def test_what_is_written_of_another_row_does_not_come_twice() -> None:
    assert one_after_the_other(1, 2) == []
    (said,) = one_after_the_other(1, 1)
    assert "shop.py:7" in said
