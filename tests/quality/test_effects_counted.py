"""How an effect counts: each call, once under one key, or not at all."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from acidity import prove
from acidity.errors import UsageError
from acidity.prove import Effect
from tests.engines.bank import ALICE, Payment, bank, run_once
from tests.run.drilling import drilled


class Gateway:
    def charge(self, order: int, amount: int = 5) -> str:
        return f"{amount} for {order}"

    def price(self, order: int) -> int:
        return 5 * order


gateway = Gateway()


def charges_until_it_works(session: Session) -> None:
    """The charge is sent again when it fails; the gateway knows the order."""
    for _ in range(3):
        try:
            gateway.charge(7, amount=5)
        except ConnectionError:
            continue
        break
    else:
        raise RuntimeError("nobody could be charged")
    with session.begin():
        session.add(Payment(account_id=ALICE, amount=5))


def charges_under_new_keys(session: Session) -> None:
    """Each attempt is another order for the gateway."""
    for attempt in range(3):
        try:
            gateway.charge(attempt)
        except ConnectionError:
            continue
        break
    with session.begin():
        session.add(Payment(account_id=ALICE, amount=5))


def asks_the_price(session: Session) -> None:
    for _ in range(2):
        try:
            price = gateway.price(1)
        except ConnectionError:
            continue
        with session.begin():
            session.add(Payment(account_id=ALICE, amount=price))
        return
    raise RuntimeError("nobody knows the price")


KEYED = Effect(gateway.charge, key=lambda order, *_, **__: order)
FREE = Effect(gateway.price, counted=False)


def words(function: Any, *effects: Any, faults: tuple[str, ...] = ("effect-after", "effect-before")) -> set[str]:
    report = prove.drill(bank(function, effects=effects), faults=faults, remedies=False)
    assert not report.unknowns, report
    return {word for found in report.findings for word in found.errors}


def test_twice_under_one_key_is_once() -> None:
    keyed = prove.replay(bank(charges_until_it_works, effects=[KEYED]), "ac1:A!effect-after")
    assert (keyed.struck, keyed.word, keyed.rows) == (True, "right", "after")
    unkeyed = prove.replay(bank(charges_until_it_works, effects=[gateway.charge]), "ac1:A!effect-after")
    assert (unkeyed.struck, unkeyed.word) == (True, "torn")


def test_twice_under_two_keys_is_twice() -> None:
    assert words(charges_under_new_keys, KEYED) == {"torn"}


def test_a_charge_without_its_row_is_torn_with_a_key_too() -> None:
    assert words(charges_until_it_works, KEYED, faults=("error-before",)) == {"torn"}


def test_what_was_done_twice_is_doubled_with_one_charge() -> None:
    def all_again(engine: Any) -> None:
        try:
            once(engine)
        except DBAPIError:
            once(engine)

    def once(engine: Any) -> None:
        gateway.charge(7)
        with Session(engine) as session, session.begin():
            session.add(Payment(account_id=ALICE, amount=5))

    assert words(all_again, KEYED, faults=("answer-lost",)) == {"doubled"}


def test_what_changes_nothing_can_fail_and_is_not_counted() -> None:
    assert words(asks_the_price, FREE) == set()
    assert words(asks_the_price, gateway.price) == {"torn"}
    run = run_once(asks_the_price, effects=[FREE])
    assert run.effects == {}
    assert run.history[0].call.sql == "Gateway.price"


def test_one_that_is_not_counted_is_struck() -> None:
    report = drilled(bank(asks_the_price, effects=[FREE]), "sqlite", "effect-before")
    assert report.runs == 2  # once, and from then on
    assert report.verdict == "pass"


def test_a_key_counts_in_a_child_that_is_killed() -> None:
    run = prove.replay(bank(charges_until_it_works, effects=[KEYED]), "ac1:A!kill-after")
    assert (run.rows, run.told) == ("torn", "unknown")


def test_a_key_holds_for_what_recovers_too() -> None:
    """Recovering charges again under the same key, and writes what is missing."""

    def recovers(session: Session) -> None:
        with session.begin():
            if session.query(Payment).count() == 1:
                gateway.charge(7)
                session.add(Payment(account_id=ALICE, amount=5))

    scenario = bank(charges_until_it_works, effects=[KEYED], recover=recovers)
    report = drilled(scenario, "sqlite", "error-before")
    assert report.verdict != "fail", report
    unkeyed = bank(charges_until_it_works, effects=[gateway.charge], recover=recovers)
    assert drilled(unkeyed, "sqlite", "error-before").verdict == "fail"


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (lambda: Effect(3), "takes a function or 'module:function', not 3"),  # type: ignore[arg-type]
        (lambda: Effect(gateway.charge, key="order"), r"key=lambda order_id, \*_: order_id"),  # type: ignore[arg-type]
        (lambda: Effect(gateway.charge, counted=0), "True or False, not 0"),  # type: ignore[arg-type]
        (lambda: Effect(gateway.charge, key=len, counted=False), "leave one out"),
    ],
)
def test_what_cannot_be_meant_is_said(wrong: Any, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        wrong()


def test_a_key_function_that_does_not_fit_is_named() -> None:
    with pytest.raises(UsageError, match=r"Effect\(Gateway.charge, key=…\): the key function raised TypeError"):
        drilled(bank(charges_until_it_works, effects=[Effect(gateway.charge, key=lambda: 1)]), "sqlite", "effect-after")
