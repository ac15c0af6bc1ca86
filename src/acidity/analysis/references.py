"""Generated values in answers, compared as rows that refer to those of the tables.

A caller that answers the key of a row says which row it means. So the answers of all callers become rows of the State
that they belong to, and one renaming has to turn rows and answers into those of the other State, all at once.

A number in an answer may be such a key, of any table that has such a key, or mean itself. One that differs can only be
right as a key, and so can what stands in the same place of the same operation's other answers. One that is equal may be
a key if it was one in every serial order; then it is *wanted* that it refers to the same row, and where it does not,
nobody can say which of both it is.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from itertools import product
from math import prod
from typing import Any

from acidity.analysis.answers import Likeness, compare_answers
from acidity.analysis.canonical import TooSymmetric, bijection, canonical, equal_raw, made, same
from acidity.analysis.graph import TOKENS, hashed
from acidity.analysis.leaves import A_SET, Path, leaves_of
from acidity.analysis.masks import Masks
from acidity.analysis.values import is_opaque, is_time
from acidity.core.outcome import State, Table

Domains = frozenset[str]
Roles = Mapping[Path, Domains]
_WAYS_MAX = 64  # in which ambiguous values may be keys of several tables
_VALUE = "value"


class Alike(Enum):
    """How the answers of a run compare with those of another one, given that their rows are the same."""

    SAME = "the same"
    PERHAPS = "the same, unless a generated value in an answer is another one"
    UNLIKE = "unlike"


@dataclass(frozen=True, slots=True)
class Said:
    """What one caller answered.

    Attributes:
        cleans: the answers that are held against it; the first belongs to the rows of the other run.
        answer: its answer.
        roles: where in it keys may stand, and of which domains.
        operation: whose answers are made alike.
    """

    cleans: Sequence[Any]
    answer: Any
    roles: Roles
    operation: str = ""


@dataclass(frozen=True, slots=True)
class _Pair:
    path: Path
    clean: str
    other: str
    domains: Domains


@dataclass(frozen=True, slots=True)
class _Relation:
    """Every value that might stand for every other one, as `compare_answers` asks for it."""

    values: Mapping[str, Mapping[str, Any]]
    others: Mapping[str, Mapping[str, Any]]

    def __contains__(self, pair: object) -> bool:
        assert isinstance(pair, tuple), "the texts of two values"
        one, other = pair
        return bool(self.values.get(one, {}).keys() & self.others.get(other, {}).keys())


def roles_of(answers: Iterable[tuple[Any, State]], seed: State, masks: Masks) -> Roles:
    """Where in a caller's answer a generated value stands in every one of these runs, and of which domains."""
    found: dict[Path, Domains] | None = None
    for answer, state in answers:
        values = made(state, seed, masks)
        here = {path: frozenset(values[text]) for path, text in leaves_of(answer) if text in values}
        found = here if found is None else {path: found[path] & here[path] for path in found.keys() & here.keys()}
    return {path: domains for path, domains in (found or {}).items() if domains}


def digest_told(state: State, answers: Mapping[str, Any], seed: State, masks: Masks) -> bytes:
    """The canonical form of rows and of what callers answered over them, as 16 bytes, the same for the same schedule.

    A random token is told by the rows in which it stands; one that stands in none is only seen to be one.
    """
    values = made(state, seed, masks)
    rows: list[tuple[str, Any]] = []
    literal: list[str] = []
    for name, answer in sorted(answers.items()):
        for path, text in leaves_of(answer):
            if is_opaque(text) and TOKENS in values.get(text, {}):
                rows.append((TOKENS, values[text][TOKENS]))
            literal.append(f"{name}{path}{'a token' if is_opaque(text) or is_time(text) else text}")
    wider, masks = _with_rows(state, rows, masks)
    return hashed(canonical(wider, seed, masks) + "\n".join(literal).encode(errors="surrogateescape"))


def compare_told(told: Sequence[Said], one: State, other: State, seed: State, masks: Masks) -> Alike:
    """Compare what all callers answered, over rows that are the same up to some renaming.

    Args:
        told: of each caller.
        one: the rows of the first clean answers.
        other: the rows of the answers.
        seed: the rows before.
        masks: what is not compared literally.

    Raises:
        TooSymmetric: the bound of the search was hit.
    """
    pairs: list[_Pair] = []
    sure = True
    values, others = made(one, seed, masks), made(other, seed, masks)
    for said in told:
        if compare_answers(said.cleans, said.answer, _Relation(values, others)) is not Likeness.SAME:
            return Alike.UNLIKE
        if next(_strays(said.cleans[0], said.answer, values, others), None) is not None:
            return Alike.UNLIKE
        found = _paired(said, values, others)
        sure &= found is not None
        pairs += found or []
    if not sure:
        return _by_one_renaming(told, one, other, seed, masks)
    if _together(pairs, one, other, seed, masks):
        return Alike.SAME
    differ = {pair.path for pair in pairs if pair.clean != pair.other}
    needed = [pair for pair in pairs if pair.path in differ]
    if len(needed) < len(pairs) and _together(needed, one, other, seed, masks):
        return Alike.PERHAPS
    return Alike.UNLIKE


