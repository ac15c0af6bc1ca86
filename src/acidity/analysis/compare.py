"""Compare what runs left and answered with each other, up to the names of generated values: `Comparer`.

One Comparer serves all runs that start from the same rows. It is what a check needs that has more than one legal end (a
drill: before and after; explore: one for each serial order); it keeps the digest of every State that it has seen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from acidity.analysis.answers import Likeness, compare_answers
from acidity.analysis.canonical import Bijection, bijection, canonical, equal_raw, same
from acidity.analysis.masks import Masks
from acidity.analysis.references import Alike, Said, compare_told, digest_told, stray
from acidity.core.outcome import State


class Comparer:
    """Compares States and answers under one seed and one set of masks.

    Args:
        seed: the rows before, of every State that is compared.
        masks: what is not compared literally.
    """

    def __init__(self, seed: State, masks: Masks) -> None:
        self.seed = seed
        self.masks = masks
        self._digests: dict[int, tuple[State, bytes]] = {}

    def digest(self, state: State) -> bytes:
        """The canonical form of a State as 16 bytes; see `canonical`."""
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
        return self.digest(one) == self.digest(other) and same(one, other, self.seed, self.masks)

    def renaming(self, one: State, other: State) -> Bijection | None:
        """The renaming that turns one State into the other, or None; see `bijection`.

        Raises:
            TooSymmetric: the bound of the search was hit.
        """
        return bijection(one, other, self.seed, self.masks)

    def digest_told(self, state: State, answers: Mapping[str, Any]) -> bytes:
        """The same of a State with what callers answered over it; see `digest_told`."""
        return digest_told(state, answers, self.seed, self.masks)

    def told(self, told: Sequence[Said], one: State, other: State) -> Alike:
        """How the answers of several callers compare with those over other rows that are the same; see `compare_told`.

        Raises:
            TooSymmetric: the bound of the search was hit.
        """
        return compare_told(told, one, other, self.seed, self.masks)

    def stray(self, clean: Any, one: State, answer: Any, other: State) -> bool | None:
        """Whether a random value in an answer stands in a row, where in the clean one it does not; see `stray`."""
        return stray(clean, one, answer, other, self.seed, self.masks)

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
