"""The `FaultInjector`: an Interceptor that strikes one Call, or every fitting Call to its database from one on."""

from __future__ import annotations

from dataclasses import dataclass

from acidity.adapters.seam import Layer, PendingCall
from acidity.core.call import History
from acidity.core.schedule import Choice, Schedule
from acidity.prove.faults.base import STRIKES_MAX, Fault, Lab, Mode, NotApplicable


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
    """

    fault: Fault
    index: int
    persistent: bool = False

    @property
    def schedule(self) -> Schedule:
        """How the run prints."""
        return Schedule((Choice("A", self.index, self.fault.name, self.persistent),))


@dataclass(slots=True)
class FaultInjector(Layer):
    """Breaks the Call that a `Strike` names and lets the others pass to the next Interceptor.

    Attributes:
        struck: the fault did break something.
        missed: why it did not.
        mode: real or simulated; simulated if any strike of this run was.
    """

    strike: Strike
    lab: Lab
    struck: bool = False
    missed: str = ""
    mode: Mode = "real"
    strikes: int = 0

    def intercept(self, pending: PendingCall) -> None:
        """Strike, or pass on."""
        index, database = pending.call.index, pending.call.database
        first = index == self.strike.index
        outage = self.strike.persistent and self.struck and database == self.lab.database
        again = outage and index > self.strike.index and self._lasts()
        if not first and not again:
            self.inner.intercept(pending)
            return
        self.lab.turn_to(pending.call)
        misfit = self.strike.fault.misfit(pending.call, self.lab)
        if misfit:
            if first:
                self.missed = misfit
            self.inner.intercept(pending)
            return
        self._strike(pending)

    def _strike(self, pending: PendingCall) -> None:
        call_through = pending.perform
        through = PendingCall(pending.call, pending.wire, call_through)

        def perform() -> None:
            self.inner.intercept(through)

        pending.perform = perform
        self.lab.mode, self.lab.missed = "real", ""
        pending.fault = self.strike.fault.name
        try:
            self.strike.fault.strike(pending, self.lab)
        except NotApplicable as answer:
            pending.fault = ""
            self.missed = self.missed or str(answer)
            self.release()
            self.inner.intercept(through)
        except BaseException:
            if self.lab.missed:
                pending.fault = ""
                self.missed = self.missed or self.lab.missed
            else:
                self._has_struck()
            raise
        else:
            if self.lab.missed:
                pending.fault = ""
                self.missed = self.missed or self.lab.missed
                self.release()
            else:
                self._has_struck()
        finally:
            if not self.strike.persistent and not self.strike.fault.lasting:
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
        if self.lab.mode == "simulated":
            self.mode = "simulated"

    def finish(self) -> None:
        """Let go of what the fault and the inner Interceptor hold."""
        self.release()
        self.inner.finish()

    def release(self) -> None:
        """End what the fault holds: locks of second connections."""
        self.lab.let_go()
