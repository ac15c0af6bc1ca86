"""Ctrl-C arrives just before a Call is made."""

from __future__ import annotations

import signal
import threading

from acidity.adapters.seam import PendingCall
from acidity.core.call import Kind
from acidity.core.exits import strikes_with
from acidity.prove.faults.base import FaultContext, NotApplicable, Rarity, SimpleFault


def _strike(pending: PendingCall, context: FaultContext) -> None:
    if threading.current_thread() is not threading.main_thread():
        raise NotApplicable("the Call is made in a thread of the operation, and a signal reaches only the main thread")
    pending.answered = False
    old = signal.signal(signal.SIGINT, signal.default_int_handler)
    ear = signal.set_wakeup_fd(-1)  # who listens for the user's Ctrl-C must not hear this one
    try:
        signal.raise_signal(signal.SIGINT)
    except KeyboardInterrupt as error:
        context.raised = error
        strikes_with(error)
        raise
    finally:
        signal.set_wakeup_fd(ear, warn_on_full_buffer=False)
        signal.signal(signal.SIGINT, old)


def _needs(context: FaultContext) -> str:
    if context.asynchronous:
        return "asyncio turns Ctrl-C into a cancellation of the main task (see: cancelled)"
    return "" if context.main_thread else "a signal reaches only the main thread"


FAULT = SimpleFault(
    name="keyboard-interrupt",
    sentence="Ctrl-C arrives before {call}",
    rarity=Rarity.RARE,
    kinds=frozenset(Kind) - {Kind.ROLLBACK},
    ways={"*": _strike},
    reason="nobody can clean up after a clean-up that was cut short",
    needs=_needs,
)
