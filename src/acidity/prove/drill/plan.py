"""Which faults strike which Calls of an operation."""

from __future__ import annotations

from collections.abc import Collection

from acidity.core.call import Call
from acidity.core.misfit import Misfit, Mode
from acidity.core.scenario import Operation
from acidity.prove.drill.striker import Strike, context_of
from acidity.prove.faults import FAULTS
from acidity.prove.stage.stage import Stage


def plan(
    stage: Stage, operation: Operation, calls: list[Call], faults: Collection[str] | None = None
) -> tuple[list[Strike], dict[tuple[str, str], set[Mode | Misfit]]]:
    """Every (Call, fault, once or persistent) that fits, and the reasons of those that do not.

    Args:
        stage: where.
        operation: what will be struck.
        calls: its Calls in a clean run.
        faults: the names of the only faults that strike; None means every fault.
    """
    context = context_of(stage, operation)
    strikes: list[Strike] = []
    cells: dict[tuple[str, str], set[Mode | Misfit]] = {}
    for call in calls:
        context.turn_to(call)
        for name in FAULTS:
            if faults is not None and name not in faults:
                continue
            fault = FAULTS[name]
            misfit = fault.misfit(call, context)
            if misfit is not None:
                cells.setdefault((name, call.kind), set()).add(misfit)
                continue
            strikes.append(Strike(fault, call.index))
            if fault.persistent:
                strikes.append(Strike(fault, call.index, persistent=True))
    return strikes, cells
