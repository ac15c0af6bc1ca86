"""What may come of several callers at once: what comes of them one by one, in every order (DESIGN §5, *Explore*).

Each order is run twice: what differs between the two is masked, as between the clean runs of a drill, or makes the
check unknown. The first time callers run on their own, without gates, so that the `Oracle` does not share its mistakes
with the runs that it judges; the second time each has a thread, task or process, as callers at once have.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import combinations, permutations

from acidity.analysis.canonical import made
from acidity.analysis.clocks import dated, tell_alone
from acidity.analysis.compare import Comparer
from acidity.analysis.copies import new_keys
from acidity.analysis.masks import Masks, NotDeterministic, learn
from acidity.analysis.references import Roles, roles_of
from acidity.core.call import Event, History, Kind, Writes
from acidity.core.outcome import Ending, State
from acidity.engines.speech import TURNED_AWAY, ErrorClass, only_reads, speech_of
from acidity.errors import UsageError
from acidity.prove.explore.alternating import Alternating
from acidity.prove.explore.equals import Equals, renamed
from acidity.prove.explore.in_order import Kin
from acidity.prove.explore.keyed import Keyed, Known
from acidity.prove.explore.lab import Lab, Played
from acidity.prove.explore.refusing import Refusal, place_of
from acidity.prove.explore.sayings import Sayings
from acidity.prove.explore.serial import NoOracle, Serial, calls_in
from acidity.prove.explore.twice import Twice
from acidity.prove.explore.uncompared import uncompared
from acidity.prove.explore.units import order_of
from acidity.prove.stage.clock import let_setup_pass
from acidity.prove.stage.elsewhere import Elsewhere
from acidity.prove.telling.unfit import failed_alone, fails_alone, why_zero

_FOR_TIMES = 8  # runs of each order where only a time is another one: a small random part shows in some of them


class Oracle:
    """The serial orders of the callers of a Lab.

    Args:
        lab: runs them.
        ignore: columns that are not compared.
        filled: operations whose very first run is none of those that are compared → why.

    Attributes:
        names: the letters of the callers.
        sayings: what callers say, as it is compared.
        masks: what is not compared literally.
        comparer: compares under them.
        several: the callers mean to commit more than once, so that the orders of their transactions count.

    Raises:
        NoOracle: the serial orders of all callers cannot be told apart from chance.
        UsageError: an operation fails alone.
    """

    def __init__(self, lab: Lab, ignore: Sequence[str], filled: Mapping[str, str] | None = None) -> None:
        self._lab = lab
        self._ignore = ignore
        self._learnt_from: list[State] = []
        self._engines = {name: part.engine_name for name, part in lab.stage.parts.items()}
        self._serials: dict[tuple[str, ...], Serial] = {}
        self.several = lab.stage.scenario.commits == "several"
        self._cut: dict[object, Alternating] = {}
        self._roles: dict[str, Roles] = {}
        self._alternating: dict[tuple[str, ...], Alternating] = {}
        self.names = lab.names
        called = {name: operation.name for name, operation in zip(lab.names, lab.operations, strict=True)}
        self.sayings = Sayings(called, with_effects=bool(lab.stage.scenario.effects))
        self._twice = Twice(lab, self.sayings, self.met_others, filled)
        self._equals = Equals(lab.names, lab.operations, know_who=lab.as_at_once)
        let_setup_pass(lab.stage.seed)
        orders = dict.fromkeys(self._equals.first(order)[0] for order in permutations(lab.names))
        ran = {order: self._twice.run(order) for order in orders}
        together = Masks.together(self._learn(pair) for pair in ran.values())
        self.masks = self._dated(together, [[run.state for run in pair] for pair in ran.values()])
        elsewheres = [Known(run.state, self._learn_copies(order, run)) for order, (run, _) in ran.items()]
        self._keyed = Keyed(lab.stage.seed, self.masks, elsewheres)
        self.sayings.derived = self._keyed.derived
        self.comparer = Comparer(lab.stage.seed, self.masks, self._keyed.derived)
        for order, pair in ran.items():
            self._keep(order, pair)
            self._learn_sayings(pair)
        runs = [self._serial(order).runs for order in permutations(lab.names)]
        for order, (run, _) in zip(permutations(lab.names), runs, strict=True):
            self._require_success(order[0], run)
        if not any(run.history for run in runs[0]) and not all(each.expects_refusal for each in lab.operations):
            whys = dict.fromkeys(filter(None, map(why_zero, lab.operations)))
            raise NoOracle("; ".join(["no database call was seen", *whys]))

    def _learn_copies(self, order: tuple[str, ...], run: Played) -> Elsewhere:
        """Where copies of new keys stand in rows and in what callers say: by one more run, which has other keys."""
        found: list[Played] = []

        def once_more() -> State | None:
            with self._lab.different():
                again = self._lab.serially(order)
            if calls_in(again.history) != calls_in(run.history):
                return None
            found.append(again)
            return again.state

        seed, masks = self._lab.stage.seed, self.masks
        elsewhere = Elsewhere(self._lab.stage, once_more)
        self.masks = elsewhere.with_copies(masks, run.state)
        for again in found:
            self.sayings.learn_copies(run, again, *(new_keys(each.state, seed, masks) for each in (run, again)))
        return elsewhere

    def _require_success(self, name: str, run: Played) -> None:
        """Who comes first in a serial order is alone, and must not fail unless that is meant."""
        ending, operation = run.endings[name], self._lab.operations[self.names.index(name)]
        if not ending.exception or ending.refusal:
            return
        if not all(self.comparer.same(each.state, self._lab.stage.seed) for each in self._alone(name)):
            raise NoOracle(f"{failed_alone(operation, ending)}, and has changed rows all the same (letter A)")
        raise UsageError(fails_alone(operation, ending, run.of(name), self._engines.values()))

    def described(self) -> tuple[str, ...]:
        """What is masked, in words, of what the callers change."""
        states = [run.state for serial in self._serials.values() for run in serial.runs] + self._learnt_from
        return self.masks.in_use(self.comparer.seed, states).describe()

    def left_out(self) -> tuple[str, ...]:
        """What is not compared, of what callers said and of the runs that were made."""
        first = [f"the very first run of {name} ({why})" for name, why in self._twice.filled.items()]
        engines = dict.fromkeys(self._engines.values())
        events = [event for runs in self.histories() for run in runs for event in run]
        beside = dict.fromkeys(text for engine in engines for text in uncompared(events, engine))
        answers = dict.fromkeys(
            f"what {self.called(name)} answers ({kind} does not show what is in it)"
            for serial in self._serials.values()
            for run in serial.runs
            for name, ending in run.endings.items()
            for kind in ending.hidden
        )
        limited = ["a caller that gives up by a clock of its own (asyncio.timeout)"] if self._lab.limits else []
        return (*self.sayings.left_out(), *answers, *first, *beside, *limited)

    @property
    def kin(self) -> Kin:
        """Callers that are equal."""
        return self._equals.kin

    @property
    def calls(self) -> int:
        """How many Calls all callers make, one after the other."""
        return len(self._serials[self._lab.names].runs[0].history)

    def histories(self) -> Iterator[tuple[History, ...]]:
        """What was done in the runs of each serial order so far."""
        yield from (tuple(run.history for run in serial.runs) for serial in self._serials.values() if serial.runs)

    def orders(self, names: Iterable[str]) -> Iterator[Serial]:
        """The serial orders of these callers and no others; run when they are first asked for.

        Raises:
            NoOracle: they cannot be told apart from chance.
        """
        for order in permutations(sorted(names)):
            yield self._serial(order)

    def _serial(self, order: tuple[str, ...]) -> Serial:
        """This order; where callers are equal, as another one with other letters."""
        first, letters = self._equals.first(order)
        if first not in self._serials:
            self._keep(first, self._twice.run(first) if first or self._lab.stage.scenario.steps else ())
        if order not in self._serials:
            serial = self._serials[first]
            self._serials[order] = replace(
                serial, order=order, runs=tuple(renamed(run, letters) for run in serial.runs)
            )
        return self._serials[order]

    def called(self, name: str) -> str:
        """The operation of a caller."""
        return self._lab.operations[self.names.index(name)].name

    def refuses(self, name: str, ending: Ending) -> bool:
        """Whether a caller ends as its operation is expected to refuse a call: ``raises=``, ``refused=True``."""
        operation = self._lab.operations[self.names.index(name)]
        return ending.refusal or (operation.refused and ending.succeeded is False and not ending.broke_off)

    def roles(self, name: str) -> Roles:
        """Where in what a caller answers the keys of rows may stand: where one does in every order of all callers."""
        if name not in self._roles:
            runs = [run for order in permutations(self.names) for run in self._serials[order].runs]
            answers = ((self.sayings.of(run, name), run.state) for run in runs if run.endings[name].answered)
            self._roles[name] = roles_of(answers, self.comparer.seed, self.masks)
        return self._roles[name]

    def alternations(self, names: Iterable[str], run: Played | None = None) -> Iterator[Serial]:
        """The orders of the transactions of these callers, where they mean to commit more than once.

        Args:
            names: the callers.
            run: a run of them; the order in which its transactions ended comes first.

        Raises:
            NoOracle: there are too many, or they cannot be made.
        """
        ordered = tuple(sorted(names))
        if not self.several or len(ordered) <= 1:
            return
        found = self._alternating.setdefault(ordered, Alternating(self._lab, ordered))
        if run is not None:
            like = found.like(tuple(unit for unit in order_of(run.trace) if unit[0] in ordered))
            yield from [] if like is None else [like]
        yield from found

    def cut(self, names: Iterable[str], run: Played, away: Iterable[str]) -> Iterator[Serial]:
        """The orders of transactions in which some of these callers are turned away where they were in a run.

        Args:
            names: the callers, those who were turned away among them.
            run: the run.
            away: who was turned away in it after a COMMIT; of one that was so twice nothing is known.

        Raises:
            NoOracle: there are too many, or they cannot be made.
        """
        refusals: dict[str, Refusal] = {}
        for name in away:
            events = run.of(name)
            met = [number for number, event in enumerate(events) if self.met_others(event)]
            error = run.raised.get((name, events[met[0]].call.index)) if len(met) == 1 else None
            kind = self.error_class(events[met[0]])
            if error is None or kind is None:
                return
            refusals[name] = Refusal(place_of(events[: met[0]]), error, kind)
        ordered = tuple(sorted(names))
        key = ordered, tuple((name, it.place, it.kind, type(it.error)) for name, it in sorted(refusals.items()))
        found = self._cut.setdefault(key, Alternating(self._lab, ordered, refusals))
        like = found.like(tuple(unit for unit in order_of(run.trace) if unit[0] in ordered))
        yield from [] if like is None else [like]
        yield from found

    def uninterrupted(self) -> Iterator[Serial]:
        """Of the orders of transactions those in which no caller comes between two of another one."""
        for serial in self.alternations(self._lab.names):  # those with the fewest switches come first
            if not serial.uninterrupted:
                return
            yield serial

    def only_reads(self) -> bool:
        """Whether no caller writes, locks or does anything else that another one could see, in any order of them."""
        events = [event for serial in self._serials.values() for run in serial.runs for event in run.history]
        return all(self.comparer.same(each.state, self.comparer.seed) for each in self._serials.values()) and all(
            event.call.writes is Writes.NO
            and not event.call.opaque
            and event.call.kind is not Kind.EFFECT
            and only_reads(self._engines[event.call.database], event.call.kind, event.call.sql)
            for event in events
        )

    def _alone(self, name: str) -> tuple[Played, ...]:
        return self._twice.run((name,))

    def broken_alone(self) -> Iterator[str]:
        """The rules that a caller breaks with nobody before it, as letter C sees by itself."""
        for name in self.names:
            for run in self._alone(name):
                yield from (breach.violation.called for breach in run.breaches)

    def subsets(self, surely: Iterable[str], perhaps: Iterable[str]) -> Iterator[frozenset[str]]:
        """All of the first with some of the second."""
        always, others = frozenset(surely), sorted(perhaps)
        for size in range(len(others), -1, -1):
            for some in combinations(others, size):
                yield always | set(some)

    def met_others(self, event: Event) -> bool:
        """Whether the engine turned a Call away because of the other callers."""
        return self.error_class(event) in TURNED_AWAY

    def error_class(self, event: Event) -> ErrorClass | None:
        """What the error of a Reply means for its transaction."""
        code = event.reply.code
        return speech_of(self._engines[event.call.database]).errors.get(code) if code else None

    def learns(self, shown: Played, runs: Sequence[Played]) -> bool:
        """Learn from runs of one schedule what chance makes that no serial order shows; whether it was anything.

        Args:
            shown: a run of it.
            runs: two more, which may show something else than that one.
        """
        try:
            masks = Masks.together([self.masks, self._learn(runs).of_columns_new_to(self.masks)])
        except NoOracle:
            return False
        self._learnt_from += [run.state for run in runs]
        return self._mask(self._dated(masks, alike=[shown.state, *(run.state for run in runs)]))

    def _mask(self, masks: Masks) -> bool:
        """Compare under these masks from now on; whether they are others."""
        if masks == self.masks:
            return False
        self.masks, self.comparer = masks, Comparer(self._lab.stage.seed, masks, self._keyed.derived)
        self._roles.clear()
        return True

    def learns_keys(self, state: State) -> bool:
        """Learn what is made of the keys in these rows, as serial orders make it of them; whether that was anything."""
        return self._keyed.learns(state)

    def once_more(self, shown: Iterable[State]) -> bool:
        """Run every order of all callers again; whether a clock or chance shows in it that two runs had alike.

        A clock of seconds may have stood still for the two runs, and have gone on since; then what came of callers at
        once differs from both. What only the distance of a time tells may be chance that two runs had alike.

        Args:
            shown: what came of callers at once, and of no order of them.

        Raises:
            NoOracle: what differs is nothing that can be masked.
        """
        learnt, masks, pairs = False, [self.masks], []
        by_times = tell_alone(self.masks, self.comparer.seed, shown, [each.state for each in self._serials.values()])
        with self._lab.different():
            orders = dict.fromkeys(self._equals.first(order)[0] for order in permutations(self.names))
            for order in [each for each in orders for _ in range(_FOR_TIMES if by_times else 1)]:
                before, again = self._serials[order].runs[0], self._lab.serially(order)
                if calls_in(again.history) != calls_in(before.history):
                    continue
                if not self.comparer.same(before.state, again.state):  # two tokens may be changed about, by chance
                    masks.append(self._learn([before, again]))
                pairs.append([before.state, again.state])
                learnt |= self._learn_sayings([before, again])
        return self._mask(self._dated(Masks.together(masks), pairs)) or learnt

    def _dated(self, masks: Masks, pairs: Sequence[Sequence[State]] = (), alike: Sequence[State] = ()) -> Masks:
        """The masks with what all orders so far show of how far from the present times are.

        Args:
            masks: of these orders.
            pairs: the rows after two more runs of one order each.
            alike: the rows after runs of one schedule of callers at once, which show no more than what is chance.
        """
        cut = [serial for found in (*self._alternating.values(), *self._cut.values()) for serial in found.known]
        states = [[run.state for run in serial.runs] for serial in (*self._serials.values(), *cut)]
        return dated(masks, self._lab.stage.seed, [*states, *pairs], alike)

    def _learn(self, pair: Sequence[Played]) -> Masks:
        try:
            return learn(self._lab.stage.seed, [run.state for run in pair], pair[0].whole_history, self._ignore)
        except NotDeterministic as error:
            raise NoOracle(f"not deterministic: {error}") from None

    def _learn_sayings(self, runs: Sequence[Played]) -> bool:
        return self.sayings.learn(runs, [made(run.state, self._lab.stage.seed, self.masks) for run in runs])

    def learns_from(self, order: tuple[str, ...], played: Played) -> bool:
        """Learn from one more run of a serial order; whether a number in what callers said is another one there."""
        return self._learn_sayings([self._serial(order).runs[0], played])

    def _keep(self, order: tuple[str, ...], runs: tuple[Played, ...]) -> None:
        state = runs[0].state if runs else self._lab.stage.seed
        if any(not self.comparer.same(run.state, state) for run in runs):
            raise NoOracle(f"not deterministic: {' then '.join(order)} left different rows in two runs")
        self._serials[order] = Serial(order, runs, state)


def effects_of(run: Played, names: Iterable[str]) -> Counter[str]:
    """How often the effects of some callers took place, those under one key once."""
    names = list(names)
    keys = frozenset().union(*(run.keys.get(name, frozenset()) for name in names))
    return sum((Counter(run.effects.get(name, {})) for name in names), Counter(effect for effect, _ in keys))


def ends_of(run: Played) -> list[tuple[Mapping[str, int], bool]]:
    """What came of the steps beside rows: their effects, and whether they ended well."""
    return [(step.effects, bool(step.raised)) for step in run.steps]
