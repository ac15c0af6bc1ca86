"""What a remedy under trial is: a change to the operation, made by an Interceptor instead of an editor."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from acidity.adapters.seam import Interceptor
from acidity.core.call import History


@dataclass(frozen=True, slots=True)
class Misfit:
    """Why a change cannot be tried on an operation.

    Attributes:
        reason: in words.
        worth_saying: it is not already clear from the operation itself (nobody asks for one COMMIT instead of one).
    """

    reason: str
    worth_saying: bool = True


@dataclass(frozen=True, slots=True)
class RemedyTrial:
    """A change that can be tried.

    Attributes:
        name: what to change, in words.
        codes: the findings it may help against.
        misfit: why it cannot be tried on an operation with this clean History; None if it can.
        interceptor: makes the Interceptor of one run, given that History.
    """

    name: str
    codes: frozenset[str]
    misfit: Callable[[History], Misfit | None]
    interceptor: Callable[[History], Interceptor]
