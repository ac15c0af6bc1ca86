"""`savepoint`: an explicit place in a unit of work that can be gone back to, more than once."""

from __future__ import annotations

from typing import Any, Self

from sqlalchemy.orm import SessionTransaction
from sqlalchemy.util import greenlet_spawn

from acidity.errors import UsageError
from acidity.run import context
from acidity.run.errors import BoundaryError
from acidity.run.state import ACTIVE
from acidity.run.unit import Unit


class savepoint:  # noqa: N801  # it is used like a function
    """A part of a unit of work that may fail without failing the whole.

    An exception that leaves the block rolls back to the savepoint and goes on; caught outside, the unit can still
    commit. `rollback` goes back to the same place while the block lasts, as often as needed. At the end of the block
    the savepoint is released; that commits nothing.

    Args:
        session: of the unit; needed only where there are several, in a `two_phase`.

    Raises:
        NoTransaction: there is no unit of work here.
        UsageError: there are several, and none was named.
        BoundaryError: the savepoint is used after its release, or holds an error that was swallowed.

    Example:
        >>> with atomic(engine) as session:                             # doctest: +SKIP
        ...     with savepoint() as point:
        ...         session.execute(insert(log), [...])
        ...         point.rollback()

    Source: SQL:1999 SAVEPOINT; engines forget them differently, so going back after the release is refused here.
    """

    def __init__(self, session: Any = None) -> None:
        self._session = session
        self._unit: Unit | None = None
        self._nested: SessionTransaction | None = None
        self._after = 0

    def rollback(self) -> Any:
        """Undo what was done since the savepoint, and stay in the block; in async code, await it."""
        if self._unit is not None and self._unit.target.asynchronous:
            return greenlet_spawn(self._back)
        return self._back()

    def __enter__(self) -> Self:
        if context.required().target.asynchronous:
            raise UsageError("this unit is async: write `async with savepoint()`")
        self._open()
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self._close(failed=kind is not None)

    async def __aenter__(self) -> Self:
        if not context.required().target.asynchronous:
            raise UsageError("this unit is plain: write `with savepoint()`")
        await greenlet_spawn(self._open)
        return self

    async def __aexit__(self, kind: object, *_: object) -> None:
        await greenlet_spawn(lambda: self._close(failed=kind is not None))

    def _open(self) -> None:
        if self._unit is not None:
            raise UsageError("this savepoint() was entered already; write savepoint() anew for each block")
        unit = context.required() if self._session is None else context.of(self._session)
        if self._session is None and unit.one_of_several:
            raise UsageError("a two-phase commit has several sessions: name the one, savepoint(sessions[…])")
        self._unit = unit
        self._after = len(unit.after)
        self._nested = unit.plain.begin_nested()

    def _back(self) -> None:
        unit, nested = self._unit, self._nested
        if unit is None or nested is None:
            raise BoundaryError("this savepoint is released (or was never set); there is nothing to go back to")
        self._refuse_crossed(nested)
        if nested.is_active or unit.failures.first is not None:
            nested.rollback()
        unit.after = unit.after[: self._after]
        self._nested = unit.plain.begin_nested()  # the same place: nothing is between the old one and this

    def _close(self, *, failed: bool) -> None:
        unit, nested = self._unit, self._nested
        assert unit is not None, "it was entered"
        self._nested = None
        if nested is None or unit.state is not ACTIVE or unit.failures.final:
            return
        self._refuse_crossed(nested)
        swallowed = unit.failures.first_inside()
        if not failed and swallowed is None:
            try:
                nested.commit()
            except Exception:  # of its flush
                if not unit.failures.final:
                    nested.rollback()
                unit.after = unit.after[: self._after]
                raise
            return
        nested.rollback()
        unit.after = unit.after[: self._after]
        if not failed:
            raise BoundaryError(
                f"an error inside the savepoint was swallowed ({swallowed}); let it leave the block, or call rollback()"
            ) from swallowed

    def _refuse_crossed(self, nested: SessionTransaction) -> None:
        unit = self._unit
        assert unit is not None, "it was entered"
        if unit.plain.get_nested_transaction() is not nested:
            unit.refuse("a savepoint inside this one is still open, or this one is over: leave the inner one first")
