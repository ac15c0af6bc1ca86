"""What is within reach of the functions of a program, and so shared by its callers."""

from __future__ import annotations

import os
import sys
import threading
from argparse import Namespace
from array import array
from collections.abc import Callable
from contextvars import ContextVar
from functools import cache, cached_property, lru_cache, partial, wraps
from types import MappingProxyType
from typing import Any
from unittest.mock import Mock

import pytest
from flask import Flask, current_app
from starlette.datastructures import State

from acidity.prove import Operation
from acidity.prove.explore.classes import reach
from acidity.prove.explore.classes.shared import Shared


def by_default(user: str, kept: dict[str, str] = {}) -> None:  # noqa: B006 - this is what is looked for
    kept["user"] = user


def by_keyword(user: str, *, kept: dict[str, str] = {}) -> None:  # noqa: B006
    kept["user"] = user


def in_helper(user: str) -> None:
    by_default(user)


class Service:
    """A class, and what is made of it, keep something."""

    current: dict[str, str] = {}

    def __init__(self) -> None:
        self.user = ""

    def by_default(self, user: str, kept: list[str] = [""]) -> None:  # noqa: B006
        kept[0] = user

    def in_class(self, user: str) -> None:
        self.current["user"] = user

    @cached_property
    def kept(self) -> dict[str, str]:
        return {}


class Special(Service):
    """What it keeps, its base keeps."""


class Names(dict[str, str]):
    """A dictionary with an attribute."""

    user = ""


@lru_cache
def service() -> Service:
    return Service()


@cache
def cached() -> dict[str, str]:
    return {}


@lru_cache(maxsize=4)
def price_of(item: str) -> tuple[str, int]:
    return item, 3


def in_cached_service(user: str) -> None:
    service().user = user


def in_cached(user: str) -> None:
    cached()["user"] = user


def asks_cached(user: str) -> None:
    price_of("a")
    price_of(user)


def in_method_default(user: str) -> None:
    Service().by_default(user)


def in_class(user: str) -> None:
    Special().in_class(user)


def in_cached_property(user: str) -> None:
    SERVICE.kept["user"] = user


def in_subclass(user: str) -> None:
    NAMES.user = user


SERVICE, NAMES = Service(), Names()
DEEP = {"a": {"b": {"c": {"d": ""}}}}
CURRENT: ContextVar[dict[str, str]] = ContextVar("current", default={})  # noqa: B039
MINE: ContextVar[str] = ContextVar("mine")
OF_THREAD = threading.local()
BYTES, NUMBERS = bytearray(3), array("i", [0])
KEYS = {"ann": True}
VIEW = MappingProxyType(DEEP)
CONSTANTS = {str(number): {"price": number, "of": [str(number)]} for number in range(1_000)}


def in_depth(user: str) -> None:
    DEEP["a"]["b"]["c"]["d"] = user


def in_view(user: str) -> None:
    VIEW["a"]["b"]["c"]["d"] = user


def in_context_default(user: str) -> None:
    CURRENT.get()["user"] = user


def in_environment(user: str) -> None:
    os.environ["ACIDITY_TEST_USER"] = user


def by_globals(user: str) -> None:
    globals()["_made"] = user


def by_modules(user: str) -> None:
    sys.modules[__name__]._made = user  # type: ignore[attr-defined]


OPTIONS, STATE, MOCK, APP = Namespace(user=""), State(), Mock(), Flask(__name__)


def in_namespace(user: str) -> None:
    OPTIONS.user = user


def in_state(user: str) -> None:
    STATE.user = user


def in_configuration(user: str) -> None:
    with APP.app_context():
        current_app.config["user"] = user


def asks_a_mock(user: str) -> None:
    MOCK.charge(len(user))


def in_bytes(user: str) -> None:
    BYTES[:3] = user.encode()


def in_array(user: str) -> None:
    NUMBERS[0] = ord(user[0])


def in_keys(user: str) -> None:
    KEYS.clear()
    KEYS[user] = True


def through_wrapper(function: Callable[..., None]) -> Callable[..., None]:
    calls: dict[str, str] = {}

    @wraps(function)
    def wrapper(user: str) -> None:
        calls["user"] = user
        function(user)

    return wrapper


@through_wrapper
def wrapped(user: str) -> None:
    str(user)


def reads_constants(user: str) -> object:
    return CONSTANTS["3"]["price"], os.environ.get("ACIDITY_TEST_NOBODY"), SERVICE.current, partial(str, user)


def keeps_for_its_thread(user: str) -> None:
    OF_THREAD.user = user


def keeps_for_its_context(user: str) -> None:
    token = MINE.set(user)
    MINE.reset(token)


async def keeps_for_its_thread_in_a_task(user: str) -> None:
    OF_THREAD.user = user


def left_by(function: Any) -> tuple[Shared, bool]:
    """Whether two callers, of which each always leaves the same, leave state that differs."""
    shared = Shared([Operation(function, "ann", name="f")])

    def runs(user: str) -> None:
        made = function(user)
        if made is not None and hasattr(made, "send"):
            with pytest.raises(StopIteration):
                made.send(None)

    runs("ann")
    with shared.watching():
        runs("ann")
    runs("bob")
    of_bob = shared.mark()
    runs("ann")
    return shared, shared.locks() or shared.writes_global or shared.mark() != of_bob


@pytest.mark.parametrize(
    "function",
    [
        by_default,
        by_keyword,
        in_helper,
        in_cached_service,
        in_cached,
        in_method_default,
        in_class,
        in_cached_property,
        in_subclass,
        in_depth,
        in_view,
        in_context_default,
        in_environment,
        by_globals,
        by_modules,
        in_namespace,
        in_state,
        in_configuration,
        in_bytes,
        in_array,
        in_keys,
        wrapped,
        keeps_for_its_thread_in_a_task,
    ],
    ids=lambda function: function.__name__,
)
def test_what_one_caller_leaves_for_another_one_is_within_reach(function: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACIDITY_TEST_USER", "")
    shared, shares = left_by(function)
    assert (shares, shared.too_much) == (True, False)


@pytest.mark.parametrize(
    "function",
    [reads_constants, asks_cached, asks_a_mock, keeps_for_its_thread, keeps_for_its_context],
    ids=lambda function: function.__name__,
)
def test_what_stays_or_is_of_one_caller_is_not_shared(function: Any) -> None:
    shared, shares = left_by(function)
    assert (shares, shared.too_much) == (False, False)


def test_who_has_more_than_is_looked_at_is_not_said_to_share_nothing() -> None:
    shared = Shared([Operation(len, [[number] for number in range(reach.MOST)], name="f")])
    assert shared.locks()
    assert shared.too_much
    of_plain = Shared([Operation(len, list(range(reach.MOST)), name="f")])
    assert not of_plain.locks()
