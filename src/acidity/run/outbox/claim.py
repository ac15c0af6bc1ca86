"""Which messages a relay may publish now: locked, so that no other relay has them, and in the order of their keys.

A key belongs to the relay that has locked the *first* of its waiting messages: no other relay can begin with a later
one, because as long as the first is not committed as published, it is the first for everybody. Candidates are looked
for without a lock and then locked by their primary key, which locks no row beside them on any engine; what was
published in between no longer fits and falls out. The lock of the key's counter is left to those who emit.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, not_, or_, select
from sqlalchemy.orm import Session

from acidity.run import tables
from acidity.run.outbox.emit import READY
from acidity.run.outbox.message import Message
from acidity.run.tables import outbox

PARKED = "parked"


@dataclass(frozen=True, slots=True)
class Claimed:
    """A message that is locked for this relay.

    Attributes:
        position: its primary key.
        key_hash: of its key, None for none.
        message: what the publisher is given.
    """

    position: int
    key_hash: str | None
    message: Message


def claim(session: Session, limit: int, *, parked_blocks: bool) -> list[Claimed]:
    """Lock messages that are due, at most `limit`: the first of every key, then those that follow them.

    Args:
        session: of a unit at READ COMMITTED; the locks last until it ends.
        limit: how many.
        parked_blocks: a parked message holds back the later ones of its key.
    """
    waiting = (READY, PARKED) if parked_blocks else (READY,)
    now = tables.now()
    heads = _heads(session, limit, waiting, now)
    behind = _followers(session, limit - len(heads), waiting, now, heads) if len(heads) < limit else []
    return [*heads, *behind]


def _heads(session: Session, limit: int, waiting: tuple[str, ...], now: dt.datetime) -> list[Claimed]:
    """Page through them, past those that other relays have locked."""
    earlier = outbox.alias("earlier")
    has_earlier = exists().where(
        earlier.c.key_hash == outbox.c.key_hash, earlier.c.number < outbox.c.number, earlier.c.state.in_(waiting)
    )
    found: list[Claimed] = []
    after = 0
    while True:
        page = limit - len(found)
        query = (
            select(outbox.c.position)
            .where(_is_due(now), outbox.c.position > after, or_(outbox.c.key_hash.is_(None), not_(has_earlier)))
            .order_by(outbox.c.position)
            .limit(page)
        )
        positions = list(session.scalars(query))
        found += _locked(session, positions, now).values()
        if len(positions) < page or len(found) == limit:
            return found
        after = positions[-1]


def _followers(
    session: Session, limit: int, waiting: tuple[str, ...], now: dt.datetime, heads: list[Claimed]
) -> list[Claimed]:
    """What comes after these in their keys, up to the first of each key that is not to be had."""
    keys = [head.key_hash for head in heads if head.key_hash is not None]
    if not keys:
        return []
    query = (
        select(outbox.c.position, outbox.c.key_hash)
        .where(outbox.c.key_hash.in_(keys), outbox.c.state.in_(waiting))
        .where(outbox.c.position.not_in([head.position for head in heads]))
        .order_by(outbox.c.number, outbox.c.position)
        .limit(limit)
    )
    candidates = session.execute(query).all()
    had = _locked(session, [row.position for row in candidates], now)
    broken: set[str] = set()
    found = []
    for row in candidates:
        if row.position in had and row.key_hash not in broken:
            found.append(had[row.position])
        else:
            broken.add(row.key_hash)
    return found


def _locked(session: Session, positions: list[Any], now: dt.datetime) -> dict[int, Claimed]:
    """Those of them that are due still and that no other relay has; SQLite has one writer and no row locks.

    Only the primary key is in the WHERE: with the state there too, InnoDB goes by its index, locks entries there before
    it skips the row, and the relay that has the row waits for those when it wants to mark it.
    """
    if not positions:
        return {}
    query = select(outbox).where(outbox.c.position.in_(positions)).order_by(outbox.c.position)
    return {
        row.position: Claimed(row.position, row.key_hash, message_of(row))
        for row in session.execute(query.with_for_update(skip_locked=True))
        if row.state == READY and (row.due_at is None or row.due_at <= now)
    }


def _is_due(now: dt.datetime) -> ColumnElement[bool]:
    return and_(outbox.c.state == READY, or_(outbox.c.due_at.is_(None), outbox.c.due_at <= now))


def message_of(row: Any) -> Message:
    """The message in a row of the outbox."""
    return Message.of(row.id, row.topic, row.body, row.created_at, attempts=row.attempts, last_error=row.last_error)
