"""A stated rule that one caller keeps and the next one breaks, with nobody beside it: letter C, seen in a serial order.

A guard whose row count nobody looks at lets a second caller buy what is gone. All orders come to the same, so that
nothing is wrong with the isolation; letter C looks at the ends of single operations, and these are ends of several.
"""

from __future__ import annotations

from collections.abc import Iterator

from acidity.analysis.diff import row_changes
from acidity.analysis.left import Left
from acidity.core.codes import CONSTRAINT, INVARIANT
from acidity.core.finding import Finding
from acidity.core.turn import schedule_of
from acidity.prove.explore.between import commits_of
from acidity.prove.explore.lab import Lab
from acidity.prove.explore.oracle import Oracle
from acidity.prove.explore.serial import NoOracle


def broken_one_by_one(lab: Lab, oracle: Oracle) -> Iterator[Finding]:
    """One finding for each rule; a warning, as this letter has nothing to say of it."""
    orders = [serial.runs[0] for serial in oracle.orders(lab.names) if serial.runs[0].breaches]
    try:
        seen = set(oracle.broken_alone()) if orders and oracle.several else set()
    except NoOracle:  # of one of them alone
        return
    for run in orders:
        for breach in run.breaches:
            rule = breach.violation.called
            if rule in seen:
                continue
            seen.add(rule)
            called = [f"{name} ({oracle.called(name)})" for name in run.endings]
            what = "a declared constraint" if breach.violation.declared else f"the invariant {rule}"
            yield Finding(
                code=(CONSTRAINT if breach.violation.declared else INVARIANT).name,
                severity="warning",
                title=f"{what} is broken after {' then '.join(called)}, one after the other: {breach.violation}",
                word=INVARIANT.word,
                operation=" and ".join(operation.name for operation in lab.operations),
                schedule=schedule_of(tuple(event.call.actor for event in run.history)),
                sites=commits_of(run, Left(lab.stage.seed, breach.state)),
                diff=row_changes(lab.stage.seed, breach.state),
                explanation=("it holds after the first of them, and nobody comes between",),
                history=run.history,
                wrong=rule,
            )
