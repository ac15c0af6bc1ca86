"""What became of messages, written in the transaction that holds their locks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import delete, update
from sqlalchemy.orm import Session

from acidity.run import tables
from acidity.run.outbox.claim import PARKED, Claimed
from acidity.run.outbox.emit import READY
from acidity.run.tables import outbox

PUBLISHED = "published"
_ERROR_MAX = 2000


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a message is tried.

    Attributes:
        max_attempts: then it is parked; None for never.
        first_s: seconds until the second attempt; doubled each time.
        longest_s: and at most this.
    """

    max_attempts: int | None = 20
    first_s: float = 1.0
    longest_s: float = 300.0

    def pause(self, failures: int) -> float | None:
        """Seconds until the next attempt after so many failures; None: there is none, park it.

        >>> [Patience(max_attempts=4).pause(failures) for failures in (1, 2, 3, 4)]
        [1.0, 2.0, 4.0, None]
        """
        if self.max_attempts is not None and failures >= self.max_attempts:
            return None
        return min(self.longest_s, self.first_s * 2.0 ** min(failures - 1, 60))


def mark_published(session: Session, claimed: Sequence[Claimed], *, keep: bool) -> None:
    """Mark them, or delete them if they are not to be kept."""
    if not claimed:
        return
    these = outbox.c.position.in_([each.position for each in claimed])
    if keep:
        done = {"state": PUBLISHED, "published_at": tables.now(), "due_at": None, "last_error": None}
        session.execute(update(outbox).where(these).values(done))
    else:
        session.execute(delete(outbox).where(these))


def mark_failed(session: Session, claimed: Claimed, error: BaseException, patience: Patience) -> bool:
    """Count the failure, and say when to try again or park it.

    Returns:
        Whether it is parked now.
    """
    failures = claimed.message.attempts + 1
    pause = patience.pause(failures)
    parked = pause is None
    text = ascii(f"{type(error).__name__}: {error}")[1:-1]  # any character set takes it, and no NUL is left
    values = {
        "state": PARKED if parked else READY,
        "attempts": failures,
        "due_at": None if pause is None else tables.now() + timedelta(seconds=pause),
        "last_error": text[:_ERROR_MAX],
    }
    # By id too: the lock may be lost meanwhile, and SQLite gives a position again once its row is deleted.
    same = (outbox.c.position == claimed.position, outbox.c.id == claimed.message.id, outbox.c.state == READY)
    session.execute(update(outbox).where(*same).values(values))
    return parked
