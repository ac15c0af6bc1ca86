"""The line that decided on a Call: outside of what only carries it out, and no line that leads elsewhere, too."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from acidity.adapters.site import find_place
from acidity.core.call import Site
from acidity.core.cause import Place
from acidity.prove.drill.causes import parted


class Repository:
    def __init__(self, kept: object) -> None:
        self.kept = kept

    def add(self) -> Place | None:
        return find_place()


class Slotted:
    __slots__ = ("kept",)

    def __init__(self, kept: object) -> None:
        self.kept = kept

    def add(self) -> Place | None:
        return find_place()


class Unit(Repository):
    found: Place | None = None

    @contextmanager
    def transaction(self) -> Iterator[None]:
        yield
        self.found = find_place()


class Service:
    def __init__(self, unit: Unit) -> None:
        self.unit = unit

    def leave(self) -> Place | None:
        with self.unit.transaction():  # <- decided
            pass
        return self.unit.found


CONNECTIONS = {"session": Session(create_engine("sqlite://")), "driver": sqlite3.connect(":memory:")}


def line_of(text: str) -> int:
    lines = Path(__file__).read_text(encoding="utf-8").splitlines()
    return next(number for number, line in enumerate(lines, start=1) if line.endswith(text))


@pytest.mark.parametrize("kind", [Repository, Slotted])
@pytest.mark.parametrize("name", CONNECTIONS)
def test_a_repository_only_carries_out(kind: type, name: str) -> None:
    place = kind(CONNECTIONS[name]).add()
    assert place.site.function == "test_a_repository_only_carries_out"
    assert [site.function for site in place.path][:2] == ["add", "test_a_repository_only_carries_out"]
    assert place.way == place.path[2:]


class Adder:
    def __init__(self, base: int) -> None:
        self.base = base

    def add(self) -> Place | None:
        return find_place()


def test_an_object_without_a_connection_decides() -> None:
    place = Adder(1).add()
    assert place is not None
    assert place.site.function == "add"


def test_a_service_that_leaves_a_unit_of_work_decides() -> None:
    place = Service(Unit(CONNECTIONS["session"])).leave()
    assert place is not None
    assert (place.site.function, place.site.line) == ("leave", line_of("# <- decided"))
    assert "# <- decided" in place.site.source


INNER, HELPER, MAIN = Site("a.py", 1, "commit"), Site("a.py", 5, "helper"), Site("a.py", 9, "main")


def test_a_line_that_also_leads_to_what_comes_next_decides_nothing() -> None:
    outer = Place(MAIN, (INNER, HELPER, MAIN))
    assert parted(outer, (Site("a.py", 2, "commit"), Site("a.py", 6, "helper"), MAIN)).site == HELPER
    assert parted(outer, (Site("a.py", 6, "helper"), MAIN)).site == HELPER
    assert parted(outer, (Site("a.py", 10, "main"),)) == outer
    assert parted(outer, outer.path) == outer
    inner = Place(INNER, (INNER, HELPER, MAIN))
    assert parted(inner, (INNER, HELPER, Site("a.py", 12, "main"))) == inner
    assert parted(inner, (INNER, HELPER, Site("a.py", 12, "main")), both=True).site == MAIN
