"""A cache that fills itself in the first run is no lack of determinism; calls that alternate are."""

from __future__ import annotations

from itertools import count
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.engine import Engine

from tests.quality.drilled import drill
from tests.run import bank

pytestmark = pytest.mark.few_or_all


def reading_first(asks: Any) -> Any:
    runs = count()

    def transfer(engine: Engine, amount: int) -> dict[str, bool]:
        with engine.begin() as connection:
            if asks(next(runs)):
                connection.execute(text("SELECT owner FROM accounts WHERE id = 1"))
            connection.execute(text("UPDATE accounts SET balance = balance - :by WHERE id = 1"), {"by": amount})
            connection.execute(text("UPDATE accounts SET balance = balance + :by WHERE id = 2"), {"by": amount})
        return {"success": True}

    return transfer


def test_a_cache_is_filled_once() -> None:
    report = drill(bank.scenario(reading_first(lambda run: run == 0)))
    assert report.verdict == "pass", str(report)
    told = "the very first run is not drilled (other database calls: a cache fills itself)"
    assert any(told in note for note in report.notes)


def test_a_very_first_run_that_fails_fills_none() -> None:
    def fails(run: int) -> bool:
        if run == 0:
            raise KeyError("no rate for today")
        return False

    report = drill(bank.scenario(reading_first(fails)))
    assert report.verdict == "pass", str(report)
    told = "the very first run is not drilled (it failed with KeyError ('no rate for today'))"
    assert any(told in note for note in report.notes)


@pytest.mark.parametrize("period", [2, 3])
def test_calls_that_alternate(period: int) -> None:
    report = drill(bank.scenario(reading_first(lambda run: run % period == 0)))
    assert report.verdict == "unknown", str(report)
