"""Where a saga stands, as values."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any


class SagaState(Enum):
    """Which way a saga goes, or how it ended."""

    RUNNING = "running"
    COMPENSATING = "compensating"
    DONE = "done"
    COMPENSATED = "compensated"

    @property
    def ended(self) -> bool:
        """Nothing more will happen."""
        return self in {SagaState.DONE, SagaState.COMPENSATED}


UNFINISHED = (SagaState.RUNNING, SagaState.COMPENSATING)


@dataclass(frozen=True, slots=True)
class SagaStatus:
    """What the database knows of one saga.

    Attributes:
        id: as given to ``run()``.
        state: which way it goes.
        payload: as given to ``run()``.
        results: of the steps that are done, in their order; also of those that were undone since.
        compensated: the steps that are undone, in the order in which they were.
        failed_step: the step that was refused, once one was.
        error: what refused it.
        stuck: why nobody goes on by himself; None if somebody does.
        created_at: when it began, in UTC without zone.
    """

    id: str
    state: SagaState
    payload: Any = None
    results: Mapping[str, Any] = field(default_factory=dict)
    compensated: tuple[str, ...] = ()
    failed_step: str | None = None
    error: str | None = None
    stuck: str | None = None
    created_at: dt.datetime | None = None
