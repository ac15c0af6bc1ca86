"""The log of a saga in the database: every write locks the saga's row first, and looks whether it is where it was.

That lock lasts as long as the transaction that takes a step. So no two take a step of one saga at once, and when one
of them dies, the server lets go of the lock and the next may go on at once: there is no lease to wait for.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Table, delete, insert, select, update
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Session

from acidity.run.fingerprint import digest, exact_json
from acidity.run.marker import Marker
from acidity.run.saga.plan import Act, Direction, key_of
from acidity.run.saga.status import UNFINISHED, SagaState, SagaStatus
from acidity.run.tables import now, saga, saga_step


class Moved(Exception):  # noqa: N818  # an answer, not an error
    """Somebody else has taken the saga further."""


class Busy(Exception):  # noqa: N818
    """Somebody else is at work on the saga just now."""


@dataclass(frozen=True, slots=True)
class Place:
    """One saga as somebody has seen it, and how he goes about it.

    Attributes:
        name: of the saga.
        status: what was seen.
        waits: for others who are at work on it; otherwise it is left to them.
    """

    name: str
    status: SagaStatus
    waits: bool = True

    @property
    def hash(self) -> str:
        """The primary key."""
        return digest(self.name, self.status.id)

    def claim(self, connection: Connection | Session) -> None:
        """Lock the saga until the transaction ends.

        Raises:
            Moved: it is elsewhere.
            Busy: somebody else holds it.
        """
        query = select(saga.c.state).where(saga.c.key_hash == self.hash)
        state = connection.execute(query.with_for_update(skip_locked=not self.waits)).scalar_one_or_none()
        if state is None:
            raise Moved if self.waits else Busy
        if state != self.status.state.value:
            raise Moved


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress(Marker):
    """The row that says that a step is done, or undone; its result and the end of the saga go with it."""

    place: Place
    act: Act

    @property
    def hash(self) -> str:
        """The primary key."""
        return key_of(self.place.name, self.place.status.id, self.act.direction, self.act.definition.name)

    @property
    def table(self) -> Table:
        """Where it is kept."""
        return saga_step

    def values(self) -> dict[str, Any]:
        """The row before there is a result."""
        return Marker.values(self) | {
            "saga_hash": self.place.hash,
            "direction": self.act.direction,
            "position": self.act.position,
            "step": self.act.definition.name,
        }

    def insert(self, connection: Connection) -> None:
        """Lock the saga, and write the row.

        Raises:
            Moved: the saga is elsewhere.
            Busy: somebody else holds it.
            KeyTaken: somebody else has done this.
        """
        self.place.claim(connection)
        Marker.insert(self, connection)

    def store(self, connection: Connection, result: Any) -> None:
        """Keep the result, and end the saga if this was the last of it.

        Raises:
            UsageError: the result is not plain JSON.
        """
        if result is not None and self.act.direction == "do":
            self.keep(connection, exact_json(result, f"the result of the step {self.act.definition.name!r}"))
        status = self.place.status
        if self.act.last or status.stuck is not None:
            state = ENDS[self.act.direction] if self.act.last else status.state
            where = saga.c.key_hash == self.place.hash
            connection.execute(update(saga).where(where).values(state=state.value, stuck=None))


ENDS: dict[Direction, SagaState] = {"do": SagaState.DONE, "undo": SagaState.COMPENSATED}


def progress(place: Place, act: Act) -> Progress:
    """The row for this act."""
    key = f"{place.name} {place.status.id} {act.direction} {act.definition.name}"
    return Progress(key, place=place, act=act)


def begin(session: Session, name: str, saga_id: str, payload: str) -> None:
    """Write down that there is a saga; a duplicate is an error of the database."""
    row = {"key_hash": digest(name, saga_id), "name": name, "saga_id": saga_id, "payload": payload}
    session.execute(insert(saga).values(state=SagaState.RUNNING.value, **row))


def note(session: Session, place: Place, act: Act, **values: Any) -> None:
    """Write down what the failure of an act means for the saga.

    Raises:
        Moved: somebody else got it done meanwhile.
        Busy: somebody else holds it.
    """
    place.claim(session)
    if session.execute(select(saga_step.c.step).where(saga_step.c.key_hash == progress(place, act).hash)).first():
        raise Moved
    session.execute(update(saga).where(saga.c.key_hash == place.hash).values(**values))


def look(session: Session, name: str, saga_id: str) -> SagaStatus | None:
    """Where a saga stands."""
    found = statuses(session, name, saga.c.key_hash == digest(name, saga_id))
    return found[0] if found else None


def unfinished(session: Session, name: str, *, stuck: bool | None = None) -> list[SagaStatus]:
    """The sagas that have not ended, the oldest first; those that are stuck, those that are not, or both."""
    conditions = [saga.c.state.in_([state.value for state in UNFINISHED])]
    if stuck is not None:
        conditions.append(saga.c.stuck.is_not(None) if stuck else saga.c.stuck.is_(None))
    return statuses(session, name, *conditions)


def statuses(session: Session, name: str, *conditions: Any) -> list[SagaStatus]:
    """The sagas of this name for which the conditions hold."""
    both = saga.outerjoin(saga_step, saga_step.c.saga_hash == saga.c.key_hash)  # one statement, so one snapshot
    entry = [column.label(f"step_{column.name}") for column in saga_step.c]
    query = select(*saga.c, *entry).select_from(both).where(saga.c.name == name, *conditions)
    found: dict[str, list[Any]] = {}
    for row in session.execute(query.order_by(saga.c.created_at, saga.c.saga_id, saga_step.c.position)):
        found.setdefault(row.key_hash, []).append(row)
    return [_status(rows) for rows in found.values()]


def _status(rows: list[Any]) -> SagaStatus:
    row = rows[0]
    done = [each for each in rows if each.step_direction == "do"]
    undone = [each for each in reversed(rows) if each.step_direction == "undo"]
    return SagaStatus(
        id=row.saga_id,
        state=SagaState(row.state),
        payload=json.loads(row.payload),
        results={each.step_step: None if each.step_result is None else json.loads(each.step_result) for each in done},
        compensated=tuple(each.step_step for each in undone),
        failed_step=row.failed_step,
        error=row.error,
        stuck=row.stuck,
        created_at=row.created_at,
    )


def forget(session: Session, name: str, older_than: timedelta) -> int:
    """Delete sagas that have ended; give how many."""
    ended = [state.value for state in SagaState if state.ended]
    conditions = (saga.c.name == name, saga.c.state.in_(ended), saga.c.created_at < now() - older_than)
    hashes = list(session.scalars(select(saga.c.key_hash).where(*conditions)))
    for start in range(0, len(hashes), 500):
        some = hashes[start : start + 500]
        session.execute(delete(saga_step).where(saga_step.c.saga_hash.in_(some)))
        session.execute(delete(saga).where(saga.c.key_hash.in_(some)))
    return len(hashes)
