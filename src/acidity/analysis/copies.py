"""Copies of generated keys: an order number, a message or a document that holds the key of a row, with no foreign key.

A key that was handed out and taken back is used up, so that another run has other keys for the same rows, and other
copies of them. Where they are is learnt from two clean runs whose new keys begin at different numbers: what differs
between them, and is a key of the same table in both, is a copy. It is compared up to the renaming of that key.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import Any

from acidity.analysis.answers import parts_of
from acidity.analysis.canonical import canonical, made
from acidity.analysis.digits import numbers_in
from acidity.analysis.documents import ROOT, document, leaves
from acidity.analysis.graph import TOKENS
from acidity.analysis.leaves import Path
from acidity.analysis.masks import Column, Copy, Masks
from acidity.analysis.pairing import changed_cells
from acidity.analysis.values import encode
from acidity.core.outcome import State

_MARK = "\0"
_MARKS = re.compile(f"{_MARK}+")
_Made = Mapping[str, frozenset[int]]
_Vector = tuple[int, ...]
FirstKeys = frozenset[tuple[str, int]]


def with_copies(masks: Masks, seed: State, clean: State, elsewhere: State) -> Masks:
    """The masks with the places at which copies of new keys stand.

    Args:
        masks: those of clean runs.
        seed: the rows before.
        clean: the rows after one of them.
        elsewhere: the rows after another one, whose new keys began at other numbers.
    """
    keys = [_made(state, seed, masks) for state in (clean, elsewhere)]
    cells = [dict(_cells(state, seed, masks)) for state in (clean, elsewhere)]
    found: set[Copy] = set()
    for place in cells[0].keys() & cells[1].keys():
        found.update(_copies_at(place, cells[0][place], cells[1][place], *keys))
    documents = {(table, name.partition(ROOT)[0]) for (table, name), _, _ in found if ROOT in name}
    wider = replace(masks, copies=masks.copies | found, documents=masks.documents | documents)
    if not found:
        return masks
    rest = replace(wider, ignored=wider.ignored | derived(wider, seed, clean, elsewhere))
    return wider if canonical(clean, seed, rest) == canonical(elsewhere, seed, rest) else masks


def derived(masks: Masks, seed: State, clean: State, elsewhere: State) -> frozenset[Column]:
    """The columns, compared literally, whose new values are others where new keys are.

    Args:
        masks: of clean runs.
        seed: the rows before.
        clean: the rows after one of them.
        elsewhere: the rows after another one, whose new keys began at other numbers.
    """
    masked = masks.keys | masks.tokens | masks.times | masks.ignored | masks.documents | masks.copied
    found: set[Column] = set()
    for name in clean.tables.keys() & elsewhere.tables.keys() - masks.tables:
        one, other = (changed_cells(seed.tables.get(name), state.tables[name]) for state in (clean, elsewhere))
        for column in one.keys() & other.keys():
            if (name, column) not in masked and _counted(one[column]) != _counted(other[column]):
                found.add((name, column))
    return frozenset(found)


def _counted(cells: Iterable[object]) -> Counter[bytes]:
    return Counter(map(encode, cells))


def _made(state: State, seed: State, masks: Masks) -> _Made:
    """The new keys of a State that are numbers, by their domain."""
    found: dict[str, set[int]] = {}
    for domains in made(state, seed, masks).values():
        for domain, key in domains.items():
            if domain != TOKENS and type(key) is int:
                found.setdefault(domain, set()).add(key)
    return {domain: frozenset(each) for domain, each in found.items()}


def _cells(state: State, seed: State, masks: Masks) -> Iterator[tuple[Column, list[Any]]]:
    """The new values of what is compared literally, in columns and, by path, in documents."""
    masked = masks.keys | masks.tokens | masks.times | masks.ignored
    for name, table in state.tables.items():
        for column, cells in changed_cells(seed.tables.get(name), table).items():
            there = [cell for cell in cells if cell is not None]
            inside = [document(cell) for cell in there]
            if (name, column) in masked or not there:
                continue
            if None in inside:
                yield (name, column), there
                continue
            paths: dict[str, list[Any]] = {}
            for each in inside:
                for path, leaf in leaves(each, column + ROOT):
                    paths.setdefault(path, []).append(leaf)
            yield from (((name, path), found) for path, found in paths.items() if (name, path) not in masked)


def _copies_at(place: Column, one: Sequence[Any], other: Sequence[Any], keys: _Made, others: _Made) -> Iterator[Copy]:
    """Where in the values of one place numbers differ that are keys of one table."""
    mine, theirs = _by_template(one), _by_template(other)
    for template in mine.keys() & theirs.keys():
        columns, others_columns = (list(zip(*each[template], strict=True)) for each in (mine, theirs))
        for index, (left, right) in enumerate(zip(columns, others_columns, strict=True)):
            gone, new = Counter(left) - Counter(right), Counter(right) - Counter(left)
            if not gone:
                continue
            for domain in sorted(keys.keys() & others.keys()):
                if gone.keys() <= keys[domain] and new.keys() <= others[domain]:
                    yield place, index, domain
                    break


def _by_template(values: Sequence[Any]) -> dict[tuple[str, ...], list[_Vector]]:
    found: dict[tuple[str, ...], list[_Vector]] = {}
    for value in values:
        template, numbers = numbers_in(value)
        if numbers:
            found.setdefault(template, []).append(tuple(map(int, numbers)))
    return found


@dataclass(frozen=True, repr=False)
class Apart:
    """A text with the numbers in it as numbers, so that one that is a key is compared as a key; shown as the text.

    Attributes:
        around: the text, with a mark for each number; one that is filled up with zeros has as many marks as digits.
        numbers: place → number.
    """

    around: str
    numbers: Mapping[int, int]

    @classmethod
    def made_of(cls, place: Column, key: int) -> Apart:
        """A text that is known to be what this key makes in a column."""
        return cls(f"{'.'.join(place)} of {_MARK}", {0: key})

    @classmethod
    def of(cls, text: str) -> Apart:
        """What a text is made of."""
        around, numbers = numbers_in(text)
        marks = [_MARK * (len(each) if each[0] == "0" else 1) for each in numbers]
        pieces = (piece for pair in zip_longest(around, marks, fillvalue="") for piece in pair)
        return cls("".join(pieces), dict(enumerate(map(int, numbers))))

    def __repr__(self) -> str:
        numbers = iter(self.numbers.values())
        return repr(_MARKS.sub(lambda found: str(next(numbers)).zfill(len(found[0])), self.around))


def texts_with_copies(clean: Any, elsewhere: Any, keys: Container[int], others: Container[int]) -> Iterator[Path]:
    """The places in an answer at which a text differs in a number that is a new key in both runs.

    Args:
        clean: the answer of a clean run.
        elsewhere: that of another one, whose new keys began at other numbers.
        keys: the new keys of the first.
        others: those of the second.
    """
    found = dict(_texts_in(elsewhere))
    for path, text in _texts_in(clean):
        around, numbers = numbers_in(text)
        also, others_numbers = numbers_in(found.get(path, ""))
        differ = [(int(one), int(two)) for one, two in zip(numbers, others_numbers, strict=False) if one != two]
        if differ and around == also and all(one in keys and two in others for one, two in differ):
            yield path


def _texts_in(answer: Any, path: Path = ()) -> Iterator[tuple[Path, str]]:
    if isinstance(answer, str):
        yield path, answer
    else:
        for name, part in (parts_of(answer) or {}).items():
            yield from _texts_in(part, (*path, name))


def with_texts_apart(answer: Any, paths: AbstractSet[Path]) -> Any:
    """The answer, with the texts in these places as `Apart`."""
    return with_texts(answer, lambda text, path: Apart.of(text) if path in paths else text) if paths else answer


def with_texts(answer: Any, instead: Callable[[str, Path], Any], path: Path = ()) -> Any:
    """The answer, with something else in place of its texts."""
    if isinstance(answer, str):
        return instead(answer, path)
    parts = parts_of(answer)
    if parts is None:
        return answer
    new = {name: with_texts(part, instead, (*path, name)) for name, part in parts.items()}
    if all(new[name] is part for name, part in parts.items()):
        return answer
    return type(answer)(new.values()) if isinstance(answer, list | tuple) else new


def new_keys(state: State, seed: State, masks: Masks) -> frozenset[int]:
    """The new keys of a State that are numbers."""
    return frozenset().union(*_made(state, seed, masks).values())


def first_keys(state: State, seed: State, masks: Masks) -> dict[str, int]:
    """The lowest of the new keys of a State that are numbers, by their domain."""
    return {domain: min(keys) for domain, keys in _made(state, seed, masks).items()}


def first_keys_of(state: State, seed: State, masks: Masks) -> FirstKeys:
    """The same, to look up by."""
    return frozenset(first_keys(state, seed, masks).items())
