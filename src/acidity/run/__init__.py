"""RUN: the unit of work that survives every fault of the drill.

>>> from acidity import atomic
>>> @atomic(SessionLocal, isolation_level="SERIALIZABLE", max_attempts=5)     # doctest: +SKIP
... def transfer(session, source, target, amount): ...
"""

from __future__ import annotations

from acidity.run.atomic import atomic
from acidity.run.errors import (
    AlreadyDone,
    BoundaryError,
    CommitUnknown,
    DeadlineExceeded,
    InvariantBroken,
    KeyReused,
    NoTransaction,
    RetriesExhausted,
    SharedUnit,
    TransactionFailed,
    UnitPoisoned,
    UsedAfterEnd,
)
from acidity.run.lock import lock
from acidity.run.marker import prune
from acidity.run.required import on_commit, transaction_required
from acidity.run.savepoint import savepoint
from acidity.run.sqlite import configure_sqlite
from acidity.run.state import State
from acidity.run.twophase import Recovered, recover_two_phase, two_phase

__all__ = [
    "AlreadyDone",
    "BoundaryError",
    "CommitUnknown",
    "DeadlineExceeded",
    "InvariantBroken",
    "KeyReused",
    "NoTransaction",
    "Recovered",
    "RetriesExhausted",
    "SharedUnit",
    "State",
    "TransactionFailed",
    "UnitPoisoned",
    "UsedAfterEnd",
    "atomic",
    "configure_sqlite",
    "lock",
    "on_commit",
    "prune",
    "recover_two_phase",
    "savepoint",
    "transaction_required",
    "two_phase",
]
