"""What comes of the transactions of several callers one after the other, in every order that keeps each caller's own.

A caller that means to commit more than once lets others come between, so the serial orders with which a run is compared
are those of its transactions. They are made like any run of callers at once, on the real database: whoever is let go
goes on until it is between two transactions, and only there may another one be let go. A run in which a transaction
waits, or is open beside another one, is none of these orders.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from acidity.core.turn import Trace, Turn
from acidity.engines.sandbox import Unsettled
from acidity.prove.explore.every import Chooser, Deviated, Every
from acidity.prove.explore.lab import NO_REFUSALS, Lab
from acidity.prove.explore.refusing import Refusal
from acidity.prove.explore.serial import NoOracle, Serial
from acidity.prove.explore.units import Unit, Units

ORDERS_MAX = 300  # of the transactions of one group of callers


class Alternating:
    """The orders of the transactions of some callers, run when they are first asked for.

    Args:
        lab: runs them.
        names: the letters of the callers.
        refusals: who is turned away on the way, and how.
    """

    def __init__(self, lab: Lab, names: Sequence[str], refusals: Mapping[str, Refusal] = NO_REFUSALS) -> None:
        self._refusals = refusals
        self._lab = lab
        self._names = tuple(names)
        self._every = Every()
        self._made = 0
        self._known: list[Serial] = []
        self._drawn: set[tuple[Unit, ...]] = set()
        self._asked: dict[tuple[Unit, ...], Serial | None] = {}

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

    @property
    def known(self) -> list[Serial]:
        """Those that were run."""
        return [*self._known, *(serial for serial in self._asked.values() if serial is not None)]

    def like(self, order: tuple[Unit, ...]) -> Serial | None:
        """The order in which the units of a run ended, which is the likeliest to come to the same.

        Raises:
            NoOracle: it cannot be made.
        """
        if order not in self._asked:
            self._asked[order] = self._make(_Following(order))
        return self._asked[order]

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
        chosen = _Prefixed(prefix)
        found = self._make(chosen, prefix)
        whole = tuple(chosen.units.whole)
        if found is not None and whole not in self._drawn:
            self._drawn.add(whole)
            self._known.append(found)
        return True

    def _make(self, chosen: _Chosen, prefix: tuple[str, ...] | None = None) -> Serial | None:
        """One run; None where it turned out to be no order of transactions."""
        try:
            played = self._lab.run(chosen, chosen.after_turn, self._names, self._refusals)
            if prefix is not None:
                self._every.seen(prefix, _narrowed(played.trace, chosen))
        except Deviated as error:
            raise NoOracle(f"not deterministic: {error}") from None
        except Unsettled as error:
            raise NoOracle(f"{' and '.join(self._names)}, transaction by transaction: {error}") from None
        if played.unseen:
            raise NoOracle(played.unseen[0])
        chosen.units.before_turn(())
        return None if chosen.units.mixed else Serial(chosen.units.order, (played,), played.state)


class _Chosen(ABC):
    """Chooses who goes on; only between two transactions of a caller another one.

    Attributes:
        units: of the run.
        free: for each turn, whether the caller before was between two transactions, so that any may be let go.
    """

    def __init__(self) -> None:
        self.units = Units()
        self.free: list[bool] = []
        self._last = ""

    def __call__(self, number: int, able: tuple[str, ...]) -> str:
        self.units.before_turn(able)
        self.free.append(not self._last or self._last not in able or self.units.between(self._last))
        self._last = self.choose(number, able)
        return self._last

    @abstractmethod
    def choose(self, number: int, able: tuple[str, ...]) -> str:
        """Who goes on in this turn."""

    def after_turn(self, turn: Turn) -> None:
        """Take in what was answered in it."""
        self.units.after_turn(turn)


class _Prefixed(_Chosen):
    """Follows a prefix, and lets the same caller go on as long as it can."""

    def __init__(self, prefix: tuple[str, ...]) -> None:
        super().__init__()
        self._chooser = Chooser(prefix)

    def choose(self, number: int, able: tuple[str, ...]) -> str:
        return self._chooser(number, able)


class _Following(_Chosen):
    """Lets the units end in an order that is given, as long as that can be."""

    def __init__(self, order: tuple[Unit, ...]) -> None:
        super().__init__()
        self._order = order

    def choose(self, number: int, able: tuple[str, ...]) -> str:
        del number
        if not self.free[-1]:
            return self._last
        wanted = [name for name, _ in self._order[len(self.units.whole) :][:1]]
        return wanted[0] if wanted and wanted[0] in able else able[0]


def _narrowed(trace: Trace, chosen: _Chosen) -> Trace:
    """The same run, in which nobody else could have been let go in the midst of a transaction."""
    last = ""
    enabled: list[tuple[str, ...]] = []
    for turn, able, free in zip(trace.turns, trace.enabled, chosen.free, strict=True):
        idles = turn.actor == last and any(turn.call is call for call in chosen.units.idle)
        enabled.append(able if free and not idles else (turn.actor,))
        last = turn.actor
    return replace(trace, enabled=tuple(enabled))
