"""The exceptions of RUN, split by whose fault they are.

AcidityError
├── UsageError                  `atomic` was called with arguments that make no sense together
│   ├── NotMoney                a value that a `Money` column cannot hold exactly
│   └── SagaChanged             a saga that has begun does not fit the steps that the program defines now
├── BoundaryError               your code crosses the boundary of the transaction; a bug, do not catch it
│   ├── NoTransaction           something needs a unit of work, and there is none
│   ├── UsedAfterEnd            the session of a unit that has ended
│   ├── SharedUnit              one unit, two threads, tasks or processes
│   └── TransactionEnded        a statement inside has ended the transaction; what came before may be committed
└── TransactionFailed           the transaction did not do what was asked
    ├── UnitPoisoned            COMMIT was refused: an error inside the unit was swallowed
    ├── InvariantBroken         a stated rule does not hold; rolled back
    ├── DeadlineExceeded        ``timeout=`` is over; rolled back
    ├── RetriesExhausted        every attempt failed; lists them
    ├── CommitUnknown           COMMIT was sent and its outcome cannot be told
    ├── KeyReused               the same idempotency key with another request
    ├── KeyInProgress           another unit is at work on the same idempotency key
    ├── AlreadyDone             a ``with`` block whose idempotency key was used up
    ├── KeyReversed             the key was reversed before the unit was committed; it is refused for good
    ├── NothingToReverse        no committed unit has this key, and none will have
    └── SagaEnded               a saga did not reach its last step
        ├── SagaFailed          a step was refused, and what was done before it is compensated
        ├── SagaStuck           a compensation, or a step after the pivot, fails for good; somebody has to look
        └── SagaInterrupted     the saga is unfinished, and will be carried on

CommittedLocally is a warning: COMMIT was confirmed, and a failover could still lose it.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.exc import DontWrapMixin

from acidity.errors import AcidityError, UsageError


class NotMoney(UsageError, ValueError, DontWrapMixin):
    """The value cannot be stored as an exact amount, or what came back is none; nothing was rounded."""


class BoundaryError(AcidityError):
    """The code inside crosses the boundary of the unit of work; the message says where and what to do instead."""


class NoTransaction(BoundaryError):
    """There is no unit of work here."""


class UsedAfterEnd(BoundaryError):
    """The unit of work has ended; its session does nothing more."""


class SharedUnit(BoundaryError):
    """A unit of work was used by a thread, task or process that did not begin it."""


class TransactionEnded(BoundaryError):
    """A statement inside the unit has ended its transaction, so that what came before it may be committed."""


class TransactionFailed(AcidityError):
    """The transaction did not do what was asked."""


class UnitPoisoned(TransactionFailed):
    """COMMIT was not sent, because something inside the unit had failed and the failure was swallowed."""


class InvariantBroken(TransactionFailed):
    """A rule did not hold just before COMMIT; everything was rolled back.

    Attributes:
        name: of the rule.
    """

    def __init__(self, message: str, name: str = "") -> None:
        super().__init__(message)
        self.name = name


class DeadlineExceeded(TransactionFailed):
    """The time that the unit was given is over; nothing was committed."""


class RetriesExhausted(TransactionFailed):
    """Every attempt failed with an error that is worth another; the last one is the ``__cause__``.

    Attributes:
        attempts: the error of each attempt, in order.
    """

    def __init__(self, message: str, attempts: Sequence[BaseException] = ()) -> None:
        super().__init__(message)
        self.attempts = tuple(attempts)


class CommitUnknown(TransactionFailed):
    """COMMIT was sent, no answer came, and nothing tells whether it was applied. Do not simply try again."""


class KeyReused(TransactionFailed):
    """The idempotency key belongs to another request; nothing was done."""


class KeyInProgress(TransactionFailed):
    """Another unit is at work on this idempotency key, and ``when_in_progress="error"``; nothing was done."""


class AlreadyDone(TransactionFailed):
    """A unit with this idempotency key is committed already; nothing was done."""


class CommittedLocally(UserWarning):
    """PostgreSQL confirmed COMMIT, but gave up waiting for a synchronous standby."""


class KeyReversed(TransactionFailed):
    """This request was reversed before it was committed, so that it is refused for good; nothing was done."""


class NothingToReverse(TransactionFailed):
    """No committed unit has this key; it is used up now, so that none can come later."""


class SagaChanged(UsageError):
    """What is stored of a saga does not fit the steps that the program defines now; nothing was done."""


class SagaEnded(TransactionFailed):
    """A saga did not reach its last step.

    Attributes:
        saga_id: which.
        step: the step that did not go through; empty where none is to blame.
        compensated: the steps that are undone, in the order in which they were.
    """

    def __init__(self, message: str, saga_id: str = "", step: str = "", compensated: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.saga_id, self.step, self.compensated = saga_id, step, tuple(compensated)


class SagaFailed(SagaEnded):
    """A step was refused, and every step before it is compensated: the saga is over."""


class SagaStuck(SagaEnded):
    """Trying again did not help; the saga stays where it is, and ``stuck()`` lists it."""


class SagaInterrupted(SagaEnded):
    """The database was not there or not free; ``resume()``, or ``run()`` with the same id, carries the saga on."""
