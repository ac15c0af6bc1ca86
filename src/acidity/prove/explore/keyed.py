"""What callers make of generated keys, learnt from serial orders in which rows have the keys that they had at once."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from acidity.analysis.copies import derived
from acidity.analysis.derived import Derived
from acidity.analysis.masks import Masks
from acidity.core.outcome import State
from acidity.prove.explore.serial import NoOracle
from acidity.prove.stage.elsewhere import Elsewhere

_RUNS_MAX = 64  # of serial orders with other keys, in one check


class Known(NamedTuple):
    """A serial order of all callers.

    Attributes:
        state: the rows after it.
        elsewhere: runs it with other keys.
    """

    state: State
    elsewhere: Elsewhere


class Keyed:
    """Learns it when it is needed.

    Args:
        seed: the rows before.
        masks: of the serial orders.
        orders: the serial orders, with which it begins.
    """

    def __init__(self, seed: State, masks: Masks, orders: Iterable[Known]) -> None:
        self._masks = masks
        self._orders = list(orders)
        moved = [(each.state, each.elsewhere.known) for each in self._orders]
        columns = [derived(masks, seed, state, other) for state, other in moved if other is not None]
        self.derived = Derived(seed, masks, frozenset().union(*columns))
        self._left = _RUNS_MAX
        for state in (state for pair in moved for state in pair if state is not None):
            self.derived.learn(state)

    def learns(self, state: State) -> bool:
        """Learn what the keys in these rows make, as far as they are not known; whether that was anything.

        Raises:
            NoOracle: it would take too many runs.
        """
        before = self.derived.version
        for name, keys in self.derived.unknown(state):
            for order in self._orders:
                self._learn(order, name, self.derived.domains(state, name, keys))
        return self.derived.version > before

    def _learn(self, order: Known, name: str, wanted: dict[str, int]) -> None:
        """Each new row of this table may be another caller's, and only where all agree it is the key that makes it."""
        for keys in [keys for table, keys in self.derived.rows(order.state) if table == name]:
            has = self.derived.domains(order.state, name, keys)
            later = {domain: key - has[domain] for domain, key in wanted.items() if domain in has}
            if later.keys() != wanted.keys() or min(later.values()) < 0:
                continue
            if not self._left:
                raise NoOracle(f"more than {_RUNS_MAX} serial runs are needed to know what is made of generated keys")
            self._left -= 1
            other = order.elsewhere.later({domain: by for domain, by in later.items() if by}, self._masks, order.state)
            if other is not None:
                self.derived.learn(other)
