"""`lock`: rows locked in the order of their keys, so that two units that want the same rows do not deadlock."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import inspect, literal, select, tuple_
from sqlalchemy.orm import Session

from acidity.errors import UsageError
from acidity.run import context
from acidity.run.errors import BoundaryError


def lock(session: Any, model: type[Any], ids: Iterable[Any], *, nowait: bool = False, skip_locked: bool = False) -> Any:
    """Lock these rows until the unit ends, and read them anew.

    ``SELECT … WHERE id IN (…) ORDER BY id FOR UPDATE``. On SQLite the unit has the only write lock since its BEGIN
    IMMEDIATE, and this only reads.

    Args:
        session: of the unit; with an `AsyncSession`, await the result.
        model: a mapped class.
        ids: primary keys, tuples where the key has several columns; in any order.
        nowait: raise at once where another unit holds one of them (55P03, 1205).
        skip_locked: leave those out instead.

    Returns:
        The objects in the order of their keys.

    Raises:
        BoundaryError: the session is not that of the unit, or the unit is read-only.
        UsageError: a key has not the shape of the primary key.
        LookupError: a row does not exist (not with `skip_locked`, which cannot tell).

    Example:
        >>> low, high = lock(session, Account, [7, 3])      # doctest: +SKIP

    Source: PostgreSQL manual §13.3.4, "acquire locks on multiple objects in a consistent order".
    """
    unit = context.of(session)
    if unit.terms.read_only:
        raise BoundaryError("lock() in a unit with read_only=True")
    if nowait and skip_locked:
        raise UsageError("nowait= and skip_locked= contradict each other")

    wanted = _keys(model, ids)

    def carry_out(plain: Session) -> list[Any]:
        return _locked(plain, model, wanted, nowait=nowait, skip_locked=skip_locked)

    return session.run_sync(carry_out) if session is not unit.plain else carry_out(unit.plain)


def _keys(model: type[Any], ids: Iterable[Any]) -> list[Any]:
    """The keys as SQL wants them: tuples only where the key has several columns."""
    columns, wanted = len(inspect(model).primary_key), []
    for each in ids:
        parts = tuple(each) if isinstance(each, tuple | list) else (each,)
        if len(parts) != columns or any(isinstance(part, tuple | list | dict | set) for part in parts):
            raise UsageError(f"lock(): {each!r} is not a key of {model.__name__}, which has {columns} column(s)")
        wanted.append(parts[0] if columns == 1 else parts)
    return wanted


def _locked(session: Session, model: type[Any], ids: list[Any], **how: Any) -> list[Any]:
    if not ids:
        return []
    keys = inspect(model).primary_key
    if session.get_bind().dialect.name == "postgresql":
        how["of"] = model
    query = select(model).where(_among(keys, ids)).order_by(*keys).with_for_update(**how)
    rows = list(session.scalars(query.execution_options(populate_existing=True)))
    if len(rows) < len(set(ids)) and not how["skip_locked"]:
        # Asked of the database, as two texts may be one key to its collation.
        missing = [each for each in ids if session.scalar(select(literal(1)).where(_among(keys, [each]))) is None]
        if missing:
            raise LookupError(f"{model.__name__} has no row with the key {', '.join(map(repr, missing))}")
    return rows


def _among(keys: Any, ids: list[Any]) -> Any:
    return keys[0].in_(ids) if len(keys) == 1 else tuple_(*keys).in_(ids)
