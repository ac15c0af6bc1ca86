"""The marker: a row, written first in the unit's own transaction, by which its outcome is known for certain.

After a COMMIT without answer, another connection inserts the same key (the *fence*). While the unit's transaction is
open, the fence waits for it. A duplicate means that it is committed; success means that it is over and was not. The
fence is rolled back and leaves no row: the unit's own INSERT had been answered before its COMMIT was sent, so nothing
of the unit can come later. PostgreSQL's ``pg_xact_status`` is not asked; after a crash it may name another transaction.
The same row makes a unit idempotent: key, fingerprint of the request, stored result.
"""

from __future__ import annotations

import json
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any
from uuid import uuid4

from sqlalchemy import Insert, Table, delete, insert, select, update
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.util import greenlet_spawn

from acidity.engines.codes import DUPLICATE, LOCK_TIMEOUT, codes_of
from acidity.errors import UsageError
from acidity.run import server
from acidity.run.beside import beside
from acidity.run.errors import AlreadyDone, KeyInProgress, KeyReused, KeyReversed, TransactionEnded
from acidity.run.fence import Row, is_taken
from acidity.run.fingerprint import digest, exact_json
from acidity.run.tables import explain_missing, marker, now
from acidity.run.target import target_of

SPOILT = "spoilt"  # in place of the fingerprint of a unit whose transaction was ended inside it
_SHORT = 65_535  # what a TEXT of MariaDB holds, which cuts off the rest with some sql_mode
_PRUNED = "pruned"  # in place of a hash: the row that says up to when markers are gone
REVERSED = "reversed"  # in place of the fingerprint of a unit that must never be committed


class KeyTaken(Exception):  # noqa: N818  # an answer, not an error
    """The key is there already: a unit with it has been committed."""


@dataclass(frozen=True, slots=True)
class Stored:
    """What a committed unit with this key left."""

    token: str
    fingerprint: str
    result: Any


@dataclass(frozen=True, slots=True)
class Marker:
    """The row of one unit.

    Attributes:
        key: the caller's key, or a random one when only the outcome is to be known.
        fingerprint: of the request.
        idempotent: a repeat is answered with the stored result.
        waits: for another unit that is at work on the same key.
        token: of this attempt.
        began: when this attempt did; what is older than some time is pruned.
    """

    key: str
    fingerprint: str = ""
    idempotent: bool = False
    waits: bool = True
    token: str = field(default_factory=lambda: uuid4().hex)
    began: datetime = field(default_factory=now)

    @property
    def hash(self) -> str:
        """The primary key."""
        return digest(self.key)

    @property
    def table(self) -> Table:
        """Where it is kept."""
        return marker

    def _row(self) -> Row:
        return _insert_into(self.table), self.values()

    def values(self) -> dict[str, Any]:
        """The row before there is a result."""
        return {
            "key_hash": self.hash,
            "key_text": self.key[:255],
            "token": self.token,
            "fingerprint": self.fingerprint,
            "created_at": self.began,
        }

    def insert(self, connection: Connection) -> None:
        """Write it; waits for another unit that is at work on the same key.

        Raises:
            KeyTaken: that one has been committed.
            KeyInProgress: it is not to be waited for.
        """
        try:
            with nullcontext() if self.waits else server.no_waiting(connection):
                connection.execute(*self._row())
        except DBAPIError as error:
            if DUPLICATE.intersection(codes_of(error)):
                raise KeyTaken from error
            if not self.waits and LOCK_TIMEOUT.intersection(codes_of(error)):
                raise KeyInProgress(f"another unit is at work on the idempotency key {self.key!r}") from error
            explain_missing(error)
            raise

    def store(self, connection: Connection, result: Any) -> None:
        """Keep the result for repeats.

        Raises:
            UsageError: it would not come back as it is: not from JSON, or not from the column.
        """
        if not self.idempotent or result is None:
            return
        self.keep(connection, exact_json(result, "the result of a unit with idempotency_key="))

    def keep(self, connection: Connection, text: str) -> None:
        """Write the result into the row, and see that it is there as a whole.

        Raises:
            UsageError: the column is too short.
        """
        table = self.table
        connection.execute(update(table).where(table.c.key_hash == self.hash).values(result=text))
        if len(text) > _SHORT and self._kept(connection) != text:
            raise UsageError(
                f"the result of this unit, {len(text)} characters as JSON, does not fit {table.name}.result, which was "
                f"made by an earlier version: ALTER TABLE {table.name} MODIFY result LONGTEXT"
            )

    def _kept(self, connection: Connection) -> Any:
        table = self.table
        return connection.execute(select(table.c.result).where(table.c.key_hash == self.hash)).scalar()

    def find(self, engine: Engine) -> Stored | None:
        """What is committed under this key."""
        with beside(engine) as connection:
            return self.seen(connection)

    def answer(self, engine: Engine) -> Stored:
        """What is committed under this key, which is taken.

        Raises:
            AlreadyDone: it was pruned meanwhile.
        """
        stored = self.find(engine)
        if stored is None:
            raise AlreadyDone(f"a unit with the idempotency key {self.key!r} was committed, and its result is pruned")
        return stored

    def seen(self, connection: Connection) -> Stored | None:
        """What this transaction sees under this key."""
        table = self.table
        columns = (table.c.token, table.c.fingerprint, table.c.result)
        row = connection.execute(select(*columns).where(table.c.key_hash == self.hash)).one_or_none()
        return None if row is None else Stored(row[0], row[1], None if row[2] is None else json.loads(row[2]))

    def committed(self, engine: Engine) -> bool | None:
        """Whether the unit's transaction was committed; waits until it is over. None: its marker may have been pruned.

        Raises:
            DBAPIError: the database did not answer.
        """
        if is_taken(engine, self._row()):
            stored = self.find(engine)
            if stored is not None:
                return stored.token == self.token
        return None if self._may_be_pruned(engine) else False

    def _may_be_pruned(self, engine: Engine) -> bool:
        with beside(engine) as connection:
            query = select(marker.c.created_at).where(marker.c.key_hash == _PRUNED)
            pruned: datetime | None = connection.execute(query).scalar()
        return pruned is not None and self.began.replace(microsecond=0) <= pruned  # which MariaDB keeps to the second

    def spoil(self, engine: Engine) -> None:
        """Refuse repeats from now on: the row is committed, and the work is not whole."""
        table = self.table
        with beside(engine) as connection:
            connection.execute(
                update(table)
                .where(table.c.key_hash == self.hash, table.c.token == self.token)
                .values(fingerprint=SPOILT)
            )
            connection.commit()

    @property
    def advice(self) -> str:
        """What to do while nothing answers the question whether it is there."""
        return f"ask again later for the key {self.key!r} in acidity_marker"

    def same_request(self, stored: Stored) -> None:
        """Compare with the request that the key was used for.

        Raises:
            KeyReused: it was another one.
            KeyReversed: it was reversed before it was committed.
            TransactionEnded: the transaction of that unit was ended inside it.
        """
        if stored.fingerprint == SPOILT:
            raise TransactionEnded(
                f"a unit with the idempotency key {self.key!r} was ended by a statement inside it, and may be done in "
                f"part; nothing was done now. Look into the database, and delete its row in acidity_marker"
            )
        if stored.fingerprint == REVERSED:
            raise KeyReversed(f"the request {self.key!r} was reversed before it was committed; nothing was done")
        if stored.fingerprint != self.fingerprint:
            raise KeyReused(f"the idempotency key {self.key!r} was used for another request; nothing was done")


