"""The `FaultInjector`: an Interceptor that strikes one Call, or every fitting Call to its database from one on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from acidity.adapters.seam import Layer, PendingCall
from acidity.core.call import History
from acidity.core.schedule import Choice, Schedule
from acidity.engines.own_calls import OWN
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
        outage = self.strike.persistent and self.struck and database == self.lab.database
        again = outage and index > self.strike.index and self._lasts()
        if not first and not again:
            return False
        self.lab.turn_to(pending.call)
        misfit = self.strike.fault.misfit(pending.call, self.lab)
        if misfit and first:
            self.missed = misfit
        return not misfit

    def _strike(self, pending: PendingCall) -> None:
        send = pending.send

        def send_on(struck: PendingCall) -> Any:
            struck.send = send
            try:
                self.inner.intercept(struck)
            finally:
                struck.send = send_on
            return struck.result

        pending.send = send_on
        self.lab.mode, self.lab.missed = "real", ""
        pending.fault = self.strike.fault.name
        try:
            self.strike.fault.strike(pending, self.lab)
        except NotApplicable as answer:
            pending.fault, pending.send = "", send
            self.missed = self.missed or str(answer)
            self.release()
            self.inner.intercept(pending)
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
            if self.lab.held and not self.strike.persistent and not self.strike.fault.lasting:
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
