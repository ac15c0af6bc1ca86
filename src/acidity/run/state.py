"""The life cycle of a transaction as values; a state is entered when the database has replied, never before.

The states are those of the textbooks (Silberschatz et al., *Database System Concepts*, "A Simple Transaction Model"),
and one that they leave out: after a COMMIT without answer, the transaction is neither committed nor aborted *for us*.
"""

from __future__ import annotations

from enum import Enum


class State(Enum):
    """Where a unit of work stands."""

    ACTIVE = "active"
    PARTIALLY_COMMITTED = "partially committed"  # the last statement has been answered; COMMIT is next
    COMMITTED = "committed"
    FAILED = "failed"
    ABORTED = "aborted"
    UNKNOWN = "unknown"  # COMMIT was sent, and nobody can say what became of it

    @property
    def ended(self) -> bool:
        """Nothing more will happen."""
        return self in ENDED


# For code that runs in each unit: to look a member up in its class takes Python 3.11 as long as to call a function.
ACTIVE = State.ACTIVE
PARTIALLY_COMMITTED = State.PARTIALLY_COMMITTED
COMMITTED = State.COMMITTED
FAILED = State.FAILED
ABORTED = State.ABORTED
UNKNOWN = State.UNKNOWN
ENDED = (COMMITTED, ABORTED, UNKNOWN)  # tuples: the hash of an Enum member is computed in Python
FOLLOWS: dict[str, tuple[State, ...]] = {  # what may come after what, by the value of a state
    "active": (State.PARTIALLY_COMMITTED, State.FAILED),
    "partially committed": (State.COMMITTED, State.FAILED, State.UNKNOWN),
    "failed": (State.ABORTED, State.UNKNOWN),  # unknown: the transaction was ended by other means
    "unknown": (State.COMMITTED, State.ABORTED),  # the marker told
    "committed": (),
    "aborted": (),
}
