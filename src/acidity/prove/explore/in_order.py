"""Callers that nothing tells apart, kept in one order: what comes of another one differs in their letters alone.

Each of them does some first thing, and whoever does it first may be called A. So of all orders only those are run in
which equal callers do it in the order of their letters; every other order is one of these with letters changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from acidity.core.call import Call, History, Kind, Writes
from acidity.engines.speech import only_reads

Kin = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class InOrder:
    """Which callers are kept in order, and by what.

    Attributes:
        kin: each caller that has equals, with all of them and itself, in the order of their letters.
        at_once: those who are by their first turns; others by their first Calls that *act*, before which they have done
            nothing that anybody could notice.
        engine: where.
    """

    kin: Kin = field(default_factory=dict)
    at_once: frozenset[str] = frozenset()
    engine: str = ""

    def __bool__(self) -> bool:
        return bool(self.kin)

    def before(self, name: str) -> tuple[str, ...]:
        """Those of its kin that come before it."""
        kin = self.kin.get(name, ())
        return kin[: kin.index(name)] if kin else ()

    def acts(self, call: Call) -> bool:
        """Whether others may notice a Call: all but a query that locks nothing."""
        if call.kind is Kind.EFFECT or call.writes is not Writes.NO or call.opaque:
            return True
        return not only_reads(self.engine, call.kind, call.sql)

    def by_first_turns(self) -> InOrder:
        """The same, in order from the beginning."""
        return replace(self, at_once=frozenset(self.kin))


NOBODY = InOrder()


def by_first_acts(kin: Kin, engine: str, histories: Iterable[History]) -> InOrder:
    """Keep callers in order by the first Calls of theirs that act; at once, where those are their first ones.

    Args:
        kin: the callers.
        engine: where.
        histories: of their serial runs.
    """
    order = InOrder(kin, engine=engine)
    firsts: dict[str, Call] = {}
    for history in histories:
        for event in history:
            known = firsts.setdefault(event.call.actor, event.call)
            if event.call.index < known.index:
                firsts[event.call.actor] = event.call
    return replace(order, at_once=frozenset(name for name in kin if name not in firsts or order.acts(firsts[name])))
