"""What several commits are judged by here: strike everywhere, recover, and look at what is left.

Every fault of the drill at every Call of the operation; then the recovery, undisturbed, from what that left. The
invariants must hold in both states, and the second must be one of those that are right in the end.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Any

from acidity.adapters.seam import PassThrough
from acidity.core.call import Kind
from acidity.core.outcome import Told
from acidity.core.scenario import Operation, Scenario
from acidity.prove.examine import plan
from acidity.prove.inspector import Inspector
from acidity.prove.run import Run
from acidity.prove.stage import Stage
from acidity.prove.striker import FaultInjector, Strike

KILLS = ("kill-before", "kill-after")
OUTAGES = (*KILLS, "connection-lost", "request-lost", "answer-lost", "keyboard-interrupt")  # nothing is refused


@dataclass(frozen=True, slots=True)
class Seen:
    """One strike and its recovery.

    Attributes:
        strike: the fault; None for the clean run.
        struck: it did break something.
        ending: class of the exception that left the operation; empty for an answer, "killed" for neither.
        left: accounts, as the operation left them.
        end: accounts, after the recovery.
        sagas: the states of the sagas then.
        recovery: class of the exception that left the recovery.
        broken: invariants that do not hold in one of the two states.
    """

    strike: Strike | None
    struck: bool
    ending: str
    left: tuple[int, ...]
    end: tuple[int, ...]
    sagas: tuple[str, ...]
    recovery: str
    broken: tuple[str, ...]


def strike_everywhere(
    scenario: Scenario,
    recover: Callable[..., Any],
    db: str,
    *,
    faults: Collection[str] | None = None,
    at: Kind | None = None,
) -> Iterator[Seen]:
    """First the clean run; then every fault at every Call that it fits, once and, where that exists, persistently.

    Args:
        scenario: one operation, and its invariants.
        recover: what a process does that is started anew.
        db: the engine.
        faults: only these; None for all.
        at: only at Calls of this kind.
    """
    (operation,) = scenario.operations
    with Stage(scenario, db, {}) as stage:
        inspector = Inspector(stage)
        clean = stage.run(operation, PassThrough())
        calls = [event.call for event in clean.history if at in {None, event.call.kind}]
        strikes, _ = plan(stage, operation, calls)
        for strike in [None, *(each for each in strikes if faults is None or each.fault.name in faults)]:
            injector = PassThrough() if strike is None else FaultInjector(strike, stage.lab(operation))
            run = stage.run(operation, injector)
            broken = looked_at(inspector, run)
            after = stage.run(Operation(recover), PassThrough(), reset=False)
            ending = "killed" if run.ending.killed else run.ending.exception
            yield Seen(
                strike,
                strike is None or run.struck,
                ending,
                balances(run),
                balances(after),
                saga_states(after),
                after.ending.exception,
                (*broken, *looked_at(inspector, after), *run.leaks, *after.leaks),
            )


def looked_at(inspector: Inspector, run: Run) -> tuple[str, ...]:
    return tuple(f"{name}: {seen}" for name, seen in inspector.inspect(run.second, Told.UNKNOWN, run.ending))


def balances(run: Run) -> tuple[int, ...]:
    found = zip(column(run, "accounts", "id"), column(run, "accounts", "balance"), strict=True)
    return tuple(balance for _, balance in sorted(found))


def saga_states(run: Run) -> tuple[str, ...]:
    return tuple(map(str, column(run, "acidity_saga", "state")))


def column(run: Run, table: str, name: str) -> list[Any]:
    found = run.second.tables[table]
    return [row[found.columns.index(name)] for row in found.rows]


def wrong(seen: Seen, right: Collection[tuple[tuple[int, ...], tuple[str, ...]]]) -> bool:
    """Whether this run shows that the program is not fit for it."""
    return seen.struck and (bool(seen.broken or seen.recovery) or (seen.end, seen.sagas) not in right)
