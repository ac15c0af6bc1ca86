"""Adya's phenomena on histories that no engine here would allow: each is named exactly where brute force finds it.

A history is played by a store without any lock, in which a read gets any version that there is. The oracle works on its
operations, by the definitions of the thesis (§3.1, §4.2), and shares nothing with the graph of `acidity.analysis`.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import combinations, pairwise, permutations

import pytest

from acidity.analysis.anomalies import ANOMALIES, name_of
from acidity.analysis.dependencies import Commit, Dependencies, Written, dependencies_of
from acidity.analysis.reads import Read, Writer
from acidity.core.call import Call, Event, Reply, Writes
from acidity.core.call import Kind as CallKind
from acidity.core.finding import RowChange

Version = tuple[str, int]  # who wrote it, and his how manyth
FIRST: Version = ("", 0)
ROWS = "xyz"


@dataclass(frozen=True)
class Op:
    """``w`` writes a row, ``r`` gets a version of one, ``c`` commits, ``a`` takes back."""

    who: str
    what: str
    row: str = ""
    got: Version = FIRST


@dataclass
class Played:
    """A history with its versions: each row's in the order in which they were written."""

    ops: list[Op]
    versions: dict[str, list[Version]] = field(default_factory=dict)

    @property
    def committed(self) -> set[str]:
        return {op.who for op in self.ops if op.what == "c"} | {""}


def random_history(seed: int) -> Played:
    """Two or three transactions with a few operations each, shuffled; each row is read at most once by each."""
    chance = random.Random(seed)
    names = "ABC"[: chance.choice((2, 2, 3))]
    left = {name: [(chance.choice("rw"), chance.choice(ROWS)) for _ in range(chance.randint(1, 4))] for name in names}
    played = Played([], {row: [FIRST] for row in ROWS})
    seen: set[tuple[str, str]] = set()
    while left:
        name = chance.choice(sorted(left))
        if not left[name]:
            del left[name]
            played.ops.append(Op(name, chance.choice("ccca")))
            continue
        what, row = left[name].pop()
        versions = played.versions[row]
        if what == "w":
            versions.append((name, sum(each[0] == name for each in versions) + 1))
            played.ops.append(Op(name, "w", row))
        elif (name, row) not in seen and all(each[0] != name for each in versions):
            seen.add((name, row))
            played.ops.append(Op(name, "r", row, chance.choice(versions)))
    return played


# By the definitions


def last_of(played: Played, row: str, who: str) -> Version:
    return [each for each in played.versions[row] if each[0] == who][-1]


def installed(played: Played, row: str) -> list[Version]:
    """The versions that count: the last one of each transaction that has committed."""
    return [
        each for each in played.versions[row] if each[0] in played.committed and each == last_of(played, row, each[0])
    ]


def g1a(played: Played) -> bool:
    return any(op.what == "r" and op.who in played.committed and op.got[0] not in played.committed for op in played.ops)


def g1b(played: Played) -> bool:
    """Of a transaction that has committed; where it has not, the read is an aborted one, too, and called so."""
    return any(
        op.what == "r"
        and op.who in played.committed
        and op.got[0] in played.committed - {""}
        and op.got != last_of(played, op.row, op.got[0])
        for op in played.ops
    )


def depends(played: Played) -> Iterator[tuple[str, str, str]]:
    """Direct dependencies of committed transactions: source, target, kind."""
    for row in ROWS:
        order = installed(played, row)
        for (one, _), (other, _) in pairwise(order):
            if one:
                yield one, other, "ww"
        for op in played.ops:
            if op.what == "r" and op.row == row and op.who in played.committed and op.got in order:
                if op.got[0]:
                    yield op.got[0], op.who, "wr"
                after = order[order.index(op.got) + 1 :]
                if after:
                    yield op.who, after[0][0], "rw"


