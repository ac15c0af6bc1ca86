"""One run of each class finds what all schedules find: on random programs.

``python -m pytest tests/quality/test_explore_agreed.py -m large`` runs thousands on every level, and notes what it has
measured (`tests.quality.agreed` says where); docs/explanation/interleavings.md and `fit._AGREED` are held to the record.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import product
from pathlib import Path

import pytest

from acidity.prove.explore.classes import fit, tree
from acidity.prove.explore.classes.fit import Manner, classes_of
from acidity.prove.explore.every import Chooser, Deviated
from acidity.prove.explore.lab import Lab
from acidity.prove.explore.oracle import Oracle
from acidity.prove.explore.search import Search
from acidity.prove.runs import Runs
from acidity.prove.stage.stage import Stage
from tests.quality import agreed as agreed_module
from tests.quality.agreed import Agreed, asked_for, commit, note, record
from tests.quality.aimed import UNMEASURED
from tests.quality.random_callers import (
    CHANCE,
    LEVELS,
    WITH_EFFECTS,
    TooMany,
    in_other_letters,
    of_classes,
    of_every,
    operations,
    outcome,
)
from tests.quality.random_steps import Program, alike, programs, with_asides, with_effects
from tests.quality.staged import StageAt, relation_at

Schedule = tuple[str, ...]
FIRST = 1_000_000  # no rule was made from these seeds
REPORTED = {2: 2_300_000, 3: 2_200_000}  # callers → the first of those that nobody looked at before they were counted
MOST = 110  # schedules of one program
BATCHES = 2  # of random programs at each level: with equal callers, 105 of them, so 210 for each engine


TOO_MANY, BY_CHANCE = "too many orders", "not deterministic on replay"
TRIED = 60  # times is a schedule run of which one search has found what the other one has not
CHANCES = 50  # one program in so many may be decided by chance, and one more


def agree(
    stage: Stage,
    db: str,
    level: str,
    first: int,
    count: int,
    callers: int,
    most: int = MOST,
    make: Callable[[int, int], tuple[Program, ...]] = programs,
) -> Agreed:
    """So many programs from a seed on; one that is not deterministic on replay is unknown to the user, and left out."""
    info = stage.parts[""].info()
    found_here = Agreed(db, level, callers, make is with_effects, first, engine_version=info.version, commit=commit())
    skipped = found_here.skipped = {TOO_MANY: 0, BY_CHANCE: 0}
    orders, classes, seed = 0, 0, first
    while found_here.agreed < count:
        made = make(seed, callers)
        lab = Lab(stage, operations(made))
        try:
            every = of_every(lab, most)
            runs = len(every.pop("runs"))
            found, fewer, unfit = of_classes(stage, lab, level, relation_at(db, level))
        except (TooMany, Deviated) as error:
            skipped[TOO_MANY if isinstance(error, TooMany) else BY_CHANCE] += 1
            assert skipped[BY_CHANCE] <= 1 + found_here.agreed // CHANCES, f"seed {seed}: {made}"
            seed += 1
            continue
        assert unfit == "", f"seed {seed}"
        differ = differing(every, found)
        if CHANCE in every or CHANCE in found:  # what the user is told
            assert CHANCE in found, f"seed {seed}: {made}"
        if CHANCE in found or (differ and all(varies(lab, each) for those in differ.values() for each in those)):
            skipped[BY_CHANCE] += 1
            assert skipped[BY_CHANCE] <= 1 + found_here.agreed // CHANCES, f"seed {seed}: {made}"
            seed += 1
            continue
        assert differ == {}, f"seed {seed}: {made}"
        assert fewer <= runs, f"seed {seed}"
        found_here.agreed, found_here.last, seed = found_here.agreed + 1, seed, seed + 1
        orders, classes = orders + runs, classes + fewer
    found_here.orders, found_here.classes = orders, classes
    return found_here


def varies(lab: Lab, schedule: Schedule) -> bool:
    """Whether an engine goes on in several ways after the same turns: whom a COMMIT or ROLLBACK lets go may meet what that
    is about to take away, as PostgreSQL's ROLLBACK its conflicts after its locks.
    """
    came = set()
    for _ in range(TRIED):
        try:
            came.add(outcome(lab.run(Chooser(schedule))))
        except Deviated:
            return True
        if len(came) > 1:
            return True
    return False


def differing(every: Mapping[object, Schedule], found: Mapping[object, Schedule]) -> dict[str, list[Schedule]]:
    """Schedules of what one of the two searches finds and the other one does not: none must be missed, nor made up."""
    missed = [schedule for outcome, schedule in every.items() if outcome not in found]
    more = [schedule for outcome, schedule in found.items() if outcome not in every]
    return {what: those for what, those in (("missed", missed), ("found in no order", more)) if those}


def test_what_only_one_of_two_searches_finds_is_told() -> None:
    assert differing({1: ("A", "B"), 2: ("B", "A")}, {1: ("A", "B")}) == {"missed": [("B", "A")]}
    assert differing({1: ("A", "B")}, {1: ("B", "A"), 2: ("A", "B")}) == {"found in no order": [("A", "B")]}


@pytest.mark.dear
def test_a_schedule_that_goes_the_same_way_each_time_is_no_chance(stage_at: StageAt) -> None:
    lab = Lab(stage_at("sqlite", "delete"), operations(programs(FIRST, 2)))
    played = lab.run(Chooser(("A", "B")))
    assert not varies(lab, played.trace.grants)


@pytest.mark.dear
@pytest.mark.parametrize(("db", "level"), LEVELS[:1])
def test_a_few_random_programs_agree(stage_at: StageAt, db: str, level: str) -> None:
    agree(stage_at(db, level), db, level, FIRST, 4, 2)


@pytest.mark.slow
@pytest.mark.parametrize("callers", [2, 3])
@pytest.mark.parametrize(("db", "level"), LEVELS)
@pytest.mark.parametrize("batch", range(BATCHES))
def test_random_programs_agree(stage_at: StageAt, db: str, level: str, callers: int, batch: int) -> None:
    agree(stage_at(db, level), db, level, FIRST + 1_000 * batch, 35 if callers == 2 else 10, callers)


@pytest.mark.dear
def test_a_search_that_begins_again_counts_no_schedule_twice(
    stage_at: StageAt, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has learnt what a transaction touches, after it had made some runs; of them it makes some anew."""
    stage, restarts = stage_at("mariadb", "REPEATABLE READ"), []
    again = tree.Tree._restart
    monkeypatch.setattr(tree.Tree, "_restart", lambda self: (restarts.append(1), again(self))[1])
    lab = Lab(stage, operations(programs(1_001_023, 2)))
    oracle = Oracle(lab, ())
    manner = Manner("mariadb", frozenset({"REPEATABLE READ"}))
    found = Search(lab, oracle, Runs(stage), classes_of(stage, manner, 2, oracle.histories())).through()
    assert restarts
    assert 0 < found.classes == found.runs <= len(of_every(lab, MOST)["runs"])


