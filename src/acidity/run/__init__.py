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
    CommittedLocally,
    CommitUnknown,
    DeadlineExceeded,
    InvariantBroken,
    KeyInProgress,
    KeyReused,
    KeyReversed,
    NothingToReverse,
    NotMoney,
    NoTransaction,
    RetriesExhausted,
    SagaChanged,
    SagaEnded,
    SagaFailed,
    SagaInterrupted,
    SagaStuck,
    SharedUnit,
    TransactionEnded,
    TransactionFailed,
    UnitPoisoned,
    UsedAfterEnd,
)
from acidity.run.lock import lock
from acidity.run.marker import prune
from acidity.run.money import Money
from acidity.run.outbox import (
    Message,
    RedisStreams,
    Relay,
    consume,
    consumer,
    discard,
    emit,
    parked,
    prune_outbox,
    requeue,
)
from acidity.run.required import on_commit, transaction_required
from acidity.run.reverse import reversal, reverse
from acidity.run.saga import Saga, SagaState, SagaStatus, SagaStep
from acidity.run.savepoint import savepoint
from acidity.run.sqlite import configure_sqlite
from acidity.run.state import State
from acidity.run.twophase import Recovered, recover_two_phase, two_phase

__all__ = [
    "AlreadyDone",
    "BoundaryError",
    "CommitUnknown",
    "CommittedLocally",
    "DeadlineExceeded",
    "InvariantBroken",
    "KeyInProgress",
    "KeyReused",
    "KeyReversed",
    "Message",
    "Money",
    "NoTransaction",
    "NotMoney",
    "NothingToReverse",
    "Recovered",
    "RedisStreams",
    "Relay",
    "RetriesExhausted",
    "Saga",
    "SagaChanged",
    "SagaEnded",
    "SagaFailed",
    "SagaInterrupted",
    "SagaState",
    "SagaStatus",
    "SagaStep",
    "SagaStuck",
    "SharedUnit",
    "State",
    "TransactionEnded",
    "TransactionFailed",
    "UnitPoisoned",
    "UsedAfterEnd",
    "atomic",
    "configure_sqlite",
    "consume",
    "consumer",
    "discard",
    "emit",
    "lock",
    "on_commit",
    "parked",
    "prune",
    "prune_outbox",
    "recover_two_phase",
    "requeue",
    "reversal",
    "reverse",
    "savepoint",
    "transaction_required",
    "two_phase",
]
