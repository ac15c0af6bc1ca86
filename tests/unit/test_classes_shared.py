"""What a program shares beside the database, and what stands behind its effects."""

from __future__ import annotations

import os
import shelve
import sys
import threading
from argparse import Namespace
from array import array
from collections.abc import Callable
from contextvars import ContextVar
from cProfile import Profile
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache, partial, wraps
from pathlib import Path
from types import MappingProxyType, SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest
from flask import Flask, current_app
from starlette.datastructures import State
from werkzeug.local import Local, LocalProxy

from acidity.adapters.seam import Actor, PassThrough, acting
from acidity.prove import Operation
from acidity.prove.explore.classes import reach
from acidity.prove.explore.classes.shared import Shared
from acidity.prove.stage.effects import Heard, observed

COUNTED: dict[str, int] = {}
CONSTANT = {"price": 3}
LOCK = threading.Lock()
NUMBER = 0


class Gateway:
    """Keeps what it was told."""

    def __init__(self) -> None:
        self.charges: list[int] = []


GATEWAY = Gateway()


def counts() -> None:
    COUNTED["n"] = COUNTED.get("n", 0) + 1


def looks() -> int:
    return CONSTANT["price"]


def locks() -> None:
    with LOCK:
        pass


def assigns() -> None:
    global NUMBER  # noqa: PLW0603 - this is what is looked for
    NUMBER += 1


def charges() -> None:
    GATEWAY.charges.append(1)


def closing() -> Any:
    seen: list[int] = []
    return lambda: seen.append(1)


def around() -> Any:
    number = 0

    def adds() -> None:
        nonlocal number
        number += 1

    return adds


def of_itself() -> None:
    of_itself.number += 1  # type: ignore[attr-defined]


of_itself.number = 0  # type: ignore[attr-defined]
SPACE, LONG = SimpleNamespace(number=0), list(range(300))


def in_a_space() -> None:
    SPACE.number += 1


def grows() -> None:
    LONG.append(1)


@dataclass(slots=True)
class Till:
    """What it holds is in a slot."""

    amount: int = 0


TILL, BELL = Till(), threading.Event()
BOTH = (Till(), Till())


def pays_in() -> None:
    TILL.amount += 1


def pays_into_one() -> None:
    BOTH[1].amount += 1


def rings() -> None:
    BELL.set()


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


def shelves(path: Path) -> None:
    with shelve.open(str(path / "shelf")) as shelf:
        shelf["user"] = 1


def writes(path: Path) -> None:
    (path / "text").write_text("ann", encoding="utf-8")


def names_a_path(path: Path) -> None:
    str(path / "text")


def imports(_path: Path) -> None:
    sys.modules.pop("this_module_is_read", None)
    __import__("this_module_is_read")


@pytest.mark.parametrize(
    ("function", "opens"),
    [(shelves, True), (writes, True), (names_a_path, False), (imports, False)],
    ids=["a shelf", "a file", "a name", "an import"],
)
def test_a_file_that_is_opened_for_the_program_is_seen(
    function: Any,
    opens: bool,  # noqa: FBT001 - of a table
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "this_module_is_read.py").write_text("", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    shared = Shared([Operation(function, tmp_path, name="f")])
    with shared.watching():
        function(tmp_path)
    assert shared.goes_elsewhere is opens


@pytest.mark.parametrize(
    ("function", "arguments", "shares"),
    [
        (counts, (), True),
        (looks, (), False),
        (locks, (), True),
        (assigns, (), True),
        (charges, (), True),
        (closing(), (), True),
        (around(), (), True),
        (of_itself, (), True),
        (in_a_space, (), True),
        (grows, (), True),
        (pays_in, (), True),
        (pays_into_one, (), True),
        (rings, (), True),
        ((lambda seen: seen.append(1)), ([],), True),
        ((lambda seen: len(seen)), ([],), False),
        (GATEWAY.charges.append, (1,), True),
    ],
    ids=[
        "counts",
        "looks",
        "locks",
        "assigns",
        "charges",
        "closure",
        "around",
        "of itself",
        "space",
        "grows",
        "slots",
        "tuple",
        "event",
        "argument",
        "argument read",
        "builtin",
    ],
)
def test_what_callers_share_beside_the_database_is_seen(
    function: Any,
    arguments: tuple[Any, ...],
    shares: bool,  # noqa: FBT001 - of a table
) -> None:
    shared = Shared([Operation(function, *arguments, name="f")])
    with shared.watching():
        function(*arguments)
    before = shared.mark()
    function(*arguments)
    assert (shared.locks() or shared.writes_global or shared.mark() != before) is shares


def test_under_a_profiler_nothing_is_seen_and_it_goes_on() -> None:
    profiler = Profile()
    shared = Shared([Operation(counts, name="f")])
    with profiler:
        there = sys.getprofile()
        with shared.watching():
            counts()
        assert sys.getprofile() is there
    assert shared.unseen
    assert not Shared([Operation(counts, name="f")]).unseen


# Effects: what only their own code comes by is kept in order with them


class Folder:
    """Keeps what it was told where nobody looks."""

    def put(self) -> None:
        COUNTED["n"] = COUNTED.get("n", 0) + 1

    def get(self) -> int:
        return 1


FOLDER = Folder()


def puts() -> None:
    FOLDER.put()


def puts_and_gets() -> None:
    FOLDER.put()
    FOLDER.get()


def puts_and_counts() -> None:
    FOLDER.put()
    len(COUNTED)


@pytest.mark.parametrize(
    ("function", "otherwise", "shares"),
    [(puts, False, False), (puts_and_gets, True, False), (puts_and_counts, False, True)],
    ids=["through the effect", "its object is asked for more", "its state is named elsewhere"],
)
def test_what_is_behind_an_effect_counts_where_it_is_come_by_in_another_way(
    function: Any,
    otherwise: bool,  # noqa: FBT001 - of a table
    shares: bool,  # noqa: FBT001 - of a table
) -> None:
    COUNTED.clear()
    actor = Actor("A", PassThrough())
    shared = Shared([Operation(function, name="f")], [FOLDER.put])
    with observed([FOLDER.put], Heard()), acting(actor), shared.watching():
        function()
        before = shared.mark()
        function()
        COUNTED["m"] = 1
        after = shared.mark()
        del COUNTED["m"]
    assert (shared.asks_outside, after != before) == (otherwise, shares)


def test_what_each_request_has_for_itself_is_shared_with_nobody() -> None:
    """Flask's `request` stands for one that is not there between requests, and has every method."""
    request = LocalProxy(Local(), "request")
    shared = Shared([Operation(lambda _: None, request, name="f")])
    assert not shared.locks()
    assert shared.mark() == shared.mark()
