"""The `Relay`: publishes what units have emitted, at least once, and in order within a key."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from acidity.errors import UsageError
from acidity.run import context
from acidity.run.boundary import Terms
from acidity.run.drivers import to_end, to_end_async
from acidity.run.errors import BoundaryError
from acidity.run.outbox.delivery import Delivery, Rules
from acidity.run.outbox.message import Message
from acidity.run.outbox.record import Patience
from acidity.run.target import target_of

Publish = Callable[[Message], Any]
BATCH_MAX = 10_000


class Relay:
    """Takes messages from the outbox and hands them to a publisher; any number of relays may run side by side.

    In one transaction: messages are claimed (FOR UPDATE SKIP LOCKED on PostgreSQL, MariaDB from 10.6 and MySQL 8;
    BEGIN IMMEDIATE on SQLite), published, and marked when `publish` has returned. A relay that dies before its COMMIT
    leaves them as they were, so they are published again: *at least once*. A key is in the hands of one relay at a
    time. When `publish` raises, that message and the later ones of its key stay, and it is tried again after a pause;
    the others go on.

    The transaction is open while the batch is published: keep the batch small where publishing is slow. On SQLite
    nobody else can write meanwhile; a `consumer` on the same engine works inside the relay's own transaction.

    Args:
        what: an `Engine`, a sessionmaker, or their async twins.
        publish: called with a `Message`; that it returns is the acknowledgement. With an async engine it may be a
            coroutine function. `RedisStreams` is one for a broker.
        batch_size: at most so many messages in one transaction.
        max_attempts: after so many failures a message is parked: see `parked`, `requeue` and `discard`. The default
            gives up after about an hour. None for never.
        backoff_s: seconds until the second attempt; doubled with each failure.
        backoff_max_s: and at most this.
        keep: keep published messages until `prune_outbox`, or delete them at once.
        parked_blocks: a parked message holds back the later ones of its key, because the order matters; False lets
            them pass.
        poll_s: seconds to wait in `run` when there is nothing to do.

    Raises:
        UsageError: the arguments make no sense.

    Example:
        >>> relay = Relay(engine, RedisStreams(redis.Redis()))          # doctest: +SKIP
        >>> relay.run_once()                                            # doctest: +SKIP
        3
    """

    def __init__(
        self,
        what: Any,
        publish: Publish,
        *,
        batch_size: int = 100,
        max_attempts: int | None = 20,
        backoff_s: float = 1.0,
        backoff_max_s: float = 300.0,
        keep: bool = True,
        parked_blocks: bool = True,
        poll_s: float = 1.0,
    ) -> None:
        if not callable(publish):
            raise UsageError(f"publish={publish!r}: a function that takes a Message")
        if not 1 <= batch_size <= BATCH_MAX:
            raise UsageError(f"batch_size={batch_size}: from 1 to {BATCH_MAX}")
        if max_attempts is not None and max_attempts < 1:
            raise UsageError(f"max_attempts={max_attempts}: it counts the first, so 1 is the least; None for no end")
        if min(backoff_s, backoff_max_s, poll_s) < 0:
            raise UsageError("backoff_s=, backoff_max_s= and poll_s= are seconds, 0 or more")
        target_of(what)
        self.what = what
        patience = Patience(max_attempts, backoff_s, backoff_max_s)
        self.rules = Rules(publish, batch_size, patience, poll_s, keep, parked_blocks)

    def run_once(self) -> Any:
        """Publish one batch.

        Returns:
            How many messages were published; on an async engine, await it.

        Raises:
            BoundaryError: it is called inside a unit of work on the same database.
            DBAPIError: the database failed; what was published in this batch will be published again.
            CommitUnknown: the answer to COMMIT was lost; the batch is marked, or will be published again.
        """
        return self._drive(None)

    def run(self, stop: Any = None) -> Any:
        """Publish until told to stop; survives failures of the database, with growing pauses.

        Args:
            stop: a function that returns whether to stop, or an event with ``is_set``; asked before each batch.

        Returns:
            How many messages were published; on an async engine, await it.

        Raises:
            UsageError: `stop` is neither, or `publish` returned something that nobody awaits.
            BoundaryError: it is called inside a unit of work on the same database.
        """
        asked = getattr(stop, "is_set", stop) if stop is not None else _never
        if not callable(asked):
            raise UsageError(f"stop={stop!r}: a function without arguments, or an event")
        return self._drive(asked)

    def _drive(self, stop: Callable[[], bool] | None) -> Any:
        target = target_of(self.what)
        if context.current(target.key) is not None:
            raise BoundaryError("a relay has a transaction of its own; run it outside of the unit of work")
        # No gap locks on MariaDB: emits are not to wait for a relay.
        delivery = Delivery(target, Terms(isolation_level="READ COMMITTED"), rules=self.rules, stop=stop)
        return to_end_async(delivery) if target.asynchronous else to_end(delivery)


def _never() -> bool:
    return False