@pytest.mark.slow
@pytest.mark.parametrize("callers", [2, 3])
@pytest.mark.parametrize(("db", "level"), LEVELS)
def test_random_programs_with_effects_agree(stage_at: StageAt, db: str, level: str, callers: int) -> None:
    """What takes place outside the database has an order of its own, and may be written into rows."""
    stage = stage_at(db, level, WITH_EFFECTS)
    agree(stage, db, level, FIRST, 10 if callers == 2 else 3, callers, make=with_effects)


@pytest.mark.slow
@pytest.mark.parametrize(("db", "level"), [each for each in LEVELS if each[0] != "mariadb"])
def test_random_programs_that_ask_the_catalogue_agree(stage_at: StageAt, db: str, level: str) -> None:
    """It depends on nobody what they are told, but it may begin a transaction, and meet whoever locks the file."""
    agree(stage_at(db, level), db, level, FIRST, 25, 2, make=with_asides)


@pytest.mark.slow
@pytest.mark.parametrize("callers", [2, 3])
@pytest.mark.parametrize(("db", "level"), LEVELS)
def test_random_programs_of_equal_callers_agree(stage_at: StageAt, db: str, level: str, callers: int) -> None:
    assert agree_alike(stage_at(db, level), db, level, FIRST, 10 if callers == 2 else 5, callers) > 0


