"""How an operation ended: what is kept of an answer, and of what was raised."""

from __future__ import annotations

from asyncio import CancelledError
from collections.abc import Callable
from typing import Any

from acidity.adapters.seam import Actor
from acidity.core.scenario import Operation
from acidity.engines.base import Unsettled
from acidity.errors import Terminated
from acidity.prove.stage.effects import WrongKeyError
from acidity.prove.stage.freeze import freeze
from acidity.prove.stage.http import Exchange
from acidity.prove.stage.run import RawEnding


def answered(operation: Operation, answer: Any) -> RawEnding:
    """Keep what the operation returned, or what its application answered."""
    succeeded = None if operation.succeeded is None else bool(operation.succeeded(answer))
    status = answer.status if operation.request is not None else 0
    return RawEnding(answered=True, answer=freeze(answer), succeeded=succeeded, status=status)


def cancels(actor: Actor) -> bool:
    """Whether a cancellation is the fault of this run, and not the user's Ctrl-C."""
    strike = getattr(actor.interceptor, "strike", None)
    return strike is not None and strike.fault.name == "cancelled"


def raised(operation: Operation, error: BaseException, actor: Actor, function: Callable[..., Any]) -> RawEnding:
    """Keep what left the operation; Ctrl-C, a polite kill and a wait in vain of acidity itself are not its own."""
    lab = getattr(actor.interceptor, "lab", None)
    ours = getattr(lab, "raised", None)
    if lab is not None:
        lab.raised = None  # its traceback would keep everything alive that the operation dropped
    if isinstance(error, Terminated | Unsettled | WrongKeyError) or (
        isinstance(error, KeyboardInterrupt) and not _comes_from(error, ours)
    ):
        raise error
    if isinstance(function, Exchange) and (cancels(actor) or not isinstance(error, CancelledError)):
        sent = function.answer(error)
        if sent is not None:  # the client had its status before this was raised
            return answered(operation, sent)
    return RawEnding(
        exception=type(error).__name__, message=str(error), refusal=isinstance(error, operation.raises or ())
    )


def _comes_from(error: BaseException, origin: BaseException | None) -> bool:
    """Whether the error is `origin`, or was raised while that was handled."""
    seen: BaseException | None = error
    while seen is not None and seen is not origin:
        seen = seen.__context__
    return seen is not None
