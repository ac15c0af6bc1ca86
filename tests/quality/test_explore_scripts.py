"""Each finding is reproduced by a script of plain driver calls that is written from its schedule, and so are random runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from acidity import prove
from acidity.core.finding import RowChange
from acidity.core.report import Report
from acidity.core.turn import grants_of
from acidity.prove import Operation, Scenario
from acidity.prove.explore.every import Chooser, Every
from acidity.prove.explore.lab import Lab
from acidity.prove.explore.lab import Played as Run
from acidity.prove.explore.victims import chosen_by_chance
from acidity.prove.stage.quiet import quiet
from acidity.prove.stage.stage import Stage
from tests.quality.callers import SCENARIOS, at_once, twice, withdraw
from tests.quality.callers_traps import TRAPS
from tests.quality.driver_scripts import of_finding, of_run, place, play
from tests.quality.peers import PEERS
from tests.quality.random_callers import LEVELS, operations, schema, seed
from tests.quality.random_steps import Step, programs
from tests.quality.test_explore import WRONG
from tests.quality.test_explore_traps import bare, withdraw_async

MOST = 2000  # schedules of one search
MY_SER = "mariadb SERIALIZABLE"
OTHERS = {
    "tasks": twice(withdraw_async),
    "a task and a thread": at_once(Operation(withdraw_async), Operation(withdraw, 10)),
    "a bare driver": twice(bare),
}

# Where there is nothing worse than a deadlock, which is a finding, too.
DEADLOCKS = {
    ("scenario", "deadlock"): [f"{db} {level}".strip() for db, level in WRONG if db != "sqlite"],
    **{
        ("scenario", name): [MY_SER]
        for name in ("lost update", "stale identity map", "write skew", "duplicate insert", "checked insert", "phantom")
    },
    **{("trap", name): [MY_SER] for name in ("fresh", "nested", "take", "again", "circle")},
}
DEAR = pytest.mark.dear
CHEAP: dict[tuple[str, str, str], Any] = {
    ("scenario", "lost update", "sqlite"): (),
    ("scenario", "read skew", "sqlite"): (),
    ("trap", "nested, locked", "sqlite"): (),
    ("other", "tasks", "sqlite"): DEAR,
    ("scenario", "deadlock", "postgresql READ COMMITTED"): DEAR,
    ("peer", "total, asyncpg", "postgresql+asyncpg"): DEAR,
    ("trap", "take", "mariadb REPEATABLE READ"): DEAR,
}


def where_found() -> Iterator[tuple[str, str, str]]:
    """Kind and name of each program of which something is found, with the engine and level."""
    for (db, level), wrong in WRONG.items():
        yield from (("scenario", name, f"{db} {level}".strip()) for name in wrong)
    for name, (_, places) in TRAPS.items():
        yield from (("trap", name, where) for where in places)
    for name, peer in PEERS.items():
        yield from (("peer", name, where) for where, wrong in peer.wrong.items() if wrong)
    for (kind, name), places in DEADLOCKS.items():
        yield from ((kind, name, where) for where in places)
    for where in ("sqlite", "postgresql+psycopg READ COMMITTED", "postgresql+asyncpg READ COMMITTED"):
        yield from (("other", name, where) for name in OTHERS if name == "tasks" or where == "sqlite")
    yield "other", "tasks", "mariadb READ COMMITTED"


def cells() -> list[Any]:
    return [
        pytest.param(*cell, marks=CHEAP.get(cell, pytest.mark.slow), id="-".join(cell))
        for cell in dict.fromkeys(where_found())
    ]


def scenario_of(kind: str, name: str) -> Scenario:
    if kind == "scenario":
        return SCENARIOS[name]
    if kind == "trap":
        return TRAPS[name][0]
    return PEERS[name].scenario if kind == "peer" else OTHERS[name]


def explored(kind: str, name: str, db: str, level: str) -> Report:
    scenario, asked = scenario_of(kind, name), {"db": db, "isolation_level": level or None}
    if kind == "peer" and PEERS[name].schedule:
        return prove.replay_together(scenario, PEERS[name].schedule, **asked)  # type: ignore[arg-type]
    return prove.explore(scenario, runs_max=MOST, **asked)  # type: ignore[arg-type]


@pytest.mark.parametrize(("kind", "name", "where"), cells())
def test_a_script_comes_to_what_each_finding_says(kind: str, name: str, where: str) -> None:
    """The answers of every call, an error's code among them, who had to wait, and the committed rows."""
    db, _, level = where.partition(" ")
    report = explored(kind, name, db, level)
    assert report.findings
    for finding in report.findings:
        with place(scenario_of(kind, name), db, level) as there:
            assert of_finding(finding, there) == [], str(finding)


