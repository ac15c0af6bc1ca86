"""What comes of the transactions of several callers one after the other, in every order that keeps each caller's own.

A caller that means to commit more than once lets others come between, so the serial orders with which a run is compared
are those of its transactions. They are made like any run of callers at once, on the real database: whoever is let go
goes on until it is between two transactions, and only there may another one be let go. A run in which a transaction
waits, or is open beside another one, is none of these orders.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from acidity.core.turn import Trace, Turn
from acidity.engines.sandbox import Unsettled
from acidity.prove.explore.every import Chooser, Deviated, Every
from acidity.prove.explore.lab import Lab
from acidity.prove.explore.serial import NoOracle, Serial
from acidity.prove.explore.units import Units

ORDERS_MAX = 300  # of the transactions of one group of callers


class Alternating:
    """The orders of the transactions of some callers, run when they are first asked for.

    Args:
        lab: runs them.
        names: the letters of the callers.
    """

    def __init__(self, lab: Lab, names: Sequence[str]) -> None:
        self._lab = lab
        self._names = tuple(names)
        self._every = Every()
        self._made = 0
        self._known: list[Serial] = []

    def __iter__(self) -> Iterator[Serial]:
        """All of them.

        Raises:
            NoOracle: there are more than `ORDERS_MAX`, or they cannot be made.
        """
        place = 0
        while place < len(self._known) or self._draw():
            while place < len(self._known):
                yield self._known[place]
                place += 1

    def _draw(self) -> bool:
        """Make the next run; False when there is none left."""
        if self._every.finished:
            return False
        if self._made >= ORDERS_MAX:
            raise NoOracle(f"their transactions have more than {ORDERS_MAX} orders")
        prefix = self._every.next()
        if prefix is None:
            return False
        self._made += 1
        chosen = _Chosen(prefix)
        try:
            played = self._lab.run(chosen, chosen.after_turn, self._names)
            self._every.seen(prefix, _narrowed(played.trace, chosen.free))
        except Deviated as error:
            raise NoOracle(f"not deterministic: {error}") from None
        except Unsettled as error:
            raise NoOracle(f"{' and '.join(self._names)}, transaction by transaction: {error}") from None
        if played.unseen:
            raise NoOracle(played.unseen[0])
        chosen.units.before_turn(())
        order = tuple(chosen.units.order)
        if not chosen.units.mixed and not any(order == known.order for known in self._known):
            self._known.append(Serial(order, (played,), played.state))
        return True


class _Chosen:
    """Follows a prefix, and lets the same caller go on as long as it can.

    Attributes:
        units: of the run.
        free: for each turn, whether the caller before was between two transactions, so that any may be let go.
    """

    def __init__(self, prefix: tuple[str, ...]) -> None:
        self.units = Units()
        self.free: list[bool] = []
        self._chooser = Chooser(prefix)
        self._last = ""

    def __call__(self, number: int, able: tuple[str, ...]) -> str:
        self.units.before_turn(able)
        self.free.append(not self._last or self._last not in able or self.units.between(self._last))
        self._last = self._chooser(number, able)
        return self._last

    def after_turn(self, turn: Turn) -> None:
        self.units.after_turn(turn)


def _narrowed(trace: Trace, free: Sequence[bool]) -> Trace:
    """The same run, in which nobody else could have been let go in the midst of a transaction."""
    pairs = zip(trace.grants, trace.enabled, free, strict=True)
    return replace(trace, enabled=tuple(able if open_to_all else (name,) for name, able, open_to_all in pairs))
