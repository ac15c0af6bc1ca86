"""A drill with the faults that a test names and without the trials of remedies, or the whole of it."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import pytest

from acidity import prove
from acidity.core.report import Card, Report
from acidity.prove import Scenario
from acidity.prove.drill import examine
from acidity.prove.faults import FAULTS


def drilled(scenario: Scenario, faults: tuple[str, ...] | None = None, **options: Any) -> Report:
    """What is said of it.

    Args:
        scenario: what.
        faults: only these, and no remedy is tried; None for all and every remedy.
        options: of the check.
    """
    return _limited(prove.drill, scenario, faults, **options)


def checked(scenario: Scenario, faults: tuple[str, ...] | None = None, **options: Any) -> Card:
    """Its card, likewise."""
    return _limited(prove.check, scenario, faults, **options)


def _limited(check: Any, scenario: Scenario, faults: tuple[str, ...] | None, **options: Any) -> Any:
    if faults is None:
        return check(scenario, **options)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(import_module("acidity.prove.drill.drill"), "REMEDIES", {})
        patch.setattr(examine, "FAULTS", {name: FAULTS[name] for name in FAULTS if name in faults})
        return check(scenario, **options)
