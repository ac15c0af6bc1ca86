"""How an operation ended: what is kept of an answer, and of what was raised."""

from __future__ import annotations

from asyncio import CancelledError
from collections.abc import Callable
from typing import Any

from acidity.core.outcome import Ending
from acidity.core.scenario import Operation
from acidity.engines.base import Unsettled
from acidity.errors import Terminated
from acidity.prove.stage.effects import WrongKeyError
from acidity.prove.stage.freeze import freeze
from acidity.prove.stage.http import Exchange
from acidity.prove.stage.needs import Needs


def answered(operation: Operation, answer: Any) -> Ending:
    """Keep what the operation returned, or what its application answered."""
    succeeded = None if operation.succeeded is None else bool(operation.succeeded(answer))
    status = answer.status if operation.request is not None else 0
    return Ending(answered=True, answer=freeze(answer), succeeded=succeeded, status=status)


def raised(operation: Operation, error: BaseException, needs: Needs, function: Callable[..., Any]) -> Ending:
    """Keep what left the operation; Ctrl-C, a polite kill and a wait in vain of acidity itself are not its own."""
    provoked = needs.provoked(error)
    if isinstance(error, Terminated | Unsettled | WrongKeyError) or (
        isinstance(error, KeyboardInterrupt) and not provoked
    ):
        raise error
    cancelled = isinstance(error, CancelledError)
    if isinstance(function, Exchange) and (needs.cancels or not cancelled):
        sent = function.answer(error)
        if sent is not None:  # the client had its status before this was raised
            return answered(operation, sent)
    return Ending(
        exception=type(error).__name__,
        message=str(error),
        refusal=isinstance(error, operation.raises or ()),
        cancelled=cancelled,
    )
