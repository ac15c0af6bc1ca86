"""What effects are told: told apart by who is told, what does not show is said, and what takes place later is refused."""

from __future__ import annotations

import contextlib
import functools
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime
from itertools import count
from typing import Any
from unittest.mock import Mock

import pytest
from sqlalchemy import insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import DeclarativeBase, Mapped, MappedAsDataclass, Session, mapped_column

from acidity import prove
from acidity.errors import UsageError
from acidity.prove import Effect, Operation, Scenario
from tests.quality.callers import Account, Base, Name, seed


class Gateway:
    """There are two of them."""

    def charge(self, account: int) -> None:
        """What it charges is no matter here."""


def send(what: Any = None, key: Any = None) -> None:
    """Outside the database."""


def explored(*operations: Any, effects: Any = (send,), **options: Any) -> Any:
    made = [each if isinstance(each, Operation) else Operation(each) for each in operations]
    return prove.explore(Scenario(*made, metadata=Base.metadata, setup=seed, effects=effects), **options)


def transfer(session: Session) -> None:
    for key, amount in ((1, -10), (2, 10)):
        session.execute(update(Account).where(Account.id == key).values(balance=Account.balance + amount))
    session.commit()


def stale_total(session: Session) -> int:
    found = [session.scalars(select(Account.balance).where(Account.id == key)).one() for key in (1, 2)]
    session.commit()
    return sum(found)


# Who is told

FIRST, SECOND = Gateway(), Gateway()


def charges_whose_turn_it_is(session: Session) -> None:
    """Each order charges at both; two that meet, twice at the first."""
    turn = session.scalars(select(Account.balance).where(Account.id == 1)).one()
    (FIRST if turn == 100 else SECOND).charge(1)
    session.execute(update(Account).where(Account.id == 1).values(balance=1))
    session.commit()


def test_two_effects_that_call_themselves_the_same_are_two() -> None:
    (finding,) = explored(charges_whose_turn_it_is, effects=[FIRST.charge, SECOND.charge]).findings
    assert finding.title == "test_effects_told.Gateway.charge #1 took place twice, and once after A then B"


def made(where: list[int]) -> Any:
    def sends(what: int) -> None:
        where.append(what)

    return sends


MAILS, TEXTS = made([]), made([])


def mails_and_texts(session: Session) -> None:
    session.execute(update(Account).where(Account.id == 1).values(balance=1))
    session.commit()
    MAILS(1)
    TEXTS(1)


def mails_what_is_missing(session: Session) -> None:
    MAILS(1)


def test_one_that_is_not_sent_is_missed_beside_one_that_is() -> None:
    scenario = Scenario(
        mails_and_texts,
        metadata=Base.metadata,
        setup=seed,
        effects=[Effect(MAILS, key=lambda what: what), Effect(TEXTS, key=lambda what: what)],
        recover=mails_what_is_missing,
    )
    assert prove.check(scenario, letters="A").verdict == "fail"


# What is told


def says_the_total(session: Session) -> None:
    mail = EmailMessage()
    mail.set_content(f"In all: {stale_total(session)}")
    send(mail)


class Letter:
    """It shows nothing of what is in it."""

    def __init__(self, total: int) -> None:
        self.total = total

    def __repr__(self) -> str:
        return "a letter"


def says_it_in_a_letter(session: Session) -> None:
    send([Letter(stale_total(session))])


def test_a_mail_shows_what_is_in_it() -> None:
    assert explored(transfer, says_the_total).verdict == "fail"


def test_what_does_not_show_is_said_not_to_be_covered() -> None:
    not_covered = explored(transfer, says_it_in_a_letter).not_covered
    assert "what send is told as what (Letter does not show what is in it)" in not_covered


def says_it_later(session: Session) -> None:
    account = session.get_one(Account, 1)
    session.commit()
    thanks(account)


def thanks(account: Account) -> None:
    """The object has expired: it is read here."""
    assert account.balance >= 0


def test_what_an_effect_reads_itself_is_said_not_to_be_covered() -> None:
    line = "what thanks reads from the database itself"
    assert line in explored(transfer, says_it_later, effects=[thanks]).not_covered
    assert line not in explored(transfer, says_the_total).not_covered


def says_it_in_bytes(session: Session) -> None:
    send(json.dumps({"total": stale_total(session), "at": time.time()}).encode())


def says_it_beside_the_others(session: Session) -> None:
    send("daily", key="daily")
    send(stale_total(session), key=None)


@pytest.mark.parametrize("function", [says_it_in_bytes, says_it_beside_the_others])
def test_only_what_is_by_chance_or_shared_is_left_out(function: Any) -> None:
    (finding,) = explored(transfer, function, effects=[Effect(send, key=lambda what, key=None: key)]).findings
    assert finding.anomaly == "read skew"


def says_it_in_one_word(session: Session) -> None:
    send(f"t{stale_total(session)}_{time.time_ns() % 99991}")


