"""Source sets and sleep sets (Abdulla, Aronis, Jonsson, Sagonas: *Optimal Dynamic Partial Order Reduction*, POPL 2014).

Two runs are of one class if one comes of the other by swapping neighbours that do not depend on each other. A run shows
where it could have gone otherwise: wherever two steps race, the later one is to come first. `Tree` chooses who goes on
and keeps what is left to try; it runs nothing and knows no database. When runs show that transactions touch more than
was known, it begins again; what it then asks for once more it knows already.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from acidity.core.call import Kind
from acidity.core.turn import Turn
from acidity.prove.explore.classes.follower import Follower
from acidity.prove.explore.classes.items import WRITER, meet
from acidity.prove.explore.classes.learnt import Learnt
from acidity.prove.explore.classes.memory import Memory
from acidity.prove.explore.classes.relation import Relation
from acidity.prove.explore.classes.step import Step
from acidity.prove.explore.every import Deviated, Unable

RESTARTS_MAX = 5  # transactions that touch more with each search are no matter of a few branches


@dataclass(slots=True)
class _Node:
    """What is known before one turn.

    Attributes:
        able: who can go on.
        asleep: those whose next step leads to what was run already, with that step.
        wanted: those who are to go on here.
        done: those who have, each with what it did.
        chosen: who goes on in this run.
        redundant: whoever goes on leads to what was run already.
    """

    able: tuple[str, ...]
    asleep: dict[str, Step]
    wanted: set[str] = field(default_factory=set)
    done: dict[str, Step] = field(default_factory=dict)
    chosen: str = ""
    redundant: bool = False


class Tree:
    """The runs of a search, one for each class of schedules.

    Args:
        follower: says what each turn did.
        learnt: what transactions touch; when they are found to touch more, all is searched once more.

    Attributes:
        unfit: why the schedules cannot be put into classes; empty if they can.
        redundant: how many runs led to what was run already.
    """

    def __init__(self, follower: Follower, learnt: Learnt) -> None:
        self._follower = follower
        self._learnt = learnt
        self._nodes: list[_Node] = []
        self._given = 0  # so many choices are made by what is left to try
        self._restarts = 0
        self.unfit = follower.unfit
        self.redundant = 0
        self._began = False
        self._memory = Memory()

    @property
    def relation(self) -> Relation:
        """When two steps depend on each other."""
        return self._follower.relation

    @property
    def steps(self) -> list[Step]:
        """Of the last run."""
        return self._follower.steps

    def has_next(self) -> bool:
        """Whether a run is left to be made."""
        return not self.unfit and (not self._began or bool(self._nodes))

    @property
    def left(self) -> int:
        """How many runs are still to be made, at the least."""
        return 1 + sum(len(node.wanted - node.done.keys() - node.asleep.keys() - {node.chosen}) for node in self._nodes)

    def __call__(self, number: int, able: tuple[str, ...]) -> str:
        """Who goes on in this turn.

        Raises:
            Unable: whoever comes next cannot.
        """
        if number == 0:
            self._begin()
            self._memory.begin()
        name = self._choose(number, able)
        self._memory.choose(able, name)
        return name

    def _begin(self, *, again: bool = False) -> None:
        self._follower.begin(again=again)
        self._began = True
        del self._nodes[self._given :]

    def _choose(self, number: int, able: tuple[str, ...]) -> str:
        self._follower.choosing(able)
        if number < self._given:
            name = self._nodes[number].chosen
            if name not in able:
                raise Unable(name, number + 1, able)
            return name
        node = self._node(number, able)
        self._nodes.append(node)
        return node.chosen

    def after_turn(self, turn: Turn) -> None:
        """A turn went so."""
        self._memory.turn(turn)
        self._follower.turn(turn)

    def _node(self, number: int, able: tuple[str, ...]) -> _Node:
        node = _Node(able, {})
        last = ""
        if number and not self._follower.unfit:
            before, step = self._nodes[number - 1], self.steps[number - 1]
            last = before.chosen
            node.redundant = before.redundant
            for name, known in {**before.asleep, **before.done}.items():
                if name != last and name in able and not self.relation.depends(known, step):
                    node.asleep[name] = known
        free = [name for name in able if name not in node.asleep]
        node.redundant |= not free
        node.chosen = last if last in (free or able) else (free or able)[0]
        node.wanted.add(node.chosen)
        return node

    def remembers(self) -> bool:
        """Whether the run that comes next was made before this search began again; it is seen then, and not made."""
        if not self._restarts or not self.has_next():
            return False
        try:
            return self._seen_again()
        except Deviated:
            return False

    def _seen_again(self) -> bool:
        made: tuple[str, ...] = ()
        agreed = -1
        while len(made) > agreed and (run := self._memory.like(made)) is not None:
            agreed, made = len(made), ()
            self._begin(again=True)
            for number, each in enumerate(run):
                made = (*made, self._choose(number, each.able))
                if made[-1] != each.chosen:
                    break
                for turn in each.turns:
                    self._follower.turn(turn)
            else:
                self._ended()
                return True
        return False

    def seen(self) -> None:
        """The run is over: find out what is left to try."""
        self._memory.keep()
        self._ended()

    def _ended(self) -> None:
        self._follower.finish()
        self.unfit = self._follower.unfit
        if self.unfit:
            return
        if self._learnt.grew:
            self._restart()
            return
        fresh = next((place for place, node in enumerate(self._nodes) if node.redundant), len(self._nodes))
        self.redundant += fresh < len(self._nodes)
        self._add_races(self.steps[:fresh])
        del self._nodes[fresh:]
        steps = self.steps
        while self._nodes:
            node = self._nodes[-1]
            node.done[node.chosen] = steps[len(self._nodes) - 1]
            left = sorted(name for name in node.wanted if name not in node.done and name not in node.asleep)
            if left:
                node.chosen = left[0]
                break
            self._nodes.pop()
        self._given = len(self._nodes)

    def _restart(self) -> None:
        self._learnt.grew = False
        self._restarts += 1
        if self._restarts > RESTARTS_MAX:
            self.unfit = "what its transactions touch is not the same from search to search"
        self._nodes, self._given, self._began = [], 0, False

    def _add_races(self, steps: Sequence[Step]) -> None:
        """Wherever two steps race, somebody goes on before the first of them who leads to the second one."""
        before = happens_before(steps, self.relation.depends)
        for later, step in enumerate(steps):
            racing = [place for place in sorted(before[later]) if self._races(place, later, before, steps)]
            for place in racing:
                earlier = steps[place]
                if step.is_after(earlier):
                    continue
                if not any(place in before[between] for between in racing):
                    self._want(place, later, before, steps)

    def _races(self, place: int, later: int, before: list[set[int]], steps: Sequence[Step]) -> bool:
        one, other = steps[place], steps[later]
        if not self.relation.depends(one, other):
            return False
        return self.relation.races(one, other) or _comes_after_lock(place, later, before, steps)

    def _want(self, place: int, later: int, before: list[set[int]], steps: Sequence[Step]) -> None:
        node = self._nodes[place]
        beside = [each for each in range(place + 1, later) if place not in before[each]] + [later]
        initials = {
            steps[each].actor for number, each in enumerate(beside) if not before[each].intersection(beside[:number])
        }
        if initials & node.wanted:
            return
        could = [name for name in node.able if name in initials]
        first = [name for name in could if name == steps[later].actor]
        node.wanted.update((first or could)[:1] or node.able)


def _comes_after_lock(place: int, later: int, before: list[set[int]], steps: Sequence[Step]) -> bool:
    """Whether a step that only waits for what an earlier one lets go cannot come before the lock was taken, either.

    Its caller has done something since that comes of what the holder did with the lock. Then it may still come before
    the end of the holder's transaction, and not wait: a guarded UPDATE whose row is not as it wants it does not.
    Everybody waits for the one writer of SQLite.
    """
    mine = [each for each in range(later) if steps[each].actor == steps[later].actor]
    awaited = frozenset().union(*(part.awaits for part in steps[later].parts)) - {WRITER}
    holders = {part.actor for part in steps[place].parts if meet(part.held, awaited)}
    taken: int | None = None
    for number, part in ((each, part) for each in range(place) for part in steps[each].parts):
        if part.actor in holders and part.kind in {Kind.COMMIT, Kind.ROLLBACK}:
            taken = None
        elif part.actor in holders and taken is None and meet(part.foot.writes | part.foot.locks, awaited):
            taken = number
    return taken is not None and any(taken in before[each] for each in mine)


def happens_before(steps: Sequence[Step], depends: Callable[[Step, Step], bool]) -> list[set[int]]:
    """For each step, those of which it comes: over steps that depend on each other."""
    found: list[set[int]] = []
    for later, step in enumerate(steps):
        mine: set[int] = set()
        for place in range(later - 1, -1, -1):
            if place not in mine and depends(steps[place], step):
                mine |= {place} | found[place]
        found.append(mine)
    return found


def with_fewest_switches(steps: Sequence[Step], depends: Callable[[Step, Step], bool]) -> tuple[str, ...]:
    """The schedule of the same class that goes on with the same caller for as long as it can."""
    before = happens_before(steps, depends)
    mine: dict[str, list[int]] = {}
    for place, step in enumerate(steps):
        mine.setdefault(step.actor, []).append(place)
    names = sorted(mine)
    best: dict[tuple[tuple[int, ...], str], tuple[int, tuple[str, ...]]] = {((0,) * len(names), ""): (0, ())}
    for _ in steps:
        further: dict[tuple[tuple[int, ...], str], tuple[int, tuple[str, ...]]] = {}
        for (counts, last), (switches, grants) in best.items():
            made = {place for name, count in zip(names, counts, strict=True) for place in mine[name][:count]}
            for number, name in enumerate(names):
                if counts[number] == len(mine[name]) or not before[mine[name][counts[number]]] <= made:
                    continue
                unforced = bool(last) and name != last and counts[names.index(last)] < len(mine[last])
                key = (*counts[:number], counts[number] + 1, *counts[number + 1 :]), name
                candidate = (switches + unforced, (*grants, name))
                if key not in further or candidate < further[key]:
                    further[key] = candidate
        best = further
    return min(best.values())[1]
