"""A `Step` of a run as the search sees it: one turn with everything that took place in it, in `Part`s."""

from __future__ import annotations

from dataclasses import dataclass, field

from acidity.core.call import Kind
from acidity.prove.explore.classes.footprint import Footprint
from acidity.prove.explore.classes.items import NOTHING, Items


@dataclass(frozen=True, slots=True)
class Part:
    """What one caller does to the database in a step, or what the database does to its transaction.

    Attributes:
        actor: whose it is.
        kind: of the Call; a rollback stands for every end that is no COMMIT, whoever asked for it.
        foot: what a statement reads, writes and locks.
        publishes: what becomes visible, written by the transaction that ends here.
        releases: what was written or locked for itself alone, and is let go here.
        unshares: what was locked together with others, and is let go here.
        snapshot: what its transaction touches, where its view of the rows is taken here; None elsewhere.
        whole: what its transaction touches from first to last.
        read: what the transaction that ends here has read.
        held: the rows that its transaction had locked before, and has from nobody but by finding them.
        awaits: what it would wait for, where to wait is the same as to come later; nothing elsewhere.
        wild: it may meet anything.
        outside: it is an effect: a function outside the database, which may meet every other one.
        entangled: where conflicts count, it may make one, or ends a transaction that may have one.
    """

    actor: str
    kind: Kind
    foot: Footprint = field(default_factory=Footprint)
    publishes: Items = NOTHING
    releases: Items = NOTHING
    unshares: Items = NOTHING
    snapshot: Items | None = None
    whole: Items = NOTHING
    read: Items = NOTHING
    held: Items = NOTHING
    awaits: Items = NOTHING
    wild: bool = False
    outside: bool = False
    entangled: bool = False

    @property
    def ends(self) -> bool:
        """Whether a transaction ends here, or is taken back in part."""
        return self.kind in {Kind.COMMIT, Kind.ROLLBACK, Kind.ROLLBACK_TO}


@dataclass(slots=True)
class Step:
    """One turn.

    Attributes:
        actor: who was let go.
        parts: what took place: its own part first, then what came of it.
        waits: it was left waiting.
        refused: nobody could go on after it, and the database ended somebody's waiting.
        begins: the callers that nothing tells apart, where one of them begins here; they do so in one order.
    """

    actor: str
    parts: list[Part]
    waits: bool = False
    refused: bool = False
    begins: tuple[str, ...] = ()

    def is_after(self, other: Step) -> bool:
        """Whether it comes after the other one, an earlier step, in any run: of the same callers, or begun in order."""
        return other.actor == self.actor or self.actor in other.actors or self.begins_beside(other)

    def begins_beside(self, other: Step) -> bool:
        """Whether two callers that nothing tells apart begin in these steps."""
        return bool(self.begins) and self.begins == other.begins

    @property
    def actors(self) -> frozenset[str]:
        """All whom something happened to."""
        return frozenset(part.actor for part in self.parts)
