"""Compare what runs left and answered with each other, up to the names of generated values: `Comparer`.

One Comparer serves all runs that start from the same rows. It is what a check needs that has more than one legal end (a
drill: before and after; explore: one for each serial order); it keeps the digest of every State that it has seen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from acidity.analysis.answers import Likeness, compare_answers
from acidity.analysis.canonical import Bijection, bijection, canonical, equal_raw, same
from acidity.analysis.derived import Derived
from acidity.analysis.masks import Masks
from acidity.analysis.references import Alike, Said, compare_told, digest_told, stray
from acidity.core.outcome import State


class Comparer:
    """Compares States and answers under one seed and one set of masks.

    Args:
        seed: the rows before, of every State that is compared.
        masks: what is not compared literally.
        derived: what is made of generated keys; None for nothing.
    """

    def __init__(self, seed: State, masks: Masks, derived: Derived | None = None) -> None:
        self.seed = seed
        self.masks = masks
        self._derived = derived
        self._seen: dict[tuple[int, int], tuple[State, State]] = {}
        self._digests: dict[int, tuple[State, bytes]] = {}

    def _as_keys_have_it(self, state: State) -> State:
        if self._derived is None:
            return state
        key = id(state), self._derived.version
        if key not in self._seen:  # the State is kept too, so that its id stays its own
            self._seen[key] = state, self._derived.of(state)
        return self._seen[key][1]

    def digest(self, state: State) -> bytes:
        """The canonical form of a State as 16 bytes; see `canonical`."""
        state = self._as_keys_have_it(state)
        if id(state) not in self._digests:  # the State is kept too, so that its id stays its own
            self._digests[id(state)] = (state, canonical(state, self.seed, self.masks))
        return self._digests[id(state)][1]

    def same(self, one: State, other: State) -> bool:
        """Whether two States are equal up to one renaming of generated values. Exact.

        Raises:
            TooSymmetric: the bound of the search was hit.
        """
        if equal_raw(one, other):
            return True
        seen = self._as_keys_have_it(one), self._as_keys_have_it(other)
        return self.digest(one) == self.digest(other) and same(*seen, self.seed, self.masks)

    def renaming(self, one: State, other: State) -> Bijection | None:
        """The renaming that turns one State into the other, or None; see `bijection`.

        Raises:
            TooSymmetric: the bound of the search was hit.
        """
        return bijection(self._as_keys_have_it(one), self._as_keys_have_it(other), self.seed, self.masks)

    def digest_told(self, state: State, answers: Mapping[str, Any]) -> bytes:
        """The same of a State with what callers answered over it; see `digest_told`."""
        return digest_told(self._as_keys_have_it(state), answers, self.seed, self.masks)

    def told(self, told: Sequence[Said], one: State, other: State) -> Alike:
        """How the answers of several callers compare with those over other rows that are the same; see `compare_told`.

        Raises:
            TooSymmetric: the bound of the search was hit.
        """
        return compare_told(told, self._as_keys_have_it(one), self._as_keys_have_it(other), self.seed, self.masks)

    def stray(self, clean: Any, one: State, answer: Any, other: State) -> bool | None:
        """Whether a random value in an answer stands in a row, where in the clean one it does not; see `stray`."""
        seen = self._as_keys_have_it(one), self._as_keys_have_it(other)
        return stray(clean, seen[0], answer, seen[1], self.seed, self.masks)

    def likeness(self, cleans: Sequence[tuple[Any, State]], answer: Any, state: State) -> Likeness:
        """How an answer compares with those of clean runs, where generated values in it are those of the rows.

        Args:
            cleans: the answers of the clean runs, each with the rows of its run.
            answer: the answer to judge.
            state: the rows of its run.

        Raises:
            TooSymmetric: the bound of the search was hit.
        """
        answers = [clean for clean, _ in cleans]
        found = compare_answers(answers, answer, {})
        if found is Likeness.SAME:
            return found
        pairs = self.renaming(cleans[0][1], state)
        return min(found, compare_answers(answers, answer, pairs)) if pairs else found
