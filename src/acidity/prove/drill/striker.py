"""The `FaultInjector`: an Interceptor that strikes one Call, or every fitting Call to its database from one on."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace

from acidity.adapters.seam import Interceptor, Layer, PassThrough, PendingCall
from acidity.core.call import History, commit_left_open
from acidity.core.misfit import NOT_REACHED, Misfit, Mode, Why
from acidity.core.scenario import Operation
from acidity.core.schedule import FIRST, Choice, Schedule
from acidity.engines.own_calls import OWN
from acidity.prove.faults.base import STRIKES_MAX, Fault, FaultContext, NotApplicable
from acidity.prove.stage.asked_for import is_given
from acidity.prove.stage.host import is_async
from acidity.prove.stage.needs import Needs
from acidity.prove.stage.run import Run
from acidity.prove.stage.stage import Stage


def strikes(history: History) -> int:
    """How often the fault of a run struck."""
    return sum(1 for event in history if event.fault)


@dataclass(frozen=True, slots=True)
class Strike:
    """One fault at one Call.

    Attributes:
        fault: the fault.
        index: the number of the Call, from 1.
        persistent: it stays from there on.
        actor: whose Call it is.
        state: what of the fault it is, where it has several forms: as a Schedule prints it.
    """

    fault: Fault
    index: int
    persistent: bool = False
    actor: str = FIRST
    state: str = ""

    @property
    def schedule(self) -> Schedule:
        """How the run prints."""
        return Schedule((Choice(self.actor, self.index, self.fault.name, self.persistent, self.state),))


@dataclass(slots=True)
class FaultInjector(Layer):
    """Breaks the Call that a `Strike` names and lets the others pass to the next Interceptor.

    Attributes:
        struck: the fault did break something.
        missed: why it did not; None while it may still come to its Call.
        unheard: why it may have broken nothing, where no error came of it.
        mode: real or simulated; simulated if any strike of this run was.
    """

    strike: Strike
    context: FaultContext
    struck: bool = False
    missed: Misfit | None = None
    unheard: Misfit | None = None
    mode: Mode = "real"
    strikes: int = 0

    def intercept(self, pending: PendingCall) -> None:
        """Strike, or pass on."""
        if not self._is_meant(pending):
            self.inner.intercept(pending)
            return
        token = OWN.set(True)  # what a fault asks of a driver is no Call of the program
        try:
            self._strike(pending)
        finally:
            OWN.reset(token)

    def _is_meant(self, pending: PendingCall) -> bool:
        index, database = pending.call.index, pending.call.database
        first = index == self.strike.index
        outage = self.strike.persistent and self.struck and database == self.context.database
        again = outage and index > self.strike.index and self._lasts()
        if not first and not again:
            return False
        self.context.turn_to(pending.call)
        misfit = self.strike.fault.misfit(pending.call, self.context)
        if misfit is not None and first:
            self.missed = misfit
        return misfit is None

    def _strike(self, pending: PendingCall) -> None:
        pending.inner = self.inner
        self.context.mode, self.context.missed, self.context.unheard = "real", "", ""
        pending.fault = self.strike.fault.name
        try:
            self.strike.fault.strike(pending, self.context)
        except NotApplicable as answer:
            pending.fault, pending.inner = "", None
            self.missed = self.missed or Misfit(Why.NOTHING, str(answer))
            self.release()
            self.inner.intercept(pending)
        except BaseException:
            if self.context.missed:
                pending.fault = ""
                self.missed = self.missed or Misfit(Why.NOTHING, self.context.missed)
            else:
                self._has_struck()
            raise
        else:
            if self.context.missed:
                pending.fault = ""
                self.missed = self.missed or Misfit(Why.NOTHING, self.context.missed)
                self.release()
            else:
                self.unheard = Misfit(Why.NOTHING, self.context.unheard) if self.context.unheard else None
                self._has_struck()
        finally:
            if self.context.held and not self.strike.persistent and not self.strike.fault.lasting:
                self.release()

    def _lasts(self) -> bool:
        """Whether the outage goes on; programs that try again for ever must come to an end."""
        if self.strikes < STRIKES_MAX:
            return True
        self.release()
        return False

    def _has_struck(self) -> None:
        self.struck = True
        self.strikes += 1
        if self.context.mode == "simulated":
            self.mode = "simulated"

    def finish(self) -> None:
        """Let go of what the fault and the inner Interceptor hold."""
        self.release()
        self.inner.finish()

    def release(self) -> None:
        """End what the fault holds: locks of second connections."""
        self.context.let_go()

    @property
    def needs(self) -> Needs:
        """What a run under this fault needs."""
        fault = self.strike.fault
        return Needs(fault.in_child, fault.through_proxy, fault.cancels, self._provoked, self._says, self._hears)

    def _provoked(self, error: BaseException) -> bool:
        """Whether the fault raised this error, or what was handled when it was raised.

        The error that is compared with is let go: its traceback would keep everything alive that the operation dropped.
        """
        origin, self.context.raised = self.context.raised, None
        seen: BaseException | None = error
        while seen is not None and seen is not origin:
            seen = seen.__context__
        return seen is not None

    def _says(self) -> tuple[str, str]:
        missed = self.missed or NOT_REACHED
        return missed.why.name, missed.reason

    def _hears(self, said: tuple[str, str]) -> None:
        why, reason = said
        self.missed = Misfit(Why[why], reason)


def context_of(stage: Stage, operation: Operation) -> FaultContext:
    """What a fault works with on this Stage."""
    return FaultContext(stage.parts, is_async(operation), threading.current_thread() is threading.main_thread())


def struck_run(stage: Stage, operation: Operation, strike: Strike, inner: Interceptor | None = None) -> Run:
    """Run the operation once under a fault.

    Args:
        stage: where.
        operation: what.
        strike: which fault, at which Call.
        inner: decides for the Calls that the fault lets pass.
    """
    injector = FaultInjector(strike, context_of(stage, operation), inner=inner or PassThrough())
    run = replace(stage.run(operation, injector, strike.schedule, needs=injector.needs), forked=strike.fault.in_child)
    if run.ending.killed:  # it was the child's injector that struck
        last = replace(run.history[-1], fault=strike.fault.name)
        return replace(run, history=(*run.history[:-1], last), struck=True, mode=injector.mode)
    missed = None if injector.struck else injector.missed or NOT_REACHED
    owed = strike.fault.leaves_open and _owes_a_rollback(operation, run)
    run = replace(run, struck=injector.struck, missed=missed, unheard=injector.unheard, mode=injector.mode)
    return replace(run, owed=injector.struck and owed)


def _owes_a_rollback(operation: Operation, run: Run) -> bool:
    """Whether it raised over a COMMIT that nobody rolled back, on what it was given: acidity did, as its caller."""
    refused = commit_left_open(run.history)
    if refused is None or not run.ending.exception or not is_given(operation):
        return False
    call = refused.call
    return not any(number == call.connection and made >= call.index for number, made in run.resets)
