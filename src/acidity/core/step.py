"""What ran after an operation had ended: a `Step` of recovering or settling, and what it left."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from acidity.core.call import History
from acidity.core.outcome import Rows, State
from acidity.core.scenario import Role


@dataclass(frozen=True, slots=True)
class Step:
    """One run of `recover` or `settle`.

    Attributes:
        role: which of them it is.
        name: the name of its function.
        history: what it asked of the database; never struck, and no part of the operation's History.
        state: the rows that it left.
        effects: effect → how often it took place in this step.
        raised: what kept it from ending well, in words; or nothing.
    """

    role: Role
    name: str
    history: History
    state: State
    effects: Mapping[str, int] = field(default_factory=dict)
    raised: str = ""

    def __str__(self) -> str:
        return f"{self.role} ({self.name})"


@dataclass(frozen=True, slots=True)
class SeenStep:
    """A `Step` as a replay shows it.

    Attributes:
        step: what ran.
        rows: where the rows stood after it.
        again: it was run a second time, and should have changed nothing.
    """

    step: Step
    rows: Rows
    again: bool = False
