"""A drill as far as the tier wants it: with a few faults and no trials of remedies, or the whole of it.

A test (or a module) with the marker `few_or_all` runs twice: with a few faults by default, and with every fault and
remedy in the slow tier. Whatever it drills with `drill` and `check` is drilled so.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from acidity import prove
from acidity.core.report import Card, Report
from acidity.prove import Scenario
from tests.tiers import FEW

Faults = tuple[str, ...] | None
_faults: ContextVar[Faults] = ContextVar("faults", default=FEW)


@contextmanager
def as_far_as(faults: Faults) -> Iterator[None]:
    """In this block drills have these faults and no remedies; None: every fault and remedy."""
    before = _faults.set(faults)
    try:
        yield
    finally:
        _faults.reset(before)


def drill(scenario: Scenario, *more: str, **options: Any) -> Report:
    """What is said of it.

    Args:
        scenario: what.
        more: faults that this test needs beside the few.
        options: of the check; with ``remedies=True`` they are tried in any tier.
    """
    return prove.drill(scenario, **_limited(more, options))


def check(scenario: Scenario, *more: str, **options: Any) -> Card:
    """Its card, likewise."""
    return prove.check(scenario, **_limited(more, options))


def _limited(more: tuple[str, ...], options: dict[str, Any]) -> dict[str, Any]:
    faults = _faults.get()
    if faults is None:
        return options
    return {"faults": tuple(dict.fromkeys((*faults, *more))), "remedies": False} | options
