"""psycopg's transaction blocks, ``with connection.transaction():``.

A block asks for BEGIN, SAVEPOINT, RELEASE and COMMIT by itself, and keeps count of how deep it is. The count has to
stay right when a fault stands in for the driver's call.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from acidity.adapters.drivers.base import DriverCall, Hooks, Seam
from acidity.core.call import Kind

_IDLE = 0
_OK = 0


class _Block:
    """One end of a transaction block, passing the seam."""

    def __init__(self, block: Any) -> None:
        self.block = block
        self.performed = False

    def entering(self) -> DriverCall:
        """What entering it asks for."""
        return DriverCall(Kind.BEGIN if self.block.pgconn.transaction_status == _IDLE else Kind.SAVEPOINT)

    def leaving(self, error: BaseException | None) -> DriverCall:
        """What leaving it asks for."""
        commits = error is None and not self.block.force_rollback
        if self.block._outer_transaction:
            return DriverCall(Kind.COMMIT if commits else Kind.ROLLBACK)
        return DriverCall(Kind.RELEASE if commits else Kind.ROLLBACK_TO)

    def perform(self, original: Callable[..., Any], *arguments: Any) -> Any:
        """The driver's own method."""
        self.performed = True
        return original(self.block, *arguments)

    def entered(self) -> bool:
        """Whether the driver entered it, so that it has to be left although an error is raised."""
        return self.performed and self.block.status == self.block.Status.ACTIVE

    def left(self) -> None:
        """Where a fault stood in for the driver, count as the driver would have."""
        if not self.performed:
            self.block._pop_savepoint("commit")
            self.block.status = self.block.Status.FAILED


def _swallows(said: DriverCall, error: BaseException) -> bool:
    """The driver only logs errors of the ROLLBACK that ends a block; what was raised inside goes on."""
    return said.kind in {Kind.ROLLBACK, Kind.ROLLBACK_TO} and isinstance(error, Exception)


def hook_blocks(transaction: Any, seam: Seam, hooks: Hooks) -> None:
    """Let entering and leaving a block pass the seam."""
    enter, leave = transaction.__enter__, transaction.__exit__

    def enter_block(self: Any) -> Any:
        wire = seam.wire_if_ours(self._conn)
        if wire is None:
            return enter(self)
        block = _Block(self)
        try:
            seam.bring(wire, block.entering(), lambda: block.perform(enter))
        except BaseException as error:
            if block.entered():
                leave(self, type(error), error, None)
            raise
        return self

    def leave_block(self: Any, kind: Any, error: Any, trace: Any) -> Any:
        wire = seam.wire_if_ours(self._conn) if self.pgconn.status == _OK else None
        if wire is None:
            return leave(self, kind, error, trace)
        block = _Block(self)
        said = block.leaving(error)
        try:
            return seam.bring(wire, said, lambda: block.perform(leave, kind, error, trace))
        except BaseException as raised:
            if _swallows(said, raised):
                return False
            raise
        finally:
            block.left()

    hooks.put(transaction, "__enter__", enter_block)
    hooks.put(transaction, "__exit__", leave_block)


def hook_blocks_async(transaction: Any, seam: Seam, hooks: Hooks) -> None:
    """The same two methods; only ``await`` tells them from those above."""
    enter, leave = transaction.__aenter__, transaction.__aexit__

    async def enter_block(self: Any) -> Any:
        wire = seam.wire_if_ours(self._conn)
        if wire is None:
            return await enter(self)
        block = _Block(self)
        try:
            await seam.bring_async(wire, block.entering(), lambda: block.perform(enter))
        except BaseException as error:
            if block.entered():
                await leave(self, type(error), error, None)
            raise
        return self

    async def leave_block(self: Any, kind: Any, error: Any, trace: Any) -> Any:
        wire = seam.wire_if_ours(self._conn) if self.pgconn.status == _OK else None
        if wire is None:
            return await leave(self, kind, error, trace)
        block = _Block(self)
        said = block.leaving(error)
        try:
            return await seam.bring_async(wire, said, lambda: block.perform(leave, kind, error, trace))
        except BaseException as raised:
            if _swallows(said, raised):
                return False
            raise
        finally:
            block.left()

    hooks.put(transaction, "__aenter__", enter_block)
    hooks.put(transaction, "__aexit__", leave_block)
