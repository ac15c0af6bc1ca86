"""Where an effect is found: in a class, too; what cannot be observed is said, or makes a run unknown."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy.orm import Session

from acidity import prove
from acidity.errors import UsageError
from acidity.prove import Effect, Operation, Scenario
from tests.quality.callers import Account, Base, seed


class Gateway:
    """Its methods are named by their class."""

    def charge(self, account: int) -> None:
        """What it charges is no matter here."""

    @staticmethod
    def mail(account: int) -> None:
        """Nor what it mails."""


@dataclass(frozen=True)
class Frozen:
    """Nothing can be set on it."""

    url: str = ""

    def charge(self, account: int) -> None:
        """As above."""


@dataclass(slots=True)
class Slotted:
    """Nor on this one."""

    url: str = ""

    def charge(self, account: int) -> None:
        """As above."""


def charge(account: int) -> None:
    """A function of a module."""


FROZEN, SLOTTED = Frozen(), Slotted()
METHOD, STATIC = f"{__name__}:Gateway.charge", f"{__name__}:Gateway.mail"


def once(session: Session, how: Any) -> None:
    """Charge unless that was done, as another one may see it, too."""
    account = session.get_one(Account, 1)
    if account.balance:
        how(1)
        account.balance = 0
        session.commit()


def explored(how: Any, *effects: Any) -> Any:
    return prove.explore(
        Scenario(Operation(once, how, name="once"), metadata=Base.metadata, setup=seed, effects=effects)
    )


@pytest.mark.parametrize(
    ("how", "effect", "called"),
    [
        (lambda account: Gateway().charge(account), Gateway.charge, "Gateway.charge"),
        (lambda account: Gateway().charge(account), METHOD, "Gateway.charge"),
        (lambda account: Gateway.mail(account), STATIC, "Gateway.mail"),
        (lambda account: Gateway().mail(account), Gateway.mail, "Gateway.mail"),
    ],
)
def test_it_is_found_in_its_class(how: Any, effect: Any, called: str) -> None:
    (finding,) = explored(how, effect).findings
    assert finding.title == f"{called} took place twice, and once after A then B"
    assert not isinstance(vars(Gateway)["charge"], staticmethod)
    assert isinstance(vars(Gateway)["mail"], staticmethod)


@pytest.mark.parametrize("gateway", [FROZEN, SLOTTED])
def test_one_that_cannot_be_observed_is_refused(gateway: Any) -> None:
    with pytest.raises(UsageError, match="lets nothing be set"):
        explored(gateway.charge, gateway.charge)


def test_one_key_is_once_for_all_callers() -> None:
    """A gateway that knows it charges once."""
    by_key = Effect(charge, key=lambda account: account)
    assert explored(lambda account: charge(account), by_key).verdict == "pass"
    assert explored(lambda account: charge(account), charge).verdict == "fail"


def in_a_thread(account: int) -> None:
    thread = threading.Thread(target=charge, args=(account,))
    thread.start()
    thread.join()


def in_a_pool(account: int) -> None:
    with ThreadPoolExecutor(1) as pool:
        pool.submit(charge, account).result()


@pytest.mark.parametrize("how", [in_a_thread, in_a_pool])
def test_one_by_a_thread_of_nobody_is_not_taken_for_none(how: Any) -> None:
    report = explored(how, charge)
    assert report.verdict == "unknown"
    assert "the effect charge by a thread or task that belongs to no operation" in str(report.unknowns)
