"""The marker: a row, written first in the unit's own transaction, by which its outcome is known for certain.

After a COMMIT without answer, another connection inserts the same key (the *fence*). While the unit's transaction is
open, the fence waits for it. A duplicate means that it is committed; success means that it is over and was not. The
fence is rolled back and leaves no row: the unit's own INSERT had been answered before its COMMIT was sent, so nothing
of the unit can come later. PostgreSQL's ``pg_xact_status`` is not asked; after a crash it may name another transaction.
The same row makes a unit idempotent: key, fingerprint of the request, stored result.
"""

from __future__ import annotations

import hashlib
import json
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import uuid4

from sqlalchemy import delete, insert, select, update
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import DBAPIError

from acidity.engines.codes import DUPLICATE, LOCK_TIMEOUT, codes_of
from acidity.errors import UsageError
from acidity.run import guard, server
from acidity.run.context import in_greenlet
from acidity.run.errors import KeyInProgress, KeyReused
from acidity.run.tables import marker, now
from acidity.run.target import target_of

_INSERT = insert(marker)
_TABLE_MISSING = frozenset({"42P01", "1146"})


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
    """

    key: str
    fingerprint: str = ""
    idempotent: bool = False
    waits: bool = True
    token: str = field(default_factory=lambda: uuid4().hex)

    @property
    def hash(self) -> str:
        """The primary key."""
        return hashlib.sha256(self.key.encode()).hexdigest()

    def insert(self, connection: Connection) -> None:
        """Write it; waits for another unit that is at work on the same key.

        Raises:
            KeyTaken: that one has been committed.
            KeyInProgress: it is not to be waited for.
        """
        try:
            with nullcontext() if self.waits else server.no_waiting(connection):
                connection.execute(_INSERT, self._row())
        except DBAPIError as error:
            if DUPLICATE.intersection(codes_of(error)):
                raise KeyTaken from error
            if not self.waits and LOCK_TIMEOUT.intersection(codes_of(error)):
                raise KeyInProgress(f"another unit is at work on the idempotency key {self.key!r}") from error
            if _TABLE_MISSING.intersection(codes_of(error)) or "no such table" in str(error.orig):
                error.add_note("acidity: create the table with acidity.run.tables.metadata.create_all(engine)")
            raise

    def store(self, connection: Connection, result: Any) -> None:
        """Keep the result for repeats.

        Raises:
            UsageError: it would not come back from JSON as it is.
        """
        if not self.idempotent or result is None:
            return
        text = as_json(result)
        if json.loads(text) != result:
            raise UsageError("with idempotency_key= the result must be plain JSON, so that a repeat gets the same one")
        connection.execute(update(marker).where(marker.c.key_hash == self.hash).values(result=text))

    def find(self, engine: Engine) -> Stored | None:
        """What is committed under this key."""
        columns = (marker.c.token, marker.c.fingerprint, marker.c.result)
        with guard.aside(engine.connect()) as connection:
            row = connection.execute(select(*columns).where(marker.c.key_hash == self.hash)).one_or_none()
            connection.rollback()
        return None if row is None else Stored(row[0], row[1], None if row[2] is None else json.loads(row[2]))

    def committed(self, engine: Engine) -> bool:
        """Whether the unit's transaction was committed; waits until it is over.

        Raises:
            DBAPIError: the database did not answer.
        """
        with guard.aside(engine.connect()) as connection:
            try:
                if connection.dialect.name == "postgresql":
                    connection.exec_driver_sql("SET LOCAL lock_timeout = '10s'")
                connection.execute(_INSERT, self._row())
            except DBAPIError as error:
                if not DUPLICATE.intersection(codes_of(error)):
                    raise
            else:
                return False
            finally:
                if not connection.invalidated:
                    connection.rollback()
        stored = self.find(engine)
        return stored is not None and stored.token == self.token

    def same_request(self, stored: Stored) -> None:
        """Compare with the request that the key was used for.

        Raises:
            KeyReused: it was another one.
        """
        if stored.fingerprint != self.fingerprint:
            raise KeyReused(f"the idempotency key {self.key!r} was used for another request; nothing was done")

    def _row(self) -> dict[str, str]:
        return {
            "key_hash": self.hash,
            "key_text": self.key[:255],
            "token": self.token,
            "fingerprint": self.fingerprint,
        }


def fingerprint_of(name: str, arguments: Any) -> str:
    """A short form of a request: the function and its arguments.

    Raises:
        UsageError: an argument has no text form that is the same tomorrow.
    """
    return hashlib.sha256(f"{name}\0{as_json(arguments, lenient=True)}".encode()).hexdigest()


def as_json(value: Any, *, lenient: bool = False) -> str:
    """The value as JSON text.

    Raises:
        UsageError: it has none.
    """
    try:
        return json.dumps(value, sort_keys=lenient, default=_plain if lenient else None)
    except (TypeError, ValueError) as error:
        raise UsageError(f"with idempotency_key= this must be plain JSON: {error}") from error


def _plain(value: Any) -> str:
    if repr(value).startswith("<"):
        raise TypeError(f"{type(value).__name__} has no text form that is the same tomorrow; pass its id instead")
    return repr(value)


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
        with guard.aside(target.engine.connect()) as connection, connection.begin():
            return connection.execute(delete(marker).where(marker.c.created_at < now() - older_than)).rowcount

    return in_greenlet(carry_out) if target.asynchronous else carry_out()
