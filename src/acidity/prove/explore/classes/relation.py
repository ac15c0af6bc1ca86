"""Which two steps must not be swapped, as a `Relation` of named rules; a family of levels has those that hold there.

A rule is asked of two parts in both orders. It says yes where the order may tell, and is right to say yes too often:
then a schedule is run that was not needed. Where it says no wrongly, an outcome is missed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from acidity.prove.explore.classes.items import meet
from acidity.prove.explore.classes.step import Part, Step

Rule = Callable[[Part, Part], bool]


@dataclass(frozen=True, slots=True)
class Relation:
    """When steps depend on each other.

    Attributes:
        name: of the family.
        rules: name → rule.
        snapshots: the transaction keeps to the rows of one moment; ``statement``: its first statement, ``read``: its
            first plain read; empty where each statement sees what is committed.
        two_waits: of two callers that wait, the one that began last may be a deadlock's victim. No program is known
            that needs it, since a wait that closes a cycle has its answer in its own step: it is there for safety.
        hands_over: to wait for a lock of one row is the same as to come later.
        shares_reads: plain reads lock; ``writing``: those of a statement that writes.
        refuses_conflicts: whoever reads what another one writes may be refused for it, and so may a third one.
    """

    name: str
    rules: Mapping[str, Rule]
    snapshots: str = ""
    two_waits: bool = True
    hands_over: bool = True
    shares_reads: str = ""
    refuses_conflicts: bool = False

    def without(self, rule: str) -> Relation:
        """The same with one rule left out: a planted mistake."""
        if rule == "two_waits":
            return replace(self, two_waits=False)
        return replace(self, rules={name: each for name, each in self.rules.items() if name != rule})

    def with_commits_in_order(self) -> Relation:
        """The same, where a rule is asked of each committed state, and may ask what stands outside the database, too.

        So it tells by itself which COMMIT came first, and which effect had taken place before one.
        """
        return replace(
            self, rules={**self.rules, "commits_meet": commits_meet, "commit_meets_effect": commit_meets_effect}
        )

    def with_shares_in_order(self) -> Relation:
        """The same, where of those that share a lock a third caller is seen to wait for the first, and for nobody else.

        A circle with the second one then shows only when the first one ends, and has another victim (InnoDB,
        ``wait_trx``).
        """
        return replace(self, rules={**self.rules, "shares_meet": shares_meet})

    def meet(self, one: Part, other: Part) -> bool:
        """Whether the order of two parts may tell."""
        if one.wild or other.wild or meet(one.foot.tells, other.foot.tells):
            return True
        return any(rule(one, other) or rule(other, one) for rule in self.rules.values())

    def depends(self, one: Step, other: Step) -> bool:
        """Whether the order of two steps may tell."""
        if self._always(one, other):
            return True
        return any(self.meet(part, another) for part in one.parts for another in other.parts)

    def races(self, one: Step, other: Step) -> bool:
        """Whether the later one could have come first, and not merely waited for the earlier one."""
        if self._always(one, other):
            return True
        return any(
            self.meet(part, another) and not (self.hands_over and _is_handed_over(part, another))
            for part in one.parts
            for another in other.parts
        )

    def _always(self, one: Step, other: Step) -> bool:
        if not one.actors.isdisjoint(other.actors) or one.begins_beside(other):
            return True
        return self.two_waits and one.waits and other.waits


def _is_handed_over(first: Part, second: Part) -> bool:
    """The second only waits for what the first one's transaction had locked before: the race is with that lock."""
    return bool(second.awaits) and second.awaits <= first.held and not first.wild and not second.wild


# Rules


def locks_meet(one: Part, other: Part) -> bool:
    """Two statements write or lock the same, one of them for itself alone."""
    mine, theirs = one.foot, other.foot
    return meet(mine.writes | mine.locks, theirs.writes | theirs.locks | theirs.shares)


def commit_shows(one: Part, other: Part) -> bool:
    """A statement reads or locks what a COMMIT makes visible."""
    return meet(one.publishes, other.foot.all)


def end_lets_go(one: Part, other: Part) -> bool:
    """A statement wants a lock that the end of a transaction lets go."""
    mine = other.foot
    return meet(one.releases, mine.writes | mine.locks | mine.shares) or meet(one.unshares, mine.writes | mine.locks)


def shares_meet(one: Part, other: Part) -> bool:
    """Two statements share a lock, for which a third one may have to wait."""
    return meet(one.foot.shares, other.foot.shares)


def effects_meet(one: Part, other: Part) -> bool:
    """Both act outside the database, where nothing is known of what they touch."""
    return one.outside and other.outside


def commit_meets_effect(one: Part, other: Part) -> bool:
    """An effect has taken place, or has not, when something becomes visible."""
    return bool(one.publishes) and other.outside


def commits_meet(one: Part, other: Part) -> bool:
    """Both make something visible, so that between them there is another committed state in either order."""
    return bool(one.publishes) and bool(other.publishes)
