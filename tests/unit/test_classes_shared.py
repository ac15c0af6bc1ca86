"""What a program shares beside the database, and what stands behind its effects."""

from __future__ import annotations

import shelve
import sys
import threading
from cProfile import Profile
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from werkzeug.local import Local, LocalProxy

from acidity.adapters.seam import Actor, PassThrough, acting
from acidity.prove import Operation
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
