"""Which unit of work this code runs in: a context variable, so that helpers join without being handed a session."""

from __future__ import annotations

import asyncio
import os
import threading
from asyncio.events import _get_running_loop
from collections.abc import Callable
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from acidity.core.variable import context_variable
from acidity.run.errors import BoundaryError, NoTransaction, SharedUnit

if TYPE_CHECKING:
    from acidity.run.unit import Unit

inside: ContextVar[tuple[Unit, ...]] = context_variable("acidity_units", ())


Functions = list[Callable[[], Any]]
# While functions of on_commit() are called: the units around them, and those that are still to be called.
afterwards: ContextVar[tuple[tuple[Unit, ...], Functions] | None] = context_variable("acidity_afterwards", None)


process = os.getpid()  # asked once: every statement compares it, and the system takes as long as all else there


def _forked() -> None:
    global process  # noqa: PLW0603  # a process has one
    process = os.getpid()


os.register_at_fork(after_in_child=_forked)


def caller() -> tuple[int, int, Any]:
    """The process, the thread, and the task where there is one."""
    loop = _get_running_loop()  # get_running_loop() and current_task() raise where there is none, which costs more
    return process, threading.get_ident(), None if loop is None else asyncio.current_task(loop)


def enter(unit: Unit) -> None:
    """From here on, this context is inside the unit."""
    inside.set((*going_on(), unit))


def going_on() -> tuple[Unit, ...]:
    """The units around this code; an interruption may have kept one that has ended from leaving, which is dropped."""
    units = inside.get()
    return tuple(each for each in units if not each.state.ended) if units else units


def leave(unit: Unit) -> None:
    """No longer; a value and not a token, because a fixture may leave in another context than it entered."""
    units = inside.get()
    if units[-1:] == (unit,):
        inside.set(units[:-1])
    else:
        inside.set(tuple(each for each in units if each is not unit))


def current(key: Any = None) -> Unit | None:
    """The innermost unit that is still going on, on the database of this key if one is given.

    Raises:
        SharedUnit: it was begun by another process, thread or task, which this one inherited it from.
        BoundaryError: its block is in a generator, which is suspended while this code runs.
    """
    suspended: Unit | None = None
    for unit in reversed(inside.get()):
        if unit.state.ended or (key is not None and unit.target.key is not key):
            continue
        if unit.owner != caller():
            raise SharedUnit(
                "a unit of work was inherited by another process, thread or task, and a session is not shared: "
                "do the work in the task that began it, or start this one outside of the unit"
            )
        if not unit.is_suspended:
            return unit
        suspended = suspended or unit
    if suspended is not None and suspended.residence is not None:
        raise BoundaryError(
            f"the unit of work that is open here is in the generator {suspended.residence.place}, which is suspended: "
            f"this code is not in its block, and would be undone with it. Fetch the rows before the loop, or end the "
            f"block before `yield`; a fixture or dependency that is to surround code is written with "
            f"@contextlib.contextmanager (or asynccontextmanager), and entered with `with` where it is used"
        )
    return None


def around() -> Unit | None:
    """The innermost unit that this process, thread and task began, that is still going on and surrounds this code."""
    for unit in reversed(inside.get()):
        if not unit.state.ended and unit.owner == caller() and not unit.is_suspended:
            return unit
    return None


def of(session: Any) -> Unit:
    """The unit that this session belongs to; a two-phase commit has several at once.

    Raises:
        NoTransaction: there is no unit of work here.
        BoundaryError: there is, and it is of another session.
    """
    required()
    for unit in reversed(inside.get()):
        if not unit.state.ended and (session is unit.session or session is unit.plain):
            return unit
    raise BoundaryError("this is not the session of the unit that it is used in")


def required() -> Unit:
    """The innermost unit.

    Raises:
        NoTransaction: there is none.
    """
    unit = current()
    if unit is None:
        raise NoTransaction("no unit of work here: call this inside `with atomic(…)` or an @atomic function")
    return unit
