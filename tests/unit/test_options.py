"""The options of a check: one list, seen by callers, by ``help()`` and by type checkers alike."""

from __future__ import annotations

import inspect
from dataclasses import fields
from typing import Any

import pytest
from sqlalchemy import create_engine

from acidity import prove
from acidity.core.database import Database
from acidity.core.options import CheckOptions, EngineOptions, Options
from acidity.core.scenario import Scenario
from acidity.errors import UsageError

NAMES = {each.name for each in fields(CheckOptions)} - {"db"}


def test_type_checkers_see_every_option() -> None:
    assert set(inspect.get_annotations(Options)) == NAMES
    assert set(inspect.get_annotations(EngineOptions)) < NAMES


@pytest.mark.parametrize(("function", "options"), [(prove.drill, Options), (prove.check, Options)])
def test_help_shows_every_option_with_its_default(function: Any, options: Any) -> None:
    shown = inspect.signature(function).parameters
    assert {"scenario", "db", *inspect.get_annotations(options)} <= set(shown)
    assert (shown["seed"].default, shown["remedies"].default, shown["settings"].default) == (0, True, None)
    for name in NAMES:
        assert f"    {name}: " in inspect.getdoc(function), name
    assert "**options" not in inspect.getdoc(function)


def test_a_replay_takes_what_describes_one_run() -> None:
    shown = set(inspect.signature(prove.replay).parameters)
    assert {"settings", "isolation_level", "seed", "target"} < shown
    assert not shown & {"budget", "runs_max", "faults", "remedies", "progress"}
    assert "    runs_max: " not in inspect.getdoc(prove.replay)


@pytest.mark.parametrize("function", [prove.drill, prove.check])
def test_an_option_that_does_not_exist_is_a_type_error(function: Any) -> None:
    with pytest.raises(TypeError, match=rf"{function.__name__}\(\) got an unexpected keyword argument 'budgets'"):
        function(None, budgets=1)


SCENARIO = Scenario(lambda session: None, schema=lambda connection: None, name="nothing")


@pytest.mark.parametrize("function", [prove.drill, prove.check])
@pytest.mark.parametrize(
    ("faults", "message"),
    [(["busy", "bizzy"], "no fault is called 'bizzy'; there are: error-before, .*busy"), ([], "names no fault")],
)
def test_faults_that_do_not_exist_are_named_before_anything_runs(function: Any, faults: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        function(SCENARIO, faults=faults, db="no engine")


def test_one_fault_may_be_given_by_its_name() -> None:
    assert CheckOptions.of("sqlite", {"faults": "busy"}).faults == ("busy",)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"runs_max": -1}, "runs_max=-1 is less than nothing"),
        ({"budget": -0.5}, "budget=-0.5 is less than nothing"),
        ({"db": []}, "db= names no engine"),
    ],
)
def test_what_bounds_nothing_is_wrong_usage(options: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        prove.drill(SCENARIO, **options)


def holds(session: Any) -> bool:
    """Always."""
    return session is not None


def test_the_only_one_needs_no_brackets() -> None:
    given: Any = {"invariants": holds, "effects": holds, "ignore": "orders.at", "bind": "app.db:engine"}
    scenario = Scenario(holds, schema="shop.sql", **given)
    assert scenario.invariants == scenario.effects == (holds,)
    assert (scenario.ignore, scenario.bind) == (("orders.at",), ("app.db:engine",))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"bind": create_engine("sqlite://")}, r'bind= takes names, as in bind="app.db:engine", not Engine\('),
        ({"bind": [create_engine("sqlite://")]}, r"bind= takes names"),
        ({"ignore": [1]}, r'ignore= takes names, as in ignore="orders.created_at", not 1'),
        ({"invariants": "balances"}, "invariants= takes functions that get a session, not 'balances'"),
        ({"invariants": None}, "invariants= takes a list, not None"),
    ],
)
def test_what_is_no_name_and_no_function_is_wrong_usage(given: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Scenario(holds, schema="shop.sql", **given)
    if "bind" in given:
        with pytest.raises(UsageError, match=message):
            Database(schema="shop.sql", **given)
