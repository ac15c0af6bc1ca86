"""A process that is killed has a number of its own, which a program may write (``jobs.owner = host:pid``)."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from typing import Any

from acidity.core.outcome import Row, State
from acidity.prove.stage.run import Run


def as_of_this_process(run: Run, seed: State) -> Run:
    """The run with the number of this process in the rows that its own has written, as the clean runs have it.

    Args:
        run: a run with all that followed it.
        seed: the rows before, which stay as they are.
    """
    number = run.ending.process
    if not number:
        return run
    first, second = (_renumbered(state, seed, number) for state in (run.first, run.second))
    steps = tuple(replace(step, state=_renumbered(step.state, seed, number)) for step in run.steps)
    again = tuple(replace(step, state=_renumbered(step.state, seed, number)) for step in run.again)
    return replace(run, first=first, second=second, steps=steps, again=again)


def _renumbered(state: State, seed: State, number: int) -> State:
    own, within = os.getpid(), re.compile(rf"(?<!\d){number}(?!\d)")

    def cell(value: Any) -> Any:
        if type(value) is int:
            return own if value == number else value
        return within.sub(str(own), value) if isinstance(value, str) else value

    def rows(name: str) -> tuple[Row, ...]:
        known = set(map(repr, seed.tables[name].rows)) if name in seed.tables else set()
        return tuple(row if repr(row) in known else tuple(map(cell, row)) for row in state.tables[name].rows)

    found = {name: rows(name) for name in state.tables}
    changed = {name: replace(state.tables[name], rows=each) for name, each in found.items()}
    return (
        state
        if all(found[name] == table.rows for name, table in state.tables.items())
        else replace(state, tables=changed)
    )