def circles(played: Played) -> Iterator[list[set[str]]]:
    """The kinds between one and the next, around every circle."""
    kinds: dict[tuple[str, str], set[str]] = {}
    for one, other, kind in depends(played):
        if one != other:
            kinds.setdefault((one, other), set()).add(kind)
    names = sorted({name for pair in kinds for name in pair})
    for size in range(2, len(names) + 1):
        for some in combinations(names, size):
            for order in permutations(some):
                pairs = list(zip(order, (*order[1:], order[0]), strict=True))
                if all(pair in kinds for pair in pairs):
                    yield [kinds[pair] for pair in pairs]


def g0(played: Played) -> bool:
    return any(all("ww" in step for step in circle) for circle in circles(played))


def g1c(played: Played) -> bool:
    return any(
        all(step & {"ww", "wr"} for step in circle) and any("wr" in step for step in circle)
        for circle in circles(played)
    )


def g_single(played: Played) -> bool:
    """Exactly one anti-dependency: one step that may be one, and all others something else."""
    return any(
        "rw" in step and all(other & {"ww", "wr"} for other in circle[:place] + circle[place + 1 :])
        for circle in circles(played)
        for place, step in enumerate(circle)
    )


def g2_item(played: Played) -> bool:
    return any(any("rw" in step for step in circle) for circle in circles(played))


# As explore would have seen it


def graph_of(played: Played) -> Dependencies:
    states = [dict.fromkeys(ROWS, FIRST)]
    commits: list[Commit] = []
    committing = [op.who for op in played.ops if op.what == "c"]
    ends = {op.who: place for place, op in enumerate(played.ops) if op.what in "ca"}
    for place, op in enumerate(played.ops, start=1):
        if op.what != "c":
            continue
        there = {op.who, *(commit.actor for commit in commits), ""}
        state = {row: [each for each in installed(played, row) if each[0] in there][-1] for row in ROWS}
        writes = tuple(
            Written(item(row), frozenset({"v"}), frozenset({"v"}), max(written_at(played, op.who, row)))
            for row in ROWS
            if written_at(played, op.who, row)
        )
        commits.append(Commit(event(op, place), len(commits) + 1, changes(states[-1], state), writes))
        states.append(state)
    reads = []
    for place, op in enumerate(played.ops, start=1):
        if op.what == "r" and op.who in played.committed:
            at = sum(ends[who] < place - 1 for who in committing)
            answers = tuple(((str(state[op.row]),),) for state in states)
            writers = tuple(writers_at(played, op, place, ends, committing))
            before = any((other.who, other.what) == (op.who, "w") for other in played.ops[: place - 1])
            own = before and not written_at(played, op.who, op.row)  # else its commit would hide what it read
            within = committing.index(op.who) + 1
            reads.append(Read(event(op, place), at, answers, own, within=within, writers=writers))
    return dependencies_of(commits, reads)


def writers_at(
    played: Played, read: Op, place: int, ends: Mapping[str, int], committing: list[str]
) -> Iterator[Writer]:
    """Those whose version may have been read: here it is told, and not inferred, whose it was."""
    who = read.got[0]
    if who and ends[who] >= place:
        again = read.got != last_of(played, read.row, who)
        yield Writer(who, committing.index(who) + 1 if who in committing else None, again)
    elif who and who not in committing:
        yield Writer(who, None)
    elif who and read.got != last_of(played, read.row, who):
        yield Writer(who, committing.index(who) + 1, again=True)


def written_at(played: Played, who: str, row: str) -> list[int]:
    return [place for place, op in enumerate(played.ops, start=1) if (op.who, op.what, op.row) == (who, "w", row)]


def item(row: str) -> tuple[str, tuple[bytes, ...]]:
    return "t", (row.encode(),)


def event(op: Op, place: int) -> Event:
    kind = CallKind.COMMIT if op.what == "c" else CallKind.STATEMENT
    rows = ((str(op.got),),) if op.what == "r" else None
    writes = Writes.NO if op.what == "r" else Writes.YES
    return Event(Call(op.who, place, kind, f"SELECT {op.row}", writes=writes), Reply("ok", rows=rows), order=place)


