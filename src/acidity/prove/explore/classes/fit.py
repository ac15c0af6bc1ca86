"""Whether the schedules of some callers can be put into classes, and how well it was measured that none is missed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from acidity.core.call import History
from acidity.core.scenario import Operation
from acidity.prove.explore.classes.catalogues import schema_of
from acidity.prove.explore.classes.families import family_of
from acidity.prove.explore.classes.follower import Follower
from acidity.prove.explore.classes.footprint import Reader
from acidity.prove.explore.classes.keys import keys_of
from acidity.prove.explore.classes.learnt import Learnt
from acidity.prove.explore.classes.levels import Levels
from acidity.prove.explore.classes.relation import Relation
from acidity.prove.explore.classes.shared import Shared
from acidity.prove.explore.classes.tree import Tree
from acidity.prove.explore.in_order import NOBODY, InOrder, Kin, by_first_acts
from acidity.prove.explore.lab import Lab
from acidity.prove.explore.own_level import LevelWatch, watched
from acidity.prove.explore.serial import calls_in
from acidity.prove.stage.ending import other_first
from acidity.prove.stage.naps import sleeps
from acidity.prove.stage.stage import Stage

_PAIR = 2
_SEEN_ANEW = "READ COMMITTED"  # where it is no matter which queries are one transaction, of which no Call says it
_STATE = "the program has state or locks of its own beside the database"
_ENDLESS = "an operation did not end within its time"
SLEEPS = "a caller sleeps, so that time passes for the others"


@dataclass(frozen=True, slots=True)
class Agreed:
    """How many random programs had the same outcomes in all schedules and in one of each class.

    Attributes:
        two: of two callers.
        three: of three.
        effects: the same of callers with effects outside the database; None where none were measured.
    """

    two: int
    three: int
    effects: Agreed | None = None

    def of(self, callers: int) -> int:
        """Of so many callers; none were measured of more than three."""
        return {2: self.two, 3: self.three}.get(callers, 0)

    def said(self, *, effects: bool) -> str:
        """In words; those with effects are named where there are some."""
        also = f", and with effects {self.effects.two:,} and {self.effects.three:,}" if effects and self.effects else ""
        return f"{self.two:,} random programs of two callers and {self.three:,} of three{also}"


# Measured by tests/quality/random_callers.py on seeds that no rule was made from (docs/explanation/interleavings.md);
# a level is here only if all of them agreed, and searched schedule by schedule if it is not.
_EFFECTS = Agreed(100, 40)  # at each of these levels
_AGREED: Mapping[tuple[str, str], Agreed] = {
    ("sqlite", "delete"): Agreed(2_000, 1_000, _EFFECTS),
    ("sqlite", "wal"): Agreed(2_000, 1_000, _EFFECTS),
    ("postgresql", "READ COMMITTED"): Agreed(2_000, 1_000, _EFFECTS),
    ("mariadb", "READ COMMITTED"): Agreed(2_000, 1_000, _EFFECTS),
    ("postgresql", "REPEATABLE READ"): Agreed(2_000, 1_000, _EFFECTS),
    ("mariadb", "REPEATABLE READ"): Agreed(2_000, 1_000, _EFFECTS),
    ("postgresql", "SERIALIZABLE"): Agreed(2_000, 1_000, _EFFECTS),
    ("mariadb", "SERIALIZABLE"): Agreed(2_000, 1_000, _EFFECTS),
}


def agreed_at(engine: str, level: str) -> Agreed | None:
    """How well the relation of an engine and level is measured; None where no pass may rest on it."""
    return _AGREED.get((engine, level))


@dataclass(frozen=True, slots=True)
class Classes:
    """How the schedules of some callers are put into classes, or why they are not.

    Attributes:
        tree: chooses one of each class; None where every schedule is run.
        said: how well it is measured, or why it is not done.
        in_order: callers that nothing tells apart, and that are run in one order.
        asks_time: a caller goes by a clock, so that it tells whether another one has slept.
    """

    tree: Tree | None
    said: str
    in_order: InOrder = NOBODY
    asks_time: bool = False

    def sleeping(self) -> str:
        """Why no schedule may be left out any more, now that callers have met; empty if nothing has happened."""
        return SLEEPS if self.asks_time and sleeps() else ""


@dataclass(frozen=True, slots=True)
class Manner:
    """How the transactions of some callers are.

    Attributes:
        engine: the name of their engine.
        levels: their isolation levels, or for SQLite the journal mode.
        unfit: why no schedule of them may be left out; empty where some may.
        alike: two of them that are called alike cannot be told apart.
        asks_time: one of them asks for the time.
        asks_who: one of them asks in which thread, task or process it runs.
        brief: one of them waits for a lock for less than a second, or not at all.
        autocommits: a statement of theirs commits by itself, on a server.
        limits: one of them limits by a clock of its own how long a Call may take.
        fills: why its very first run made other Calls than the one after it, as one does that fills a cache; or empty.
    """

    engine: str
    levels: frozenset[str] = frozenset()
    unfit: str = ""
    alike: bool = False
    asks_time: bool = False
    asks_who: bool = False
    brief: bool = False
    autocommits: bool = False
    limits: bool = False
    fills: str = ""


class Manners:
    """Finds out how the transactions of operations are: each is run alone, and what it shares is looked at.

    Args:
        stage: where.
        unfit: why no schedule of any operation may be left out, if that is known beforehand.
    """

    def __init__(self, stage: Stage, unfit: str = "") -> None:
        self._stage = stage
        self._unfit = unfit
        self._shared: dict[int, Shared] = {}
        self._told_apart: dict[frozenset[int], bool] = {}
        self._known: dict[int, Manner] = {}

    def prepare(self, lab: Lab, callers: Iterable[int]) -> None:
        """Tell a Lab how these callers are to be let go.

        Raises:
            KeyboardInterrupt: the user pressed Ctrl-C.
        """
        found = [self._of_one(each) for each in sorted(set(callers))]
        lab.as_at_once = any(each.asks_who for each in found)
        lab.brief, lab.limits = any(each.brief for each in found), any(each.limits for each in found)

    def filled(self, callers: Iterable[int]) -> dict[str, str]:
        """The operations of them whose very first run made other Calls than the one after it → why.

        Raises:
            KeyboardInterrupt: the user pressed Ctrl-C.
        """
        operations = self._stage.scenario.operations
        return {operations[each].name: why for each in sorted(set(callers)) if (why := self._of_one(each).fills)}

    def of(self, callers: Iterable[int]) -> Manner:
        """How those of some callers are, by the positions of their operations.

        Raises:
            KeyboardInterrupt: the user pressed Ctrl-C.
        """
        part, *others = self._stage.parts.values()
        if others:
            return Manner("", unfit="there are several databases")
        found = [self._of_one(each) for each in sorted(set(callers))]
        levels = frozenset().union(*(each.levels for each in found))
        unfit = next((each.unfit for each in found if each.unfit), "")
        if not unfit and self._leave_state(frozenset(callers)):
            unfit = _STATE
        if len(levels) != 1:
            unfit = unfit or f"their transactions are at {len(levels)} isolation levels"
        alike, asks_time = all(each.alike for each in found), any(each.asks_time for each in found)
        brief, autocommits = any(each.brief for each in found), any(each.autocommits for each in found)
        return Manner(
            part.engine_name, levels, unfit, alike=alike, asks_time=asks_time, brief=brief, autocommits=autocommits
        )

    def _leave_state(self, positions: frozenset[int]) -> bool:
        """Whether one of several operations leaves other state behind than another one, though each always the same."""
        if positions not in self._told_apart:
            marks: list[list[list[object]]] = []
            for position in sorted(positions) if len(positions) > 1 else ():
                watched(self._stage, self._stage.scenario.operations[position])
                marks.append([self._shared[each].mark() for each in sorted(positions)])
            self._told_apart[positions] = any(each != marks[0] for each in marks)
        return self._told_apart[positions]

    def _changes(self, shared: Shared, operation: Operation) -> bool:
        """Whether state is another one at any Call, where others could see it, or afterwards."""
        before, found = shared.mark(), False

        def look() -> None:
            nonlocal found
            found = found or shared.mark() != before

        watched(self._stage, operation, look)
        look()
        return found

    def _of_one(self, position: int) -> Manner:
        if position not in self._known:
            part = next(iter(self._stage.parts.values()))
            operation = self._stage.scenario.operations[position]
            first = watched(self._stage, operation)  # which may make what all others have
            if not first.ended:
                self._known[position] = Manner(part.engine_name, unfit=_ENDLESS)  # each more would take its whole time
                return self._known[position]
            shared = self._shared[position] = Shared([operation], self._stage.scenario.effects)
            slept = sleeps()
            with shared.watching():
                seen = watched(self._stage, operation)
            changes = shared.locks() or shared.writes_global or self._changes(shared, operation)
            reasons = {
                "a profiler runs, so that it is not seen what the program shares": shared.unseen,
                "more belongs to the program than is looked at for state of its own": shared.too_much,
                _STATE: changes,
                "the program opens files, or talks to somebody beside the database": shared.goes_elsewhere,
                part.peculiar: bool(part.peculiar),
                SLEEPS: sleeps() > slept,
                "what is behind an effect is asked for in another way, too": shared.asks_outside,
            }
            alone = bool(seen.beside) and seen.levels != {_SEEN_ANEW}
            reasons[f"statements commit by themselves at {' and '.join(sorted(seen.levels))}"] = alone
            unfit = self._unfit or next((reason for reason, holds in reasons.items() if holds), "")
            journal = part.info().settings.get("journal_mode", "") if part.engine_name == "sqlite" else ""
            levels = frozenset({journal}) if journal else seen.levels
            alike = not (unfit or shared.asks_who)
            self._known[position] = Manner(
                part.engine_name,
                levels,
                unfit,
                alike=alike,
                asks_time=shared.asks_time,
                asks_who=shared.asks_who,
                brief=seen.brief,
                autocommits=bool(seen.beside),
                limits=seen.limits,
                fills=_other_first(first, seen),
            )
        return self._known[position]


def _other_first(first: LevelWatch, later: LevelWatch) -> str:
    if calls_in(first.history) == calls_in(later.history):
        return ""
    return other_first(first.ending, later.ending)


def classes_of(
    stage: Stage,
    manner: Manner,
    callers: int,
    orders: Iterable[Sequence[History]],
    relation: Relation | None = None,
    kin: Kin | None = None,
) -> Classes:
    """How to search the schedules of callers whose serial runs are known.

    Args:
        stage: where they run.
        manner: how their transactions are.
        callers: how many there are.
        orders: what they did in the runs of each serial order.
        relation: the one to use, whether or not a pass may rest on it; None for the one of the level.
        kin: callers that are equal, which are run in one order where nothing tells them apart.
    """
    engine, orders = manner.engine, list(orders)
    histories = [history for runs in orders for history in runs]
    in_order = by_first_acts(kin or {} if manner.alike else {}, engine, histories)
    if manner.unfit:
        return Classes(None, manner.unfit, in_order)
    (level,) = manner.levels
    measured = agreed_at(engine, level)
    chosen = relation or (family_of(engine, level) if measured is not None and measured.of(callers) else None)
    if chosen is None:
        said = f"classes of {callers} callers are not measured on {engine} at {level or 'its level'}"
        return Classes(None, said, in_order)
    (part,) = stage.parts.values()
    schema = schema_of(part)
    if schema.unfit:
        return Classes(None, f"the schema has {schema.unfit}", in_order)
    effects = bool(stage.scenario.effects)
    if effects and relation is None and not (measured and measured.effects and measured.effects.of(callers)):
        return Classes(None, f"callers with effects are not measured on {engine} at {level}", in_order)
    if stage.scenario.commits == "several":
        chosen = chosen.with_commits_in_order()
    if chosen.shares_reads and callers > _PAIR:
        chosen = chosen.with_shares_in_order()
    if (
        "commit_meets_reader" in chosen.rules and callers > _PAIR
    ):  # one that only asks may hold up who has to come first
        in_order = in_order.by_first_turns()
    learnt = Learnt(refuses=manner.brief, autocommits=manner.autocommits)
    reader = Reader(schema, engine, asks_time=manner.asks_time)
    if odd := next(filter(None, map(reader.look_at_view, schema.texts)), ""):
        return Classes(None, f"the schema has a view of which {odd}", in_order)
    follower = Follower(chosen, reader, learnt, keys_of(orders, reader), Levels(level), in_order)
    for history in histories:
        follower.teach(history)
        if follower.unfit:
            return Classes(None, follower.unfit, in_order)
    learnt.grew = False
    said = measured.said(effects=effects) if measured else ""
    found = Classes(Tree(follower, learnt), said, in_order, manner.asks_time)
    return Classes(None, reason, in_order) if (reason := found.sleeping()) else found