def says_it_in_a_token(session: Session) -> None:
    send(f"charge-order-{stale_total(session)}-{time.time_ns() % 10**9}")


def says_it_beside_a_token(session: Session) -> None:
    send(f"charge-order-{stale_total(session)}-{time.time_ns()}")


def test_a_word_with_another_number_is_not_left_out() -> None:
    assert explored(transfer, says_it_in_one_word).verdict != "pass"


def test_what_stands_beside_a_token_is_compared() -> None:
    assert explored(transfer, says_it_beside_a_token).verdict == "fail"


def test_what_is_taken_for_a_token_is_said() -> None:
    not_covered = explored(transfer, says_it_in_a_token).not_covered
    assert "what says_it_in_a_token tells send (what: another token or time each time)" in not_covered


def twice_beside_a_transfer(session: Session, own: str) -> None:
    send("daily", key="daily")
    send(stale_total(session), key=own)


def test_what_one_key_shares_hides_nothing_else() -> None:
    said = [Operation(twice_beside_a_transfer, own, name=own) for own in ("ann", "bob")]
    report = explored(transfer, *said, effects=[Effect(send, key=lambda what, key: key)])
    assert report.verdict == "fail"


class Ground(MappedAsDataclass, DeclarativeBase):
    """Declarative base of orders."""


class Order(Ground):
    __tablename__ = "orders"
    id: Mapped[int] = mapped_column(primary_key=True)
    total: Mapped[int]


def enqueues(session: Session) -> None:
    order = session.get_one(Order, 1)
    session.execute(update(Order).values(total=Order.total + 1))
    session.commit()
    send(order)  # its rows are asked for no more


def test_to_be_told_of_an_object_asks_the_database_nothing() -> None:
    scenario = Scenario(
        Operation(enqueues), metadata=Ground.metadata, setup=lambda session: session.add(Order(1, 5)), effects=[send]
    )
    assert prove.explore(scenario).verdict == "pass"


# Who has taken place


def signs_up(session: Session) -> None:
    """The loser of a race is refused by the database, and has mailed."""
    if session.scalars(select(Name.id).where(Name.name == "ann")).first() is None:
        send("welcome")
        session.execute(insert(Name).values(name="ann"))
    session.commit()


def test_who_was_refused_after_an_effect_stands_in_the_order() -> None:
    (finding,) = explored(Operation(signs_up, raises=IntegrityError)).findings
    assert (
        finding.title.startswith("B failed with IntegrityError; after A then B it answers")
        or "took place" in finding.title
    )


# What takes place later


async def sends_later(what: int) -> None:
    """Only when it is awaited."""


def plain(function: Any) -> Any:
    @functools.wraps(function)
    def outer(*arguments: Any) -> Any:
        return function(*arguments)

    return outer


@contextlib.contextmanager
def while_open(what: int) -> Iterator[None]:
    yield


LATER = {"coroutine": plain(sends_later), "_GeneratorContextManager": while_open}


@pytest.mark.parametrize("kind", LATER)
@pytest.mark.parametrize("letter", ["A", "I"])
def test_what_has_only_been_made_has_not_taken_place(kind: str, letter: str) -> None:
    def begins(session: Session) -> None:
        LATER[kind](1)
        transfer(session)

    scenario = Scenario(begins, metadata=Base.metadata, setup=seed, effects=[LATER[kind]])
    with pytest.raises(UsageError, match=f"returned a {kind}, which takes place later"):
        prove.check(scenario, letters=letter)


def test_a_mock_that_says_it_is_a_function_is_a_mock() -> None:
    mock = Mock(spec=send)
    report = explored(lambda session: (mock(stale_total(session)), None)[1], transfer, effects=[mock])
    assert report.verdict == "fail"


# Numbers and times by chance


def now() -> datetime:
    return datetime.now(UTC)


WAYS = {
    "ISO 8601": lambda: now().isoformat(timespec="seconds"),
    "RFC 2822": lambda: format_datetime(now()),
    "Unix": lambda: int(time.time()),
    "nanoseconds": time.time_ns,
    "a text": lambda: f"at {now():%H:%M:%S} sharp",
}


@pytest.mark.parametrize("way", WAYS)
def test_the_second_in_an_answer_is_no_anomaly(way: str) -> None:
    """Runs of one second agree on it, and those of the next one have another."""

    def books(session: Session) -> Any:
        transfer(session)
        time.sleep(0.2)  # that schedules come to the next one
        return {"booked": WAYS[way]()}

    assert explored(books, effects=()).verdict == "pass"


def test_a_number_that_is_seldom_another_one_is_no_anomaly() -> None:
    """As a duration that is rounded: what one order has come to is learnt from every run of it."""
    for first in range(4, 8):  # the first call that takes longer, when the orders of all callers were run
        calls = count()

        def takes_its_time(session: Session, calls: Iterator[int] = calls, first: int = first) -> float:
            transfer(session)
            return 10.0 * (next(calls) >= first)

        assert explored(takes_its_time, effects=()).verdict == "pass"