def changes(before: Mapping[str, Version], after: Mapping[str, Version]) -> tuple[RowChange, ...]:
    return tuple(
        RowChange("t", (("id", row),), (("v", str(before[row])),), (("v", str(after[row])),))
        for row in ROWS
        if before[row] != after[row]
    )


NOT_OF_STATES = {"aborted read", "intermediate read", "dirty write"}
TRUTH = {
    "aborted read": g1a,
    "intermediate read": g1b,
    "dirty write": g0,
    "circular information flow": g1c,
    "G-single": g_single,
    "G2-item": g2_item,
}


def is_plain(played: Played) -> bool:
    """Whether what was read is known from rows alone: an old version that is read anew is not."""
    for place, op in enumerate(played.ops):
        if op.what == "r" and op.got[0]:
            ended = [other for other in played.ops[:place] if other.who == op.got[0] and other.what in "ca"]
            if ended and (ended[0].what == "a" or op.got != last_of(played, op.row, op.got[0])):
                return False
    return True


def writers_wait(played: Played) -> bool:
    """Whether nobody writes a row over what is not committed, as on every engine here: states tell all versions then."""
    for place, op in enumerate(played.ops):
        if op.what == "w":
            ended = {other.who for other in played.ops[:place] if other.what in "ca"}
            writers = {other.who for other in played.ops[:place] if (other.what, other.row) == ("w", op.row)}
            if writers - ended - {op.who}:
                return False
    return True


def histories(number: int) -> Iterator[Played]:
    return (played for played in map(random_history, range(number)) if is_plain(played))


@pytest.mark.dear
def test_each_phenomenon_is_seen_exactly_where_it_is() -> None:
    met = dict.fromkeys(TRUTH, 0)
    for number, played in enumerate(histories(2000)):
        graph, waits = graph_of(played), writers_wait(played)
        dirty = g1a(played) or g1b(played)
        for name, truth in TRUTH.items():
            if name not in NOT_OF_STATES and (dirty or not waits):
                continue  # committed states do not tell which versions there were
            wanted = truth(played)
            seen = ANOMALIES[name].detect(graph) is not None
            assert seen == wanted, (number, name, wanted, played.ops)
            met[name] += wanted
    assert min(met.values()) >= 5, met


# By hand


def by_hand(text: str) -> Played:
    """``wAx`` writes, ``rBx=A1`` reads the first version of A, ``cA`` commits, ``aA`` takes back."""
    played = Played([], {row: [FIRST] for row in ROWS})
    for word in text.split():
        what, who, row, got = word[0], word[1], word[2:3], word.partition("=")[2]
        if what == "w":
            played.versions[row].append((who, sum(each[0] == who for each in played.versions[row]) + 1))
        played.ops.append(Op(who, what, row, (got[0], int(got[1])) if got else FIRST))
    return played


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("wAx rBx=A1 cB aA", "aborted read"),
        ("wAx rBx=A1 wAx cA cB", "intermediate read"),
        ("wAx wBx wBy wAy cA cB", "dirty write"),
        ("wAx wBy rAy=B1 rBx=A1 cA cB", "circular information flow"),
        ("rAx wBx cB rCx=B1 wCy cC rAy=C1 cA", "G-single"),
        ("rAx rBy rCz wAy wBz wCx cA cB cC", "G2-item"),
    ],
)
def test_the_name_of_a_history_by_hand(text: str, name: str) -> None:
    named = name_of(graph_of(by_hand(text)))
    assert named is not None
    assert named[0] == name


@pytest.mark.parametrize(
    "text", ["wAx wAy cA wBx wBy cB", "wAx wBy cA cB", "wAx wAx cA rBx=A2 cB", "rAx wAx cA rBx=A1 wBx cB"]
)
def test_no_name_where_nothing_is_wrong(text: str) -> None:
    assert name_of(graph_of(by_hand(text))) is None