def _by_one_renaming(told: Sequence[Said], one: State, other: State, seed: State, masks: Masks) -> Alike:
    """Where places in an answer have no names: as good as one renaming of the rows can tell."""
    pairs = bijection(one, other, seed, masks) or {}
    found = (compare_answers(said.cleans, said.answer, pairs) for said in told)
    return Alike.SAME if all(each is Likeness.SAME for each in found) else Alike.PERHAPS


def _paired(
    said: Said, values: Mapping[str, Mapping[str, Any]], others: Mapping[str, Mapping[str, Any]]
) -> list[_Pair] | None:
    """The generated values that stand in the same places; None where places cannot be told."""
    cleans, answers = dict(leaves_of(said.cleans[0])), dict(leaves_of(said.answer))
    sets = [path for path in cleans if path[-1:] == (A_SET,)]
    if cleans.keys() != answers.keys() or any(cleans[path] != answers[path] for path in sets):
        return None
    pairs = []
    for path, clean in cleans.items():
        answer = answers[path]
        domains = frozenset(values.get(clean, {}).keys() & others.get(answer, {}).keys())
        if clean == answer:
            domains &= said.roles.get(path, frozenset())
        if domains:
            pairs.append(_Pair((said.operation, *path), clean, answer, domains))
    return pairs


def stray(clean: Any, one: State, answer: Any, other: State, seed: State, masks: Masks) -> bool | None:
    """Whether a random value in an answer stands in a row, where in the clean one it does not; None if it is as there.

    Args:
        clean: the answer that is held against it.
        one: the rows of that.
        answer: the answer.
        other: the rows of the answer.
        seed: the rows before.
        masks: what is not compared literally.
    """
    return next(_strays(clean, answer, made(one, seed, masks), made(other, seed, masks)), None)


def _strays(clean: Any, answer: Any, values: Container[str], others: Container[str]) -> Iterator[bool]:
    """Of each random value that stands in a row here or there alone, whether it is here: of two callers that both make
    a token, and overwrite each other's, one answers what is in no row.
    """
    cleans, answers = dict(leaves_of(clean)), dict(leaves_of(answer))
    for path, text in answers.items():
        one, stands = cleans.get(path, text), text in others
        if one != text and is_opaque(one) and is_opaque(text) and stands is not (one in values):
            yield stands


def _together(pairs: Sequence[_Pair], one: State, other: State, seed: State, masks: Masks) -> bool:
    """Whether one renaming turns the rows, and what is referred to, into each other."""
    if all(pair.clean == pair.other for pair in pairs) and equal_raw(one, other):
        return True
    values, others = made(one, seed, masks), made(other, seed, masks)
    for way in _ways(pairs):
        rows = [
            (way[pair.path], values[pair.clean][way[pair.path]], others[pair.other][way[pair.path]]) for pair in pairs
        ]
        left, wider = _with_rows(one, [(domain, value) for domain, value, _ in rows], masks)
        right, _ = _with_rows(other, [(domain, value) for domain, _, value in rows], masks)
        if same(left, right, seed, wider):
            return True
    return False


def _ways(pairs: Sequence[_Pair]) -> Iterator[dict[Path, str]]:
    """Of which domain the keys in each place may be: where several callers have that place, of one that fits all."""
    fitting: dict[Path, Domains] = {}
    for pair in pairs:
        fitting[pair.path] = fitting.get(pair.path, pair.domains) & pair.domains
    if prod(map(len, fitting.values())) > _WAYS_MAX:
        raise TooSymmetric("too many numbers in the answers may be keys of several tables")
    for way in product(*(sorted(domains) for domains in fitting.values())):
        yield dict(zip(fitting, way, strict=True))


def _with_rows(state: State, rows: Sequence[tuple[str, Any]], masks: Masks) -> tuple[State, Masks]:
    """The State with a table of answers for each domain, and masks that know it."""
    tables = dict(state.tables)
    keys, tokens = set(masks.keys), set(masks.tokens)
    for domain in {domain for domain, _ in rows}:
        name = f"answers: {domain}"
        held = tuple((place, value) for place, (where, value) in enumerate(rows) if where == domain)
        table, _, column = domain.rpartition(".")
        references = {} if domain == TOKENS else {_VALUE: (table, column)}
        (tokens if domain == TOKENS else keys).add((name, _VALUE))
        tables[name] = Table(("place", _VALUE), ("place",), references, held)
    return replace(state, tables=tables), replace(masks, keys=frozenset(keys), tokens=frozenset(tokens))
