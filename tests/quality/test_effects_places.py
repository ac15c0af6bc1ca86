"""An effect is seen whoever calls it by whatever name; what cannot be observed is refused, or makes a run unknown."""

from __future__ import annotations

import functools
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy.orm import Session

from acidity import prove
from acidity.errors import UsageError
from acidity.prove import Effect, Operation, Scenario
from acidity.prove.stage.effects import taken_apart
from tests.engines.clerk import Clerk
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
    """Nothing can be set on its objects."""

    url: str = ""

    def charge(self, account: int) -> None:
        """As above."""


@dataclass(slots=True)
class Slotted:
    """Nor on those of this one."""

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


class Keeping:
    """It has kept what it calls."""

    def __init__(self) -> None:
        self.call = GATEWAY.charge


class Calling:
    """It is called itself."""

    def __call__(self, account: int) -> None:
        """What it does is no matter here."""


def decorated(function: Any) -> Any:
    @functools.wraps(function)
    def outer(*arguments: Any, **keywords: Any) -> Any:
        return function(*arguments, **keywords)

    return outer


def enclosing() -> Any:
    called: list[int] = []

    def local(account: int) -> None:
        called.append(account)

    return local


def by_default(account: int, how: Any = charge) -> None:
    how(account)


@decorated
def wrapped(account: int) -> None:
    """It has a wrapper."""


GATEWAY, CALLING, LOCAL = Gateway(), Calling(), enclosing()
HANDLERS, KEEPING = {"charge": charge}, Keeping()
PARTIAL = functools.partial(charge, 1)


@pytest.mark.parametrize(
    ("how", "effect", "called"),
    [
        (lambda account: HANDLERS["charge"](account), charge, "charge"),
        (by_default, charge, "charge"),
        (lambda account: PARTIAL(), charge, "charge"),
        (lambda account: KEEPING.call(account), GATEWAY.charge, "Gateway.charge"),
        (lambda account: Gateway.charge(GATEWAY, account), GATEWAY.charge, "Gateway.charge"),
        (lambda account: FROZEN.charge(account), FROZEN.charge, "Frozen.charge"),
        (lambda account: SLOTTED.charge(account), SLOTTED.charge, "Slotted.charge"),
        (lambda account: CALLING(account), CALLING, "Calling"),
        (lambda account: LOCAL(account), LOCAL, "enclosing.<locals>.local"),
        (lambda account: wrapped(account), wrapped, "wrapped"),
    ],
)
def test_it_is_seen_by_whatever_reference_it_is_called(how: Any, effect: Any, called: str) -> None:
    code = taken_apart(effect)[1].__code__
    (finding,) = explored(how, effect).findings
    assert finding.title == f"{called} took place twice, and once after A then B"
    assert taken_apart(effect)[1].__code__ is code


@pytest.mark.parametrize("letter", ["A", "I"])
def test_one_of_another_object_is_none(letter: str) -> None:
    """The effect is the method of one object, and its class has others."""
    scenario = Scenario(
        Operation(once, Gateway().charge, name="once"), metadata=Base.metadata, setup=seed, effects=[GATEWAY.charge]
    )
    report = " ".join(str(prove.check(scenario, letters=letter)).split())
    assert report.count("Gateway.charge") == report.count("the effect Gateway.charge (never called)") == 1


def generator(account: int) -> Any:
    yield account


@pytest.mark.parametrize(
    ("effect", "words"),
    [
        (len, "the effect len cannot be observed, since it is no function written in Python"),
        (PARTIAL, "the effect partial cannot be observed"),
        (Gateway, "the effect Gateway cannot be observed"),
        (generator, "the effect generator is a generator"),
        (charge, "effects= names charge twice"),
    ],
)
def test_what_cannot_be_observed_is_refused(effect: Any, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        explored(charge, charge, effect)


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
def test_one_by_a_thread_of_the_operation_is_its_own(how: Any) -> None:
    report = explored(how, charge)
    assert report.verdict == "fail", report


def test_one_by_a_thread_of_nobody_is_not_taken_for_none() -> None:
    with Clerk() as clerk:
        report = explored(lambda account: clerk.do(charge, account), charge)
    assert report.verdict == "unknown"
    assert "the effect charge by a thread or task that belongs to no operation" in str(report.unknowns)