def measured(
    stage: Stage, db: str, level: str, callers: int, make: Callable[[int, int], tuple[Program, ...]] = programs
) -> None:
    """As many programs as the record has, from its first seed; what comes of it is noted (`tests.quality.agreed`)."""
    effects = make is with_effects
    known = {key[2:]: each for key, each in record().items()}[callers, effects]  # alike at each level
    count, most = asked_for() or known.agreed, MOST if callers == 2 else 2 * MOST
    path = note(agree(stage, db, level, known.first if effects else REPORTED[callers], count, callers, most, make))
    print(f"noted in {path}")  # noqa: T201


@pytest.mark.large
@pytest.mark.parametrize("callers", [2, 3])
@pytest.mark.parametrize(("db", "level"), [*LEVELS, *UNMEASURED])
def test_thousands_of_random_programs_agree(stage_at: StageAt, db: str, level: str, callers: int) -> None:
    measured(stage_at(db, level), db, level, callers)


@pytest.mark.large
@pytest.mark.parametrize("callers", [2, 3])
@pytest.mark.parametrize(("db", "level"), LEVELS)
def test_more_random_programs_with_effects_agree(stage_at: StageAt, db: str, level: str, callers: int) -> None:
    measured(stage_at(db, level, WITH_EFFECTS), db, level, callers, with_effects)


def test_the_record_is_of_every_level_that_is_put_into_classes() -> None:
    noted = record()
    assert set(noted) == {(*level, *kind) for level in LEVELS for kind in product((2, 3), (False, True))}
    assert all(each.first >= FIRST + 100_000 for each in noted.values())  # those before are run each day
    for (db, level), agreed in fit._AGREED.items():
        assert agreed.effects is not None
        told = agreed.two, agreed.three, agreed.effects.two, agreed.effects.three
        kinds = ((2, False), (3, False), (2, True), (3, True))
        assert told == tuple(noted[db, level, *kind].agreed for kind in kinds)
    assert set(fit._AGREED) == set(LEVELS)


def test_what_is_measured_is_noted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a few programs, and in place of what was noted of the same level before."""
    aside = tmp_path / "agreed.json"
    monkeypatch.setattr(agreed_module, "ASIDE", aside)
    monkeypatch.setattr(agreed_module, "RECORD", tmp_path / "record.json")
    monkeypatch.setattr(agreed_module, "ROOT", tmp_path)
    monkeypatch.setenv("ACIDITY_AGREED_PROGRAMS", "1")
    monkeypatch.setenv("ACIDITY_UPDATE_DOCS", "1")  # which so few never reach
    for last in (7, 8):
        there = note(Agreed("sqlite", "delete", 2, effects=False, first=7, last=last, agreed=1))
    note(Agreed("sqlite", "wal", 2, effects=False, first=7, agreed=1))
    assert there == aside
    assert [(each.level, each.last) for each in record(aside).values()] == [("delete", 8), ("wal", None)]
    monkeypatch.delenv("ACIDITY_AGREED_PROGRAMS")
    assert note(Agreed("sqlite", "wal", 2, effects=False, first=7)) == tmp_path / "record.json"


def agree_alike(stage: Stage, db: str, level: str, first: int, count: int, callers: int) -> int:
    """The same where some do the same and are run in one order of their letters; what is found holds for all letters.

    Returns:
        How many schedules were run of how many classes less.
    """
    done, seed, saved = 0, first, 0
    while done < count:
        made = alike(seed, callers)
        lab = Lab(stage, operations(made))
        kin = {
            name: tuple(lab.names[place] for place, each in enumerate(made) if each == made[0]) for name in lab.names
        }
        kin = {name: like for name, like in kin.items() if name in like}
        try:
            every = of_every(lab, MOST)
            del every["runs"]
            whole, runs, _ = of_classes(stage, lab, level, relation_at(db, level))
            found, fewer, unfit = of_classes(stage, lab, level, relation_at(db, level), kin=kin)
        except (TooMany, Deviated):
            seed += 1
            continue
        assert unfit == "", f"seed {seed}"
        assert set(in_other_letters(every, kin)) == set(every) == set(whole), f"seed {seed}: {made}"
        missed = set(every) - set(in_other_letters(found, kin))
        assert missed == set(), f"seed {seed}: {made}"
        assert fewer <= runs, f"seed {seed}"
        done, seed, saved = done + 1, seed + 1, saved + runs - fewer
    return saved
