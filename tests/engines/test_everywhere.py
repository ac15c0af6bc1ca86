"""What stands in for a driver's function is put, and taken back, wherever modules have it, all at once."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from acidity.adapters.drivers.base import Hooks
from acidity.adapters.site import counting_as_user


class Driver:
    """Its functions, which are no names of this module: it is a user's, too."""

    @staticmethod
    def connect() -> str:
        return "connected"

    @staticmethod
    def listen() -> str:
        return "listening"


class Stand:
    """What stands in for them."""

    @staticmethod
    def connect() -> str:
        return "seen"

    @staticmethod
    def listen() -> str:
        return "heard"


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> Callable[..., ModuleType]:
    def made(name: str, file: str | None, **names: Any) -> ModuleType:
        module = ModuleType(name)
        vars(module).update(names, __file__=file)
        monkeypatch.setitem(sys.modules, name, module)
        return module

    return made


@pytest.fixture
def hooks() -> Hooks:
    made = Hooks()
    made.put_everywhere(Driver.connect, Stand.connect)
    made.put_everywhere(Driver.listen, Stand.listen)
    return made


def test_nothing_is_put_before_it_is_said(module: Callable[..., ModuleType], hooks: Hooks) -> None:
    users = module("a_program", "/home/a/program.py", opens=Driver.connect)
    assert users.opens is Driver.connect
    hooks.stand_in()
    assert users.opens is Stand.connect
    hooks.take_back()


def test_the_users_modules_have_it_under_any_name(module: Callable[..., ModuleType], hooks: Hooks) -> None:
    users = module(
        "a_program", "/home/a/program.py", opens=Driver.connect, hears=Driver.listen, listen=Driver.listen, other=str
    )
    hooks.stand_in()
    assert (users.opens(), users.hears(), users.listen(), users.other) == ("seen", "heard", "heard", str)
    hooks.take_back()
    assert (users.opens, users.hears, users.listen, users.other) == (Driver.connect, Driver.listen, Driver.listen, str)


@pytest.mark.parametrize("file", [pytest.__file__, None])
def test_all_others_have_it_under_its_own_name(
    module: Callable[..., ModuleType], hooks: Hooks, file: str | None
) -> None:
    library = module("a_library", file, connect=Driver.connect, listen=Driver.listen, original=Driver.connect)
    hooks.stand_in()
    assert (library.connect(), library.listen(), library.original()) == ("seen", "heard", "connected")
    hooks.take_back()
    assert (library.connect, library.listen, library.original) == (Driver.connect, Driver.listen, Driver.connect)


def test_a_module_that_came_meanwhile_does_not_keep_it(module: Callable[..., ModuleType], hooks: Hooks) -> None:
    users = module("a_program", "/home/a/program.py", opens=Driver.connect)
    hooks.stand_in()
    late = module("a_late_one", "/home/a/late.py", opens_later=users.opens)
    hooks.take_back()
    assert late.opens_later is Driver.connect


def test_what_is_hooked_later_stands_in_and_goes_with_the_others(module: Callable[..., ModuleType]) -> None:
    users = module("a_program", "/home/a/program.py", opens=Driver.connect, hears=Driver.listen)
    hooks = Hooks()
    hooks.put_everywhere(Driver.connect, Stand.connect)
    hooks.stand_in()
    hooks.put_everywhere(Driver.listen, Stand.listen)
    hooks.stand_in()
    assert (users.opens(), users.hears()) == ("seen", "heard")
    hooks.take_back()
    assert (users.opens, users.hears) == (Driver.connect, Driver.listen)


def test_a_module_that_had_none_of_the_names_is_looked_at_again_when_it_has_one(
    module: Callable[..., ModuleType], hooks: Hooks
) -> None:
    library = module("a_library", pytest.__file__, other=str)
    hooks.stand_in()
    library.listen = Driver.listen  # imported late, by a function
    hooks.take_back()
    hooks.put_everywhere(Driver.connect, Stand.connect)
    hooks.put_everywhere(Driver.listen, Stand.listen)
    hooks.stand_in()
    assert library.listen() == "heard"
    hooks.take_back()
    assert library.listen is Driver.listen


def test_a_module_that_begins_to_count_as_the_users_is_looked_at_again(
    module: Callable[..., ModuleType], hooks: Hooks
) -> None:
    """An operation may come from an installed package."""
    file = pytest.__file__
    package = module("a_package", file, opens=Driver.connect)
    hooks.stand_in()
    assert package.opens is Driver.connect
    hooks.take_back()
    hooks.put_everywhere(Driver.connect, Stand.connect)
    hooks.put_everywhere(Driver.listen, Stand.listen)
    with counting_as_user([file]):
        hooks.stand_in()
        assert package.opens() == "seen"
        hooks.take_back()
    assert package.opens is Driver.connect
