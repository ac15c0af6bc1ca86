"""The search through the schedules of one group of callers: which were run, what each is, and what is left.

Where the schedules can be put into classes, one of each class is run; elsewhere, or as soon as a run shows that they
cannot, every schedule.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import groupby, pairwise

from acidity.core.call import Event
from acidity.core.outcome import State
from acidity.core.report import ExitReason
from acidity.core.turn import Trace, Turn
from acidity.engines.sandbox import Unsettled
from acidity.prove.explore.classes.fit import Classes
from acidity.prove.explore.classes.tree import Tree, with_fewest_switches
from acidity.prove.explore.control import Choose
from acidity.prove.explore.equals import letters_by, renamed
from acidity.prove.explore.every import Chooser, Deviated, Every, Unable, require_followed, switches_of
from acidity.prove.explore.in_order import NOBODY
from acidity.prove.explore.judge import Judge, Judged, Word
from acidity.prove.explore.lab import Lab, Played
from acidity.prove.explore.one_by_one import OneByOne
from acidity.prove.explore.oracle import Oracle
from acidity.prove.explore.pct import Pct
from acidity.prove.explore.victims import Victim, chosen_by_chance, victims
from acidity.prove.explore.words import title_of
from acidity.prove.runs import Runs

SCHEDULES_MAX = 500  # of one group, unless ``runs_max=`` says otherwise
_SPINS = "a caller tries again and again until it is served"
_BY_CHANCE = 5  # one in so many is left to chance where they are too many to run them all
_AGAIN = 3  # a run that goes another way than one that begins alike is made so often at most,
_DEVIATIONS_EVERY = 20  # and that is an engine's chance, on a busy machine, only as long as so many runs have one


@dataclass(slots=True)
class Searched:
    """What a search came to.

    Attributes:
        runs: how many schedules were run.
        covered: the chance that callers who are let go at random take one of them.
        switches: with so many switches, and fewer, every schedule was run.
        illegal: the runs that no serial order gives, the plainest of each outcome first.
        between: of several transactions of a caller: the runs that no order of whole callers gives though an order of
            transactions does, and those in which a rule was broken, the plainest of each outcome first.
        occurrences: how many runs ended like each of these.
        turned_away: in how many runs the engine turned somebody away.
        victims: what deadlocks ended.
        right: the schedules whose outcome some serial order gives, and in which nobody was turned away.
        undecided: why runs could not be judged → who went on in each of them, turn by turn.
        learnt: a run of callers one after the other has shown what chance makes, after others had been judged.
        deviated: how many runs went another way than one that began alike.
        ended: why no more were run.
        by_chance: how many of them were chosen by chance, and how; empty if none was.
        classes: of how many classes all schedules are, where one of each was run; 0 where every schedule was.
        every: why no schedule was left out; empty where some were.
        plainer: for a run that no serial order gives, the plainest schedule of its class.
        last: the run that was judged last.
        spins: lines at which somebody was refused so often in a row that he let others go on, see `Control`.
        unread: callers that fail in words that nobody can read, see `Judged.unread`.
    """

    runs: int = 0
    covered: Fraction = Fraction(0)
    switches: int = 0
    illegal: dict[object, Judged] = field(default_factory=dict)
    between: dict[object, Judged] = field(default_factory=dict)
    occurrences: dict[object, int] = field(default_factory=dict)
    turned_away: int = 0
    victims: list[Victim] = field(default_factory=list)
    right: list[tuple[str, ...]] = field(default_factory=list)
    undecided: dict[str, list[Sequence[str]]] = field(default_factory=dict)
    learnt: bool = False
    deviated: int = 0
    ended: ExitReason = ExitReason.FINISHED
    by_chance: str = ""
    classes: int = 0
    every: str = ""
    plainer: dict[object, tuple[str, ...]] = field(default_factory=dict)
    last: Judged | None = None
    spins: Mapping[str, None] = field(default_factory=dict)
    unread: dict[tuple[str, str], None] = field(default_factory=dict)

    @property
    def shows(self) -> bool:
        """Whether there are runs that no order of whole callers gives."""
        return bool(self.illegal or self.between)

    @property
    def states(self) -> list[State]:
        """The rows after these runs."""
        return [judged.played.state for judged in (*self.illegal.values(), *self.between.values())]

    def nearest_right(self, grants: Sequence[str]) -> tuple[tuple[str, ...], int] | None:
        """The right schedule that begins like this one for the longest, and the turn from which it differs."""

        def alike(other: Sequence[str]) -> int:
            return next((place for place, pair in enumerate(zip(grants, other, strict=False)) if len({*pair}) > 1), 0)

        best = max(self.right, key=alike, default=None)
        return None if best is None else (best, alike(best) + 1)

    def coverage(self) -> str:
        """How much was run, in words; how many schedules there are in all is not known."""
        those = "the schedule that was run" if self.runs == 1 else f"one of the {self.runs:,} schedules that were run"
        return f"with a chance of {float(self.covered):.2%}, callers who are let go at random take {those}"

    @property
    def violations(self) -> int:
        """How many runs no serial order gives."""
        wrong = [*self.illegal, *(key for key, judged in self.between.items() if judged.breaches)]
        return sum(self.occurrences[key] for key in wrong)


class Search:
    """Runs the schedules of one Lab, those with the fewest switches first, and judges each at once.

    Args:
        lab: runs them.
        oracle: knows the serial orders.
        runs: the time that there is.
        classes: how schedules are put into classes.
    """

    def __init__(self, lab: Lab, oracle: Oracle, runs: Runs, classes: Classes) -> None:
        self._lab = lab
        self._classes = classes
        self._oracle = oracle
        self._runs = runs
        self._judge = Judge(oracle)
        self._in_order = NOBODY
        self.found = Searched(spins=lab.spins)
        self._by_luck = False
        self._only = False
        self._made: set[tuple[str, ...]] = set()

    def one_by_one(self) -> OneByOne:
        """What the callers got in the serial orders."""
        return OneByOne(self._oracle.orders(self._lab.names))

    def through(self, only: Sequence[str] | None = None) -> Searched:
        """Run every schedule, or only one.

        Args:
            only: who is let go, turn by turn.

        Raises:
            KeyboardInterrupt: the user pressed Ctrl-C; `found` holds what was found.
        """
        self._only, tree = only is not None, self._classes.tree
        self._in_order = self._classes.in_order if only is None else NOBODY
        if only is None and tree is not None:
            self._one_of_each(tree)
            if not tree.unfit:
                return self.found
            self.found = Searched(every=tree.unfit, spins=self._lab.spins)
            self._made.clear()
        return self._all(only)

    def _all(self, only: Sequence[str] | None) -> Searched:
        """Run every schedule, or only one."""
        every, found = Every(), self.found
        found.every = found.every or self._classes.said
        most = self._most
        few = most - most // _BY_CHANCE
        prefixes: Iterator[tuple[str, ...]] = iter([tuple(only)]) if only is not None else _drawn(every)
        for prefix in prefixes:
            if self._is_over(most) or (found.runs == few and every.left >= most - few):
                break
            if not self._play(Chooser(prefix), every, most, prefix):
                break
        every.finished |= only is not None
        found.switches = every.switches - (not every.finished)
        if found.runs == few and found.ended is ExitReason.FINISHED and not every.finished:
            self._by_chance(every, most)
        found.covered = Fraction(1) if only is not None else every.covered
        return found

    def _one_of_each(self, tree: Tree) -> None:
        """Run one schedule of each class."""
        every, found, most = Every(), self.found, self._most
        few = most - most // _BY_CHANCE
        crowded = False
        while tree.has_next() and not self._is_over(most):
            if tree.remembers():
                continue
            crowded = found.runs == few and tree.left > most - few
            if crowded or not self._play(tree, every, most, after_turn=tree.after_turn, tree=tree):
                break
            tree.seen()
            if reason := self._classes.sleeping() or (_SPINS if found.spins else ""):
                tree.unfit = reason
        if tree.unfit:
            return
        whole = not tree.has_next()
        if crowded:
            self._by_chance(every, most)
        found.switches = -1
        found.covered = Fraction(1) if whole else every.covered
        found.classes = found.runs if whole else 0

    @property
    def _most(self) -> int:
        most = self._runs.options.runs_max
        return SCHEDULES_MAX if most is None else most

    def judged_again(self, judged: Judged, played: Played) -> Judged:
        """A run that came again, which is told in its own words: what chance makes of its rows is something else."""
        found = self._judge.judge(played)
        again = found if found.word is judged.word else replace(judged, played=played)
        return replace(again, missing=self._judge.missing(again))

    def beside(self, played: Played) -> None:
        """Judge a run that was made for another reason, and is none of the schedules that were asked for."""
        self._take(self._judge.judge(played), counted=0)

    def _by_chance(self, every: Every, most: int) -> None:
        """Leave the last runs to chance, since those that are left are more than may be made."""
        chosen, before = Pct(self._lab.names, every.longest, self._runs.options.seed), self.found.runs
        while not self._is_over(most):
            chosen.begin()
            if not self._play(chosen, every, most):
                break
        self.found.by_chance = f"{self.found.runs - before} of them by chance ({chosen.described()})"

    def _is_over(self, most: int) -> bool:
        found = self.found
        if found.runs >= most or self._runs.over():
            found.ended = ExitReason.RUNS_MAX if found.runs >= most else ExitReason.BUDGET
            return True
        return False

    def _play(
        self,
        choose: Choose,
        every: Every,
        most: int,
        prefix: tuple[str, ...] | None = None,
        *,
        after_turn: Callable[[Turn], None] | None = None,
        tree: Tree | None = None,
    ) -> bool:
        """Make one run and judge it; False where it cannot be made, so that what would follow it cannot be known."""
        played = self._run(choose, every, prefix, after_turn)
        if played is None:
            return False
        # A search in classes may begin again with what it had; a schedule that is drawn by chance counts as a draw.
        fresh = tree is None or played.trace.grants not in self._made
        self._made.add(played.trace.grants)
        self.found.runs += fresh
        self._take(self._judged(played, tree), tree, counted=int(fresh))
        self._tell_progress(most)
        return True

    def _run(
        self,
        choose: Choose,
        every: Every,
        prefix: tuple[str, ...] | None,
        after_turn: Callable[[Turn], None] | None = None,
    ) -> Played | None:
        why = ""
        for _ in range(_AGAIN):
            played = None
            try:
                played = self._lab.run(choose, after_turn, in_order=self._in_order)
                every.beside(played.trace) if prefix is None else every.seen(prefix, played.trace)
                require_followed(prefix or (), played.trace)
            except Deviated as error:
                why = self._why_not(error)
                self.found.deviated += 1
                if played is not None:  # it took place all the same
                    self.beside(played)
                if self.found.deviated > 1 + self.found.runs // _DEVIATIONS_EVERY:
                    break
            except Unsettled as error:
                left = self._lab.left
                why = f"{', '.join(left)} could not be ended: {error}" if left else str(error)
                break
            else:
                return played
        self.found.undecided.setdefault(why, []).append(prefix or ())
        return None

    def _why_not(self, error: Deviated) -> str:
        """Why a run was not made: a search repeats what it has seen; what somebody asks for need not be there."""
        if not self._only or not isinstance(error, Unable):
            return f"not deterministic: {error}"
        changed = "if the program has changed since, acidity explore finds its schedules"
        return f"this schedule cannot be followed: at turn {error.turn} {error.stands}; {changed}"

    def _judged(self, played: Played, tree: Tree | None) -> Judged:
        """The run, with the letters that make the schedule plainest by which it may be shown."""
        kin = self._in_order.kin
        judged = self._judge.judge(renamed(played, letters_by(played.trace.grants, kin)))
        only_said = judged.word is Word.NOT_SERIAL and not judged.changes and not judged.turned_away
        if only_said and (order := _serial_order(judged.played.trace)):
            return self._astray(judged, order)
        if kin and judged.word is Word.NOT_SERIAL and tree is not None and not tree.unfit:
            judged = self._judge.judge(renamed(played, letters_by(_plainest(tree), kin)))
        return judged

    def _astray(self, judged: Judged, order: tuple[str, ...]) -> Judged:
        """A run of callers one after the other who said something else than in that order before."""
        self.found.learnt |= self._oracle.learns_from(order, judged.played)
        again = self._judge.judge(judged.played)
        if again.word is not Word.NOT_SERIAL:
            return again
        named = " then ".join(order)
        reason = f"not deterministic: {named}, one after the other, say something else each time ({title_of(again)})"
        return replace(again, word=Word.UNDECIDED, reason=reason)

    def _take(self, judged: Judged, tree: Tree | None = None, counted: int = 1) -> None:
        found = self.found
        found.last = judged
        found.turned_away += bool(judged.turned_away) * counted
        found.unread |= dict.fromkeys(judged.unread())
        found.victims += victims(judged.played) if counted else ()
        if (chance := chosen_by_chance(judged.played.trace)) and not self._by_luck:
            self._by_luck = True
            found.undecided.setdefault(chance, []).append(judged.played.trace.grants)
        if judged.word is Word.UNDECIDED:
            found.undecided.setdefault(judged.reason, []).append(judged.played.trace.grants)
        if judged.word is Word.NOT_SERIAL:
            key = self.outcome(judged.played)
            self._keep(found.illegal, key, judged, counted)
            if tree is not None and not tree.unfit:
                grants = _plainest(tree)
                letters = letters_by(grants, self._in_order.kin)
                self._keep_plainer(key, tuple(letters[name] for name in grants))
        elif judged.breaches or judged.word is Word.BETWEEN:
            rules = frozenset(breach.violation.called for breach in judged.breaches)
            self._keep(found.between, (self.outcome(judged.played), rules), judged, counted)
        elif judged.word is Word.SERIAL and not judged.turned_away:
            found.right.append(judged.played.trace.grants)

    def _keep(self, plainest: dict[object, Judged], key: object, judged: Judged, counted: int) -> None:
        known = plainest.get(key)
        self.found.occurrences[key] = self.found.occurrences.get(key, 0) + counted
        if known is None or plainness(judged.played.trace) < plainness(known.played.trace):
            plainest[key] = judged

    def _keep_plainer(self, key: object, grants: tuple[str, ...]) -> None:
        plainer = self.found.plainer
        if key not in plainer or rank(grants) < rank(plainer[key]):
            plainer[key] = grants

    def outcome(self, played: Played) -> object:
        """What tells it from other runs: rows, how each caller ended, what it said, and who was turned away."""
        endings = [(name, it.exception, it.succeeded) for name, it in sorted(played.endings.items())]
        away = tuple(name for name, *_ in endings if any(map(self.met_others, played.of(name))))
        said = {name: self._oracle.sayings.of(played, name) for name in played.endings}
        return self._oracle.comparer.digest_told(played.state, said), tuple(endings), away

    def met_others(self, event: Event) -> bool:
        """Whether the engine turned a Call away because of the other callers."""
        return self._oracle.met_others(event)

    def _tell_progress(self, most: int) -> None:
        progress = self._runs.options.progress
        if progress is not None:
            from acidity.prove.stage.quiet import aloud

            with aloud():
                progress(self.found.runs, most, " and ".join(it.name for it in self._lab.operations))


def rank(grants: Sequence[str]) -> tuple[int, int, str]:
    """How plain a schedule is, before it was run."""
    return len(grants), sum(one != other for one, other in pairwise(grants)), "".join(grants)


def _serial_order(trace: Trace) -> tuple[str, ...]:
    """The order of the callers, where each came to its end before the next one began; none where they met."""
    owners = tuple(name for name, _ in groupby(trace.grants))
    met = len(owners) != len(set(owners)) or any(turn.waits or turn.refused for turn in trace.turns)
    return () if met else owners


def _plainest(tree: Tree) -> tuple[str, ...]:
    return with_fewest_switches(tree.steps, tree.relation.depends)


def _drawn(every: Every) -> Iterator[tuple[str, ...]]:
    while (prefix := every.next()) is not None:
        yield prefix


def plainness(trace: Trace) -> tuple[int, int, int, str]:
    """What *plainest* means: fewest turns, then fewest switches, then fewest waits, then the earliest caller."""
    waits = sum(turn.waits for turn in trace.turns)
    return len(trace.turns), switches_of(trace), waits, "".join(trace.grants)
