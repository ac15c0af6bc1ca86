"""`lock`: rows locked in the order of their keys, so that two units that want the same rows do not deadlock."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import inspect, select, tuple_
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

    def carry_out(plain: Session) -> list[Any]:
        return _locked(plain, model, list(ids), nowait=nowait, skip_locked=skip_locked)

    return session.run_sync(carry_out) if session is not unit.plain else carry_out(unit.plain)


def _locked(session: Session, model: type[Any], ids: list[Any], **how: Any) -> list[Any]:
    if not ids:
        return []
    keys = inspect(model).primary_key
    chosen = keys[0].in_(ids) if len(keys) == 1 else tuple_(*keys).in_(ids)
    if session.get_bind().dialect.name == "postgresql":
        how["of"] = model
    query = select(model).where(chosen).order_by(*keys).with_for_update(**how)
    rows = list(session.scalars(query.execution_options(populate_existing=True)))
    if len(rows) < len(set(ids)) and not how["skip_locked"]:
        found = {inspect(row).identity for row in rows}
        missing = [each for each in ids if (each if isinstance(each, tuple) else (each,)) not in found]
        raise LookupError(f"{model.__name__} has no row with the key {', '.join(map(repr, missing))}")
    return rows
