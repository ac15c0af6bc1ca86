"""What callers said: what each answered, and what its effects were told. Numbers that chance makes are left out.

What leaves a caller shows what it has read, whether it is returned or sent: a mail with a stale total is as wrong as an
answer with one.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from acidity.analysis.answers import Likeness, compare_answers
from acidity.analysis.any_order import in_order_of, sizes_in_any_order
from acidity.analysis.copies import texts_with_copies, with_texts_apart
from acidity.analysis.derived import Derived
from acidity.analysis.leaves import Path, leaves_of, with_leaves
from acidity.analysis.values import is_volatile
from acidity.core.call import History
from acidity.prove.explore.lab import Played

_CHANCE = "a number by chance"
_ANOTHER = str(UUID(int=0))
_ANSWER = 0  # where the answer stands, beside what effects were told
_NUMBER = re.compile(r"-?\d+(?:[.,]\d+)*(?:e[-+]?\d+)?")


@dataclass(frozen=True, slots=True)
class Difference:
    """Where a caller said something else than in the order that its run is held against.

    Attributes:
        name: the caller.
        effect: that was told something else; empty for its answer.
        said: what it said.
        clean: what it says in that order.
        stray: whether a random value in it stands in a row, where in that order it does not; None where it is as there.
    """

    name: str
    effect: str
    said: Any
    clean: Any
    stray: bool | None = None


@dataclass(frozen=True, slots=True)
class Compared:
    """What of all that effects were told is compared.

    Attributes:
        apart: effects that are left out.
        keys: effects with keys that are.
    """

    apart: frozenset[str] = frozenset()
    keys: frozenset[tuple[str, str | None]] = frozenset()

    def of(self, run: Played, name: str) -> Mapping[str, tuple[Any, ...]]:
        """What the effects of a caller were told, in the order of its calls."""
        told: dict[str, tuple[Any, ...]] = {}
        for effect, key, what in run.told.get(name, ()):
            if effect not in self.apart and (effect, key) not in self.keys:
                told[effect] = (*told.get(effect, ()), what)
        return told


EVERYTHING = Compared()


class Sayings:
    """What callers say, as it is compared.

    Args:
        called: caller → its operation.
        with_effects: something takes place outside the database, so that what is told there is compared, too.

    Attributes:
        in_any_order: operations that are right, though what they read without ORDER BY came in another order.
        derived: what is made of generated keys, which may be said; None while nothing is known of it.
    """

    def __init__(self, called: Mapping[str, str], *, with_effects: bool) -> None:
        self._called = called
        self._with_effects = with_effects
        self._chance: dict[str, set[Path]] = {}
        self._tokens: dict[str, set[Path]] = {}
        self._varies: dict[str, set[Path]] = {}
        self._copied: dict[str, set[Path]] = {}
        self.in_any_order: dict[str, None] = {}
        self.derived: Derived | None = None

    def learn(self, runs: Sequence[Played], made: Sequence[Collection[str]]) -> bool:
        """Learn from runs of one serial order which numbers differ nevertheless; whether any did.

        Runs of one schedule of callers at once teach nothing: a number that differs only there may be what is wrong.

        Args:
            runs: the runs.
            made: of each, the generated values of its rows; such a value is compared with those.
        """
        before = sum(map(len, self._chance.values()))
        for name in runs[0].endings:
            first, *others = (dict(leaves_of(self.of(run, name))) for run in runs)
            numbers, tokens, varies = (
                kept.setdefault(self._called[name], set()) for kept in (self._chance, self._tokens, self._varies)
            )
            for other, values in zip(others, made[1:], strict=True):
                for path, one in first.items():
                    two = other.get(path, one)
                    if one != two and is_volatile(one) and is_volatile(two):
                        varies.add(path)
                    if one == two or one in made[0] or two in values:
                        continue
                    if _differ_in_a_number(one, two):
                        numbers.add(path)
                    elif is_volatile(one) and is_volatile(two):
                        tokens.add(path)
        return sum(map(len, self._chance.values())) > before

    def learn_copies(self, run: Played, elsewhere: Played, keys: Collection[int], others: Collection[int]) -> None:
        """Learn in which texts that callers say keys of rows stand.

        Args:
            run: a clean run.
            elsewhere: another one of the same order, whose new keys began at other numbers.
            keys: the new keys of the first.
            others: those of the second.
        """
        for name in run.endings:
            one, other = (self.of(each, name) for each in (run, elsewhere))
            self._copied.setdefault(self._called[name], set()).update(texts_with_copies(one, other, keys, others))

    def left_out(self) -> tuple[str, ...]:
        """What is not compared, in words."""
        return tuple(
            f"{place}another {what} each time)"
            for what, kept in (("number", self._chance), ("token or time", self._tokens))
            for place in sorted({self._called_place(name, path) for name, paths in kept.items() for path in paths})
        )

    def _called_place(self, name: str, path: Path) -> str:
        """A place in what an operation says, in words that go on within brackets."""
        effect = ""
        if self._with_effects:
            effect, path = ("", path[1:]) if path[0] == _ANSWER else (path[1], path[3:])
        within = [each for each in path if isinstance(each, str)]
        what = f"what {name} tells {effect}" if effect else f"what {name} answers"
        return f"{what} ({'.'.join(within)}: " if within else f"{what} ("

    def of(self, run: Played, name: str, told: Compared = EVERYTHING, *, answered: bool = True) -> Any:
        """What a caller said in a run.

        Args:
            run: the run.
            name: the caller.
            told: what is compared of what its effects were told.
            answered: whether what it was told itself is compared.
        """
        said = run.endings[name].said if answered else None
        if self._with_effects:
            said = said, told.of(run, name)
        said = with_leaves(said, self._chance.get(self._called[name], frozenset()), _CHANCE)
        if self.derived is not None:
            said = self.derived.said(said, run.state)
        return with_texts_apart(said, self._copied.get(self._called[name], frozenset()))

    @staticmethod
    def beside(clean: Any, said: Any, calls: History) -> Any:
        """What a caller said, with its lists in the order of what it says in a clean run, if it asked for no order.

        Args:
            clean: what it says there.
            said: what it said.
            calls: what it did.
        """
        sizes = sizes_in_any_order(calls) if said != clean else ()
        return in_order_of(clean, said, sizes) if sizes else said

    def varied(self, name: str, said: Any) -> Any:
        """What a caller said, with another token or time wherever two runs of one order had two: what an order that was
        run only once would say the second time.
        """
        return with_leaves(said, self._varies.get(self._called[name], frozenset()), _ANOTHER)

    def differences(self, run: Played, cleans: Sequence[Played]) -> tuple[Difference, ...]:
        """Where callers said something else in this run than in one order, answers first.

        What differs in a time or a token alone, as it does between runs of that order, is left out, unless that is all.

        Args:
            run: the run.
            cleans: runs of the order, the one to compare with first.
        """
        found = [*self._answers(run, cleans), *(self._told(run, cleans) if self._with_effects else ())]
        telling = (each for each, said in found if compare_answers(said, each.said, {}) is not Likeness.SAME)
        return tuple(telling) or tuple(each for each, _ in found)

    def _answers(self, run: Played, cleans: Sequence[Played]) -> Iterator[tuple[Difference, list[Any]]]:
        """Other answers, each with those of all clean runs."""
        for name in cleans[0].endings:
            said, *others = (self.of(each, name) for each in (run, *cleans))
            said = self.beside(others[0], said, run.of(name))
            if self._with_effects:
                said, others = said[0], [other[0] for other in others]
            if said != others[0]:
                yield Difference(name, "", said, others[0]), others

    def _told(self, run: Played, cleans: Sequence[Played]) -> Iterator[tuple[Difference, list[Any]]]:
        """What effects were told that is something else, each with what they are told in all clean runs."""
        comparable = told_alike(run, cleans[0])
        for name in cleans[0].endings:
            told, *others = (self.of(each, name, comparable)[1] for each in (run, *cleans))
            told = self.beside(others[0], told, run.of(name))
            for effect in sorted(told.keys() & others[0].keys()):
                for place, (one, two) in enumerate(zip(told[effect], others[0][effect], strict=False)):
                    if one != two:
                        every = (other.get(effect, ())[place : place + 1] for other in others)
                        yield Difference(name, effect, one, two), [what for each in every for what in each]


def told_alike(run: Played, other: Played) -> Compared:
    """What can be held against each other in two runs: of effects that each caller of the other one made as often.

    Of one under a key that several callers have it does not matter who made it, nor what the others told after it.
    """
    shared = frozenset(key for each in (run, other) for key in _shared(each, tuple(other.endings)))
    counts = [
        Counter(
            (effect, name)
            for name in other.endings
            for effect, key, _ in each.told.get(name, ())
            if (effect, key) not in shared
        )
        for each in (run, other)
    ]
    apart = {effect for effect, name in counts[0] | counts[1] if counts[0][effect, name] != counts[1][effect, name]}
    return Compared(frozenset(apart), shared)


def _shared(run: Played, names: Sequence[str]) -> Iterator[tuple[str, str | None]]:
    """Effects with the keys that several callers have."""
    made = Counter(each for name in names for each in run.keys.get(name, frozenset()))
    return (each for each, often in made.items() if often > 1)


def _differ_in_a_number(one: str, other: str) -> bool:
    """Whether two parts of what was said are the same but for the one number in them."""
    alike = _NUMBER.sub("0", one) == _NUMBER.sub("0", other)
    return alike and len(_NUMBER.findall(one)) == 1