def test_every_program_of_which_something_is_found_has_a_script() -> None:
    named = {(kind, name) for kind, name, _ in where_found()}
    assert {name for kind, name in named if kind == "scenario"} >= {name for each in WRONG.values() for name in each}
    assert {name for kind, name in named if kind == "trap"} >= {name for name, (_, wrong) in TRAPS.items() if wrong}
    assert {name for kind, name in named if kind == "peer"} == {
        name for name, peer in PEERS.items() if any(peer.wrong.values())
    }
    assert set(where_found()) >= CHEAP.keys()


def test_a_script_in_another_order_comes_to_something_else() -> None:
    """So does one that is held against other rows, other answers or other waits."""
    scenario = SCENARIOS["lost update"]
    (finding,) = prove.explore(scenario).findings
    (changed,) = finding.diff
    first, *others = finding.history
    wrong = RowChange(changed.table, changed.key, changed.before, (("balance", 80),))
    read = replace(first, reply=replace(first.reply, rows=[(1, 90, 1)]))
    refused = replace(first, reply=replace(first.reply, status="error", code="SQLITE_BUSY"))
    waits = replace(finding.lanes[0], result="waits for B")
    with place(scenario, "sqlite", "") as there:
        assert of_finding(finding, there) == []
        for planted in (
            replace(finding, diff=(wrong,)),
            replace(finding, history=(read, *others)),
            replace(finding, history=(refused, *others)),
            replace(finding, lanes=(*finding.lanes, waits)),
        ):
            there.put_back()
            assert len(of_finding(planted, there)) == 1
        there.put_back()
        serial = play(there, finding.history, grants_of(finding.schedule)[:1] * 3 + ("B",) * 3)
    assert serial.answers["B", 1].rows == ((1, 90, 1),)


# Random programs: two callers or three, FOR UPDATE, unique and foreign keys, savepoints

RUNS_MAX = 40  # of one program
SEEDS = {2: range(1_700_006, 1_700_020), 3: range(1_800_000, 1_800_010)}


def runs_of(lab: Lab) -> list[Run]:
    """All schedules, or those with the fewest switches."""
    every, found = Every(), []
    while len(found) < RUNS_MAX and (prefix := every.next()) is not None:
        found.append(lab.run(Chooser(prefix)))
        every.seen(prefix, found[-1].trace)
    return found


# Rows and answers are the same there, and the script sees somebody wait once more; why, is not known.
OPEN = {("mariadb", "SERIALIZABLE", 3, 1_800_002)}


def random_cells() -> list[Any]:
    quick = [("sqlite", "delete", 2, SEEDS[2][0]), ("sqlite", "wal", 3, SEEDS[3][0])]

    def marks(cell: tuple[str, str, int, int]) -> Any:
        _, _, callers, number = cell
        return () if cell in quick else pytest.mark.slow if number in SEEDS[callers][:3] else pytest.mark.large

    every = [(db, level, callers, number) for db, level in LEVELS for callers in SEEDS for number in SEEDS[callers]]
    return [pytest.param(*each, marks=marks(each)) for each in every if each not in OPEN]


@pytest.mark.dear
@pytest.mark.parametrize(("db", "level", "callers", "number"), random_cells())
def test_a_script_of_random_callers_comes_to_the_same(db: str, level: str, callers: int, number: int) -> None:
    scenario = Scenario(*operations(programs(number, callers)), schema=schema, setup=seed)
    settings = {"journal_mode": level} if db == "sqlite" else {}
    with Stage(scenario, db, settings, None if db == "sqlite" else level) as stage, quiet():
        runs, before = runs_of(Lab(stage, scenario.operations)), stage.seed
    with place(scenario, db, level) as there:
        for run in runs:
            if chosen_by_chance(run.trace):
                continue
            assert of_run(run, before, there) == [], f"{run.trace.grants} of {programs(number, callers)}"


def kinds_of(steps: tuple[Step, ...]) -> Iterator[str]:
    for step in steps:
        yield step[0]
        yield from kinds_of(tuple(each for each in step[1:] if isinstance(each, tuple)))


LOCKS: dict[str, Callable[[set[str]], bool]] = {
    "FOR UPDATE": lambda kinds: bool(kinds & {"lock", "lock_group"}),
    "a unique key": lambda kinds: bool(kinds & {"child", "rekey"}),
    "a foreign key": lambda kinds: bool(kinds & {"child", "leaf", "drop"}),
    "a savepoint": lambda kinds: "inside" in kinds,
    "an error that is swallowed": lambda kinds: "tried" in kinds,
}


@pytest.mark.parametrize("callers", list(SEEDS))
@pytest.mark.parametrize("what", list(LOCKS))
def test_the_random_callers_have_it(what: str, callers: int) -> None:
    made = [programs(number, callers) for number in SEEDS[callers]]
    assert sum(any(LOCKS[what](set(kinds_of(each.steps))) for each in some) for some in made) >= 2
