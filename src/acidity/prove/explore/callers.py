"""Which operations of a scenario are let at its rows together, by their positions."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations_with_replacement

from acidity.core.scenario import Scenario
from acidity.core.schedule import Schedule, actor_name
from acidity.errors import UsageError

Callers = tuple[int, ...]
TOGETHER_MAX = 4  # callers at once: there are 24 serial orders of them, each run twice


def together(scenario: Scenario) -> Callers:
    """All operations at once; a single one twice."""
    positions = tuple(range(len(scenario.operations)))
    return positions if len(positions) > 1 else (0, 0)


def pairs(scenario: Scenario) -> list[Callers]:
    """Every operation beside itself, and beside every other one."""
    return list(combinations_with_replacement(range(len(scenario.operations)), 2))


def require_callers(groups: Sequence[Callers], scenario: Scenario) -> None:
    """Make sure that there are such operations, and neither too few nor too many of them.

    Raises:
        UsageError: there are not.
    """
    for callers in groups:
        if not 2 <= len(callers) <= TOGETHER_MAX:
            raise UsageError(f"explore lets 2 to {TOGETHER_MAX} callers at it together, not {len(callers)}")
        for position in callers:
            if not 0 <= position < len(scenario.operations):
                raise UsageError(f"there is no operation {position + 1}; there are {len(scenario.operations)}")


def require_named(schedule: Schedule, callers: Callers) -> None:
    """Make sure that a Schedule speaks of these callers only, and of no fault.

    Raises:
        UsageError: it names another one, or a fault.
    """
    names = [actor_name(position) for position in range(len(callers))]
    strange = sorted({choice.actor for choice in schedule.choices}.difference(names))
    if strange:
        raise UsageError(
            f"{schedule} speaks of {' and '.join(strange)}; there are {len(names)} callers: {', '.join(names)}"
        )
    if faults := sorted({choice.fault for choice in schedule.choices if choice.fault}):
        raise UsageError(f"{schedule}: several callers at once are not struck by {' or '.join(faults)}")
