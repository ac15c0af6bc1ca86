"""What leaves a caller is compared, whether it is answered or told to an effect; a number that chance makes is not."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

from acidity import prove
from acidity.prove import Effect, Operation, Scenario
from tests.quality.callers import Account, Base, Booking, seed
from tests.tiers import ENGINES


@dataclass
class Mail:
    """What is sent."""

    total: int


class RefusedError(Exception):
    """Meant."""


def send(what: Any, **beside: Any) -> None:
    """Outside the database."""


async def send_async(what: Any) -> None:
    """The same."""


def transfer(session: Session) -> None:
    for key, amount in ((1, -10), (2, 10)):
        session.execute(update(Account).where(Account.id == key).values(balance=Account.balance + amount))
    session.commit()


def total_of(session: Session) -> int:
    """Of two reads, so that a transfer may come between them where the level lets it."""
    found = [session.scalars(select(Account.balance).where(Account.id == key)).one() for key in (1, 2)]
    session.commit()
    return sum(found)


def sends(session: Session) -> None:
    send(total_of(session))


def sends_by_name(session: Session) -> None:
    send(1, total=total_of(session))


def sends_an_object(session: Session) -> None:
    send(Mail(total_of(session)))


def sends_and_fails(session: Session) -> None:
    send(total_of(session))
    raise RefusedError


def sends_under_a_key(session: Session) -> None:
    send(total_of(session), key=1)


async def sends_async(session: AsyncSession) -> None:
    found = [(await session.scalars(select(Account.balance).where(Account.id == key))).one() for key in (1, 2)]
    await session.commit()
    await send_async(sum(found))


def explored(*operations: Operation, effects: Any = (send,), db: str = "sqlite", **options: Any) -> Any:
    given = {name: options.pop(name) for name in ("commits", "invariants") if name in options}
    scenario = Scenario(*operations, metadata=Base.metadata, setup=seed, effects=effects, **given)
    return prove.explore(scenario, db=db, **options)


WRONG = {
    "what": Operation(sends),
    "total": Operation(sends_by_name),
    "what total": Operation(sends_an_object),
    "refused": Operation(sends_and_fails, raises=RefusedError),
    "under a key": Operation(sends_under_a_key),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_stale_total_that_is_sent_is_as_wrong_as_one_that_is_answered(case: str) -> None:
    effects = [Effect(send, key=lambda what, key: key) if case == "under a key" else send]
    (finding,) = explored(Operation(transfer), WRONG[case], effects=effects).findings
    assert finding.anomaly == "read skew"
    assert finding.title.startswith("send was told ")
    assert "210; after A then B it is told" in finding.title.replace("}", "")


@pytest.mark.parametrize("db", ENGINES)
@pytest.mark.parametrize(("level", "verdict"), [("REPEATABLE READ", "pass"), ("READ COMMITTED", "fail")])
def test_a_snapshot_makes_it_right(db: str, level: str, verdict: str) -> None:
    imposed = {"isolation_level": level} if db != "sqlite" else {}
    report = explored(Operation(transfer), Operation(sends), db=db, **imposed)
    assert report.verdict == ("fail" if db == "sqlite" else verdict)


def sends_one_answer(session: Session) -> None:
    total = session.scalars(select(func.sum(Account.balance))).one()
    session.commit()
    send(int(total))


@pytest.mark.parametrize("db", ENGINES)
def test_a_total_that_one_query_gives_is_right(db: str) -> None:
    imposed = {"isolation_level": "READ COMMITTED"} if db != "sqlite" else {}
    assert explored(Operation(transfer), Operation(sends_one_answer), db=db, **imposed).verdict == "pass"


def test_what_is_awaited_is_told_too() -> None:
    (finding,) = explored(Operation(transfer), Operation(sends_async), effects=[send_async]).findings
    assert finding.title == "send_async was told what 210; after A then B it is told what 200"


def test_in_processes() -> None:
    (finding,) = explored(Operation(transfer), Operation(sends), actors="processes").findings
    assert finding.title == "send was told what 210; after A then B it is told what 200"


def sends_twice(session: Session) -> None:
    for key in (1, 2):
        send(session.scalars(select(Account.balance).where(Account.id == key)).one())
        session.commit()


def test_of_several_transactions_each_tells_by_itself() -> None:
    report = explored(Operation(transfer), Operation(sends_twice), commits="several", invariants=[lambda session: True])
    assert {finding.severity for finding in report.findings} <= {"warning"}
    assert report.verdict == "pass"


# What differs from run to run


def books(session: Session, guest: str) -> None:
    """A key of the database, and one of chance."""
    key = session.execute(insert(Booking).values(room=1, guest=guest)).inserted_primary_key
    session.commit()
    send(key, token=uuid4())


def tells_who_is_first(session: Session, guest: str) -> None:
    session.execute(insert(Booking).values(room=1, guest=guest))
    session.commit()
    send(session.scalars(select(Booking.guest).order_by(Booking.id)).first(), at=time.time())


@pytest.mark.parametrize("function", [books, tells_who_is_first])
@pytest.mark.parametrize("db", ENGINES)
def test_keys_and_times_are_those_of_the_order(db: str, function: Any) -> None:
    report = explored(*[Operation(function, guest, name=guest) for guest in ("ann", "bob")], db=db)
    assert report.verdict == "pass"


def pays(session: Session) -> None:
    balance = session.scalars(select(Account.balance).where(Account.id == 1)).one()
    session.execute(update(Account).values(balance=Account.balance - 1))
    session.commit()
    send(balance)


def test_of_a_key_that_both_have_it_is_said_not_to_be_compared() -> None:
    """Who comes first is told to the one that knows the key; that of the other one is not charged."""
    words = "what effects are told under a key that several callers have"
    one_key = explored(Operation(pays), effects=[Effect(send, key=lambda what: "the only one")])
    assert (one_key.verdict, words in one_key.not_covered) == ("pass", True)
    not_covered = explored(Operation(sends)).not_covered
    assert words not in not_covered
    assert "effects of a caller that the database turned away (letter A)" in not_covered
    assert not any("effects" in each for each in explored(Operation(transfer), effects=()).not_covered)


def answers_a_duration(session: Session) -> dict[str, float]:
    transfer(session)
    return {"took": time.perf_counter(), "accounts": session.scalars(select(func.count(Account.id))).one()}


def answers_a_number(session: Session) -> int:
    transfer(session)
    return random.SystemRandom().randrange(10**9)


def loses(session: Session) -> float:
    account = session.get_one(Account, 1)
    account.balance -= 10
    session.commit()
    return random.SystemRandom().random()


def tells_a_duration(session: Session) -> None:
    transfer(session)
    send(f"took {time.perf_counter()} s", of=1)


@pytest.mark.parametrize(
    ("function", "verdict", "words"),
    [
        (answers_a_duration, "pass", "what answers_a_duration answers (took: "),
        (answers_a_number, "pass", "what answers_a_number answers ("),
        (loses, "fail", "what loses answers ("),
        (tells_a_duration, "pass", "what tells_a_duration tells send (what: "),
    ],
)
def test_a_number_that_chance_makes_is_left_out_and_said(function: Any, verdict: str, words: str) -> None:
    report = explored(Operation(function))
    assert report.verdict == verdict
    assert f"{words}another number each time)" in report.not_covered
    assert not any("answered" in finding.title for finding in report.findings)


def reads_then_answers(session: Session) -> int:
    balance = session.scalars(select(Account.balance).where(Account.id == 1)).one()
    session.execute(update(Account).values(balance=Account.balance - 1))
    session.commit()
    return balance


def test_a_number_that_an_order_makes_is_compared() -> None:
    """Both answer the balance before their payment: no order says 100 to both."""
    (finding,) = explored(Operation(reads_then_answers), effects=()).findings
    assert finding.title == "B answered 100; after A then B it answers 99"
