"""The decision log of a coordinator: a row is there if, and only if, the two-phase commit was decided.

The row is written first in the coordinator's own transaction and committed with it. While that goes on, the row is
locked: this is how recovery tells a coordinator that is alive from one that is gone, so it never has to overrule one.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import delete, insert, select, update
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import DBAPIError

from acidity.engines.codes import DUPLICATE, LOCK_TIMEOUT, codes_of
from acidity.errors import UsageError
from acidity.run.beside import beside
from acidity.run.errors import UnitPoisoned
from acidity.run.fence import Row, is_taken
from acidity.run.marker import Marker
from acidity.run.tables import coordinator, decision, is_missing, now

_BUSY = LOCK_TIMEOUT | {"SQLITE_BUSY", "SQLITE_LOCKED"}
_FULL = 2


@dataclass(frozen=True, slots=True)
class Decision(Marker):
    """The row of one two-phase commit, and the marker of the coordinator's unit.

    Attributes:
        participants: the names of the other databases.
    """

    participants: tuple[str, ...] = ()

    def insert(self, connection: Connection) -> None:
        """Write it, in a transaction that will be durable when its COMMIT is answered.

        Raises:
            UsageError: SQLite is set so that it would not be.
        """
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql(
                "SELECT set_config(name, 'on', true) FROM pg_settings "
                "WHERE name = 'synchronous_commit' AND setting = 'off'"
            )
        elif connection.dialect.name == "sqlite":
            level: Any = connection.exec_driver_sql("PRAGMA synchronous").scalar()
            if level < _FULL:
                raise UsageError(
                    "the first database of two_phase() decides, and with PRAGMA synchronous below FULL a power loss "
                    "takes decisions back: configure_sqlite(engine)"
                )
        super(Decision, self).insert(connection)

    def store(self, connection: Connection, result: Any) -> None:
        """See that the row is still there, just before the others prepare: MariaDB can lose a transaction silently.

        Raises:
            UnitPoisoned: it is not.
        """
        del result
        renewed = connection.execute(update(decision).where(decision.c.id == self.key).values(decided_at=now()))
        if renewed.rowcount != 1:
            raise UnitPoisoned("the database has rolled this transaction back meanwhile; nothing was committed")

    def committed(self, engine: Engine) -> bool:
        """Whether it was decided to commit; waits until that is certain."""
        return is_taken(engine, self._row())

    def outcome(self, engine: Engine, wait_s: float) -> bool | None:
        """Whether it was decided to commit; None while the coordinator is at it.

        Raises:
            DBAPIError: the database did not answer.
        """
        try:
            return is_taken(engine, self._row(), wait_s=wait_s)
        except DBAPIError as error:
            if not any(code in _BUSY or code.startswith("SQLITE_BUSY") for code in codes_of(error)):
                raise
            return None

    @property
    def advice(self) -> str:
        """What to do while nothing answers the question whether it is there."""
        return "recover_two_phase() will finish it everywhere, one way or the other"

    def _row(self) -> Row:
        return insert(decision), {"id": self.key, "participants": json.dumps(self.participants)}


def new_decision(participants: Iterable[str]) -> Decision:
    """A decision that is still to be made."""
    return Decision(uuid4().hex, participants=tuple(participants))


def identity_of(engine: Engine) -> str | None:
    """Who this database is as a coordinator; None if it never was one.

    Raises:
        DBAPIError: the database did not answer.
    """
    with beside(engine) as connection:
        try:
            return connection.execute(select(coordinator.c.id)).scalar()
        except DBAPIError as error:
            if not is_missing(error):
                raise
            return None
        finally:
            if not connection.invalidated:
                connection.rollback()


def identify(engine: Engine) -> str:
    """Who this database is; it becomes a coordinator if it was none.

    Raises:
        UsageError: it has no decision log.
    """
    known = identity_of(engine)
    if known is not None:
        return known
    try:
        with beside(engine) as connection:
            connection.execute(insert(coordinator).values(number=1, id=uuid4().hex[:12]))
            connection.commit()
    except DBAPIError as error:
        if is_missing(error):
            raise UsageError(
                "two_phase() decides in its first database, which has no decision log: create it there with "
                "acidity.run.tables.metadata.create_all(engine)"
            ) from error
        if not DUPLICATE.intersection(codes_of(error)):
            raise
    made = identity_of(engine)
    assert made is not None, "it was written a moment ago"
    return made


def decided_before(engine: Engine, moment: datetime) -> dict[str, tuple[str, ...]]:
    """The decisions that are older than this, with their participants."""
    with beside(engine) as connection:
        rows = connection.execute(
            select(decision.c.id, decision.c.participants).where(decision.c.decided_at < moment)
        ).all()
        connection.rollback()
    return {key: tuple(json.loads(participants)) for key, participants in rows}


def forget(engine: Engine, keys: Iterable[str]) -> None:
    """Delete decisions that every participant has carried out."""
    with beside(engine) as connection:
        for key in keys:
            connection.execute(delete(decision).where(decision.c.id == key))
        connection.commit()
