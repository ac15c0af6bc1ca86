"""A run that deviates is made again, and that is an engine's chance only as long as it is rare."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any

import pytest

from acidity import prove
from acidity.core.report import Report
from acidity.prove import Operation
from acidity.prove.explore.every import Deviated
from acidity.prove.explore.lab import Lab
from tests.quality.callers import at_once, withdraw_guarded

ENGINES = ["sqlite", "postgresql", "mariadb"]


def explored(monkeypatch: pytest.MonkeyPatch, db: str, deviates: Callable[[int], bool]) -> Report:
    """Of real runs, counted from 1, some are said to have gone another way."""
    numbers, run = count(1), Lab.run

    def deviating(lab: Lab, *arguments: Any, **options: Any) -> Any:
        if deviates(next(numbers)):
            raise Deviated("it went another way")
        return run(lab, *arguments, **options)

    monkeypatch.setattr(Lab, "run", deviating)
    return prove.explore(at_once(*(Operation(withdraw_guarded, amount) for amount in (10, 20, 30))), db=db)


@pytest.mark.dear
@pytest.mark.one_engine
@pytest.mark.parametrize("db", ENGINES)
def test_what_deviates_every_other_time_is_unknown(monkeypatch: pytest.MonkeyPatch, db: str) -> None:
    report = explored(monkeypatch, db, lambda number: number % 2 == 0)
    assert report.verdict == "unknown", str(report)
    assert "not deterministic" in report.unknowns[0]


@pytest.mark.dear
@pytest.mark.one_engine
@pytest.mark.parametrize("db", ENGINES)
def test_what_deviates_once_is_run_again(monkeypatch: pytest.MonkeyPatch, db: str) -> None:
    report = explored(monkeypatch, db, lambda number: number == 3)
    assert (report.verdict, report.unknowns) == ("pass", ()), str(report)