@lru_cache
def _insert_into(table: Table) -> Insert:
    """Built once: that takes longer than running it."""
    return insert(table)


def refuse_unfit(key: Any) -> None:
    """Refuse what no database can keep as a key.

    Raises:
        UsageError: it is no text, empty, or holds half a character or a zero byte.
    """
    if not isinstance(key, str) or not key:
        raise UsageError(f"an idempotency key is a text that is not empty, not {key!r}")
    if "\0" in key or any("\ud800" <= each <= "\udfff" for each in key):
        raise UsageError(f"an idempotency key is a text of whole characters without a zero byte, not {key!r}")


def prune(what: Any, *, older_than: timedelta) -> Any:
    """Delete markers that nobody will ask for any more; run it now and then.

    A repeat with a pruned key is carried out again, so keep them for longer than any client tries again.

    Args:
        what: an `Engine`, a `sessionmaker` or their async twins; with those, await the result.
        older_than: the age from which they go.

    Returns:
        How many were deleted.

    Example:
        >>> prune(engine, older_than=timedelta(days=30))    # doctest: +SKIP
    """
    target = target_of(what)

    def carry_out() -> int:
        with beside(target.engine) as connection:
            before = now() - older_than
            _note_pruned(connection, before)
            old = (marker.c.created_at < before) & (marker.c.key_hash != _PRUNED)
            deleted = connection.execute(delete(marker).where(old)).rowcount
            connection.commit()
        return deleted

    return greenlet_spawn(carry_out) if target.asynchronous else carry_out()


def _note_pruned(connection: Connection, before: datetime) -> None:
    """Remember up to when markers are gone, so that one which is missing is not taken for one that never was.

    Whoever is second waits for the first, and finds its row.
    """
    row = {"key_hash": _PRUNED, "key_text": _PRUNED, "token": "", "fingerprint": _PRUNED, "created_at": before}
    noted = marker.c.key_hash == _PRUNED
    later = update(marker).where(noted, marker.c.created_at < before).values(created_at=before)
    if (
        connection.execute(later).rowcount == 0
        and connection.execute(select(marker.c.token).where(noted)).first() is None
    ):
        connection.execute(insert(marker).values(row))
