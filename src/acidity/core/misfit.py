"""How a fault struck a Call, or why it did not: values, so that nobody has to read a reason to decide something."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Literal

Mode = Literal["real", "simulated"]


class Why(Enum):
    """The kinds of reasons for which a fault does not strike a Call.

    Attributes:
        ANOTHER_KIND: it breaks another kind of Call.
        ONLY_READS: it breaks statements that write, and this one reads.
        NOT_HERE: it cannot happen on this engine, or to this kind of operation.
        NOTHING: when the Call came there was nothing to break.
        NOT_REACHED: the run never came to the Call, though a clean run does.
    """

    ANOTHER_KIND = "another kind"
    ONLY_READS = "only reads"
    NOT_HERE = "not here"
    NOTHING = "nothing to break"
    NOT_REACHED = "not reached"


@dataclass(frozen=True, slots=True)
class Misfit:
    """Why a fault does not, or did not, strike a Call.

    Attributes:
        why: the kind of reason.
        reason: the reason in words.
    """

    why: Why
    reason: str

    @property
    def dull(self) -> bool:
        """Whether it says nothing about the fault, only that the Call is not one of those it is made for."""
        return self.why in {Why.ANOTHER_KIND, Why.ONLY_READS}

    def __str__(self) -> str:
        return f"not applicable: {self.reason}"


ONLY_READS = Misfit(Why.ONLY_READS, "the statement only reads")
NOT_REACHED = Misfit(Why.NOT_REACHED, "the Call was not reached")
