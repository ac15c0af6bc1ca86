"""`atomic` under every fault of the committed table (docs/faults.md), through every driver, plain and async."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from acidity.cli.main import group
from acidity.core.options import CheckOptions
from acidity.prove import Scenario
from acidity.prove.drill.drill import Drilled, run_drill
from acidity.prove.drill.letters import drill_report
from examples.budget import with_atomic
from tests.quality.fault_cells import PLACES, Place, read
from tests.run import bank
from tests.run.ways import WAYS, ids
from tests.tiers import mostly_slow

# Where the transfer is drilled by default; the budget is on PostgreSQL, and on every server in tests/systems.
USUAL = ("sqlite3",)
ROOT = Path(__file__).parents[2]
NO_EFFECT = {"effect-before", "effect-after"}  # neither program has one
NO_SNAPSHOT = {"busy-snapshot"}  # the unit holds the write lock from its BEGIN on, so nobody commits in between
BUDGET = "examples.budget.with_atomic"
# Its engine is its own: SQLite in WAL mode, and the level that the server gives.
OF_THE_BUDGET = [replace(place, isolation_level=None) for place in PLACES if place.title != "sqlite3, WAL"]
RECOGNISED = {"resolve_commit": True, "max_attempts": 3}


def drilled(scenario: Scenario, place: Place) -> Drilled:
    """What the drill saw there; it passes."""
    asked = CheckOptions(place.db, place.settings, place.isolation_level)
    found = run_drill(scenario, asked)
    drill_report(found, asked).raise_for_findings()
    return found


def struck(found: Drilled) -> set[str]:
    return {fault for (fault, _), modes in found.cells.items() if modes & {"real", "simulated"}}


def transfer(place: Place, **options: Any) -> Scenario:
    if not place.asynchronous:
        return bank.scenario(bank.transferring(**options))
    whole = bank.transferring_async(**options)

    async def transfer(async_engine: Any, amount: int) -> Any:
        async with asyncio.timeout(600):
            return await whole(async_engine, amount)

    return bank.scenario(transfer)


def budget(place: Place) -> Any:
    return import_module(f"{BUDGET}.async_scenarios" if place.asynchronous else f"{BUDGET}.scenarios")


def title(place: Place) -> str:
    return place.title


def slow_but(*quick: str, of: Iterable[Place]) -> list[Any]:
    """Parameters: the places; those that are not named by title are slow."""
    return mostly_slow(*(place for place in of if place.title in quick), of=of)


@pytest.mark.parametrize("place", slow_but(*USUAL, of=PLACES), ids=title)
@pytest.mark.slow
def test_the_bank_passes_every_fault_that_there_is(place: Place) -> None:
    table = {fault for fault, cell in read()[place.title].items() if cell.startswith(("real", "simulated"))}
    assert struck(drilled(transfer(place, **RECOGNISED), place)) == table - NO_EFFECT - NO_SNAPSHOT


@pytest.mark.dear
@pytest.mark.parametrize("place", slow_but("psycopg", of=OF_THE_BUDGET), ids=title)
def test_the_budget_passes(place: Place) -> None:
    """On a server that others use too, which nobody may restart."""
    settings = {name: value for name, value in place.settings.items() if name != "acidity.server"}
    drilled(budget(place).transfer, replace(place, settings=settings))


@pytest.mark.slow
def test_the_budget_passes_on_the_command_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    result = CliRunner().invoke(group, ["check", BUDGET, f"{BUDGET}.async_scenarios:merge"])
    assert result.exit_code == 0, result.output
    count = len(with_atomic.__all__) + 1
    assert f"{count} targets: {count} pass" in result.output


def test_the_async_budget_has_the_same_scenarios() -> None:
    found = import_module(f"{BUDGET}.async_scenarios")
    assert with_atomic.__all__ == sorted(name for name, each in vars(found).items() if isinstance(each, Scenario))


@pytest.mark.slow
@pytest.mark.parametrize("place", OF_THE_BUDGET, ids=title)
@pytest.mark.parametrize("name", with_atomic.__all__)
def test_the_whole_budget_passes_every_fault(name: str, place: Place) -> None:
    drilled(getattr(budget(place), name), place)


@pytest.mark.slow
@pytest.mark.parametrize("place", PLACES, ids=title)
@pytest.mark.parametrize("options", WAYS, ids=ids)
def test_the_bank_passes_in_every_way(options: dict[str, Any], place: Place) -> None:
    drilled(transfer(place, **options), place)


@pytest.mark.slow
@pytest.mark.parametrize("place", PLACES, ids=title)
def test_a_block_passes_every_fault(place: Place) -> None:
    drilled(bank.scenario(bank.locking_async if place.asynchronous else bank.locking), place)
