"""Random programs: the drill and an oracle that shares nothing with it must see the same torn states.

They disagree when the oracle, which kills a program between its database calls, finds rows that are neither as before nor
as after and the drill does not say so; or when the drill says so and the oracle finds nothing, also when it loses the
connection in place of killing. Where the drill is undecided it has to say why, seldom, and with a reason from a list.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from acidity import prove
from acidity.core.outcome import Rows
from acidity.core.report import Report
from acidity.prove import Operation, Scenario
from acidity.prove.drill.judge import Baseline
from acidity.testing import throw_away
from tests.quality.oracle import LOST, LOST_FOR_GOOD, Oracle
from tests.quality.random_programs import Program, Step, before, program_of, run, schema

ENGINES = ("sqlite", "postgresql", "mariadb")
FAULTS = ("kill-before", "kill-after", "connection-lost")
CHEAP = ("kill-after", "connection-lost")
BROKEN_UP = ("torn", "doubled")
FEW, MORE, MANY = range(10), range(10, 20), range(1000, 1300)
SEVERAL = "several commits in one call, which no kill between calls can separate"
# Of all programs: for want of a word, and where unknown is the right word.
UNKNOWN_AT_MOST, SEVERAL_AT_MOST = 0.1, 0.25
REASONS = {
    "its writes were committed and changed no row": "the program undoes what it does",
    "the operation made no database call": "the program asks the database nothing",
    "the database commits inside this call": SEVERAL,
    "it calls what may write, commits nothing, and no row changed": "the program calls a procedure and never commits",
}


@dataclass
class Comparison:
    """What the drill and the oracle say of some programs.

    Attributes:
        disagreements: with the program, to be run again.
        undecided: how many programs the drill says *unknown* of, by reason.
        torn: how many programs leave torn rows.
    """

    disagreements: list[str] = field(default_factory=list)
    undecided: Counter[str] = field(default_factory=Counter)
    torn: int = 0


@pytest.fixture(scope="module", params=ENGINES)
def oracle(request: pytest.FixtureRequest) -> Iterator[Oracle]:
    with throw_away(request.param, schema=schema, setup=before) as database:
        oracle = Oracle(database.name, database.url)
        yield oracle
        oracle.close()


def drilled(db: str, programs: list[Program], faults: tuple[str, ...]) -> Report:
    """All programs in one drill, each as an operation."""
    operations = [Operation(run, program, name=f"program {program.seed}") for program in programs]
    scenario = Scenario(*operations, schema=schema, setup=before)
    return prove.drill(scenario, db=db, faults=faults, remedies=False)


def compared(oracle: Oracle, programs: list[Program], faults: tuple[str, ...] = CHEAP) -> Comparison:
    """Ask both about each program."""
    report, result = drilled(oracle.db, programs, faults), Comparison()
    for program in programs:
        name = f"program {program.seed}"
        its = (each for each in report.findings if each.operation == name)
        words = {word for each in its for word in each.errors if word in BROKEN_UP}
        found = oracle.torn(program)
        result.torn += bool(found)
        if found and not words:
            point, rows = next(iter(found.items()))
            result.disagreements.append(
                f"killed at point {point} it leaves {rows}; the drill says nothing\n{program.source}"
            )
        if words and not found and not (oracle.torn(program, LOST) or oracle.torn(program, LOST_FOR_GOOD)):
            schedules = [str(each.schedule) for each in report.findings if each.operation == name]
            result.disagreements.append(f"the drill says {words} of {schedules}; nothing else does\n{program.source}")
        result.undecided.update(set(map(_reason, (each for each in report.unknowns if each.startswith(f"{name}:")))))
    return result


def _reason(unknown: str) -> str:
    return next((meaning for said, meaning in REASONS.items() if said in unknown), unknown)


def agree(oracle: Oracle, programs: list[Program], faults: tuple[str, ...]) -> None:
    """Both say the same, and the drill is seldom undecided."""
    result = compared(oracle, programs, faults)
    print(f"{oracle.db}: {len(programs)} programs, {result.torn} torn; undecided: {dict(result.undecided)}")  # noqa: T201
    assert not result.disagreements, "\n\n".join(result.disagreements)
    assert set(result.undecided) <= set(REASONS.values())
    several = result.undecided[SEVERAL]
    assert several <= SEVERAL_AT_MOST * len(programs), result.undecided
    assert result.undecided.total() - several <= UNKNOWN_AT_MOST * len(programs), result.undecided
    assert 0.1 <= result.torn / len(programs) <= 0.9  # else the programs ask nothing


@pytest.mark.parametrize("seeds", [FEW, pytest.param(MORE, marks=pytest.mark.dear)], ids=["few", "more"])
def test_few_random_programs(oracle: Oracle, seeds: range) -> None:
    agree(oracle, [program_of(seed, oracle.db, acts=(2, 2)) for seed in seeds], CHEAP)


@pytest.mark.slow
@pytest.mark.parametrize("start", MANY[::50])
def test_many_random_programs(oracle: Oracle, start: int) -> None:
    agree(oracle, [program_of(seed, oracle.db) for seed in range(start, start + 50)], FAULTS)


TWO_COMMITS = Program(
    1,
    "any",
    (
        Step("open", "a", "core"),
        Step("say", "a", "INSERT INTO item (id, v) VALUES (101, 1)"),
        Step("commit", "a"),
        Step("say", "a", "INSERT INTO log (v) VALUES (102)"),
        Step("commit", "a"),
    ),
)
ONE_COMMIT = TWO_COMMITS._replace(seed=2, steps=TWO_COMMITS.steps[:2] + TWO_COMMITS.steps[3:])
RECONNECTS = Program(
    3,
    "any",
    (
        Step("open", "a", "core"),
        Step("attempt", "a", "roll back", (Step("say", "a", "INSERT INTO log (v) VALUES (101)"),)),
        Step("say", "a", "INSERT INTO log (v) VALUES (102)"),
        Step("commit", "a"),
    ),
)
UNDOES = Program(
    4,
    "any",
    (
        Step("open", "a", "core"),
        Step("say", "a", "DELETE FROM item WHERE id = 1"),
        Step("commit", "a"),
        Step("say", "a", "INSERT INTO item (id, v) VALUES (1, 0)"),
        Step("commit", "a"),
    ),
)


@pytest.mark.dear
@pytest.mark.one_server
def test_the_oracle_sees_what_is_known(oracle: Oracle) -> None:
    assert oracle.torn(TWO_COMMITS)
    assert not oracle.torn(ONE_COMMIT)
    assert not oracle.torn(RECONNECTS)
    assert oracle.torn(RECONNECTS, LOST)
    assert not oracle.torn(ONE_COMMIT, LOST)
    assert not oracle.torn(ONE_COMMIT, LOST_FOR_GOOD)


@pytest.mark.dear
@pytest.mark.one_in(3)
@pytest.mark.parametrize("oracle", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("program", "instead"), [(TWO_COMMITS, Rows.BEFORE), (TWO_COMMITS, Rows.AFTER), (ONE_COMMIT, Rows.TORN)]
)
def test_planted_a_wrong_answer_is_a_disagreement(
    oracle: Oracle, program: Program, instead: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A drill that takes torn for before or after, or what is right for torn."""
    assert not compared(oracle, [program]).disagreements
    right = Baseline._classify
    wrong = {Rows.TORN: instead} if instead is not Rows.TORN else {Rows.AFTER: Rows.TORN}

    def classify(self: object, *arguments: object) -> Rows:
        said = right(self, *arguments)
        return wrong.get(said, said)

    monkeypatch.setattr(Baseline, "_classify", classify)
    assert compared(oracle, [program]).disagreements


@pytest.mark.dear
@pytest.mark.one_server
def test_what_is_undone_in_a_second_commit_is_torn_and_undecided(oracle: Oracle) -> None:
    result = compared(oracle, [UNDOES])
    assert not result.disagreements
    assert result.torn == 1
    assert set(result.undecided) == {"the program undoes what it does"}
