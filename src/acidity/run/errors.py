"""The exceptions of RUN, split by whose fault they are.

AcidityError
├── UsageError                  `atomic` was called with arguments that make no sense together
│   └── NotMoney                a value that a `Money` column cannot hold exactly
├── BoundaryError               your code crosses the boundary of the transaction; a bug, do not catch it
│   ├── NoTransaction           something needs a unit of work, and there is none
│   ├── UsedAfterEnd            the session of a unit that has ended
│   └── SharedUnit              one unit, two threads or tasks
└── TransactionFailed           the transaction did not do what was asked
    ├── UnitPoisoned            COMMIT was refused: an error inside the unit was swallowed
    ├── InvariantBroken         a stated rule does not hold; rolled back
    ├── DeadlineExceeded        ``timeout=`` is over; rolled back
    ├── RetriesExhausted        every attempt failed; lists them
    ├── CommitUnknown           COMMIT was sent and its outcome cannot be told
    ├── KeyReused               the same idempotency key with another request
    ├── KeyInProgress           another unit is at work on the same idempotency key
    └── AlreadyDone             a ``with`` block whose idempotency key was used up

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
    """A unit of work was used by a thread or task that did not begin it."""


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
