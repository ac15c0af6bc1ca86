"""One run of each class finds what all schedules find: on random programs, and on programs aimed at each rule.

``python -m pytest tests/quality/test_explore_classes.py -m large`` runs thousands on every level, and notes what it has
measured (`tests.quality.agreed` says where); docs/explanation/interleavings.md and `fit._AGREED` are held to the record.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import fields, replace
from itertools import product
from pathlib import Path
from typing import Protocol

import pytest

from acidity.engines.base import Sandbox
from acidity.prove import Scenario
from acidity.prove.explore.classes import catalogues, fit, follower, statement, tree
from acidity.prove.explore.classes.families import family_of
from acidity.prove.explore.classes.fit import Manner, classes_of
from acidity.prove.explore.classes.footprint import Reader
from acidity.prove.explore.classes.items import NOTHING
from acidity.prove.explore.classes.relation import Relation
from acidity.prove.explore.classes.schema import Schema
from acidity.prove.explore.every import Deviated
from acidity.prove.explore.lab import Lab
from acidity.prove.explore.oracle import Oracle
from acidity.prove.explore.search import Search
from acidity.prove.runs import Runs
from acidity.prove.stage.stage import Stage
from tests.quality import agreed as agreed_module
from tests.quality.agreed import Agreed, asked_for, commit, note, record
from tests.quality.aimed import (
    AIMED,
    BESIDE,
    BY_CHOICE,
    EVERY_LEVEL,
    OPPOSITE,
    READS_PARENT,
    TAKERS,
    UNLESS_TAKEN_BACK,
    UNMEASURED,
    WHO_COMMITTED_FIRST,
    Aimed,
    both,
)
from tests.quality.random_callers import (
    BASE,
    CHANCE,
    LEVELS,
    WITH_EFFECTS,
    TooMany,
    in_other_letters,
    of_classes,
    of_every,
    operations,
)
from tests.quality.random_steps import Program, alike, programs, with_asides, with_effects

Schedule = tuple[str, ...]
FIRST = 1_000_000  # no rule was made from these seeds
REPORTED = {2: 2_300_000, 3: 2_200_000}  # callers → the first of those that nobody looked at before they were counted
MOST = 110  # schedules of one program
BATCHES = 2  # of random programs at each level: with equal callers, 105 of them, so 210 for each engine


class StageAt(Protocol):
    """Gives a Stage."""

    def __call__(self, db: str, level: str, base: Scenario = BASE) -> Stage:
        """For this engine and level."""


@pytest.fixture(scope="module")
def stage_at() -> Iterator[StageAt]:
    """A Stage at an engine and level; the one before is closed, since its connections would be foreign ones."""
    opened: dict[tuple[str, str, int], Stage] = {}
    with ExitStack() as stack:

        def stage(db: str, level: str, base: Scenario = BASE) -> Stage:
            if (db, level, id(base)) not in opened:
                stack.close()
                opened.clear()
                settings = {"journal_mode": level} if db == "sqlite" else {}
                imposed = None if db == "sqlite" else level
                opened[db, level, id(base)] = stack.enter_context(Stage(base, db, settings, imposed, 30.0))
            return opened[db, level, id(base)]

        yield stage


def relation_at(db: str, level: str) -> Relation:
    found = family_of(db, level)
    assert found is not None
    return found


# Random programs


TOO_MANY, BY_CHANCE = "too many orders", "not deterministic on replay"
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
        if CHANCE in every or CHANCE in found:  # what the user is told
            assert CHANCE in found, f"seed {seed}: {made}"
            skipped[BY_CHANCE] += 1
            assert skipped[BY_CHANCE] <= 1 + found_here.agreed // CHANCES, f"seed {seed}: {made}"
            seed += 1
            continue
        assert differing(every, found) == {}, f"seed {seed}: {made}"
        assert fewer <= runs, f"seed {seed}"
        found_here.agreed, found_here.last, seed = found_here.agreed + 1, seed, seed + 1
        orders, classes = orders + runs, classes + fewer
    found_here.orders, found_here.classes = orders, classes
    return found_here


def differing(every: Mapping[object, Schedule], found: Mapping[object, Schedule]) -> dict[str, list[Schedule]]:
    """Schedules of what one of the two searches finds and the other one does not: none must be missed, nor made up."""
    missed = [schedule for outcome, schedule in every.items() if outcome not in found]
    more = [schedule for outcome, schedule in found.items() if outcome not in every]
    return {what: those for what, those in (("missed", missed), ("found in no order", more)) if those}


def test_what_only_one_of_two_searches_finds_is_told() -> None:
    assert differing({1: ("A", "B"), 2: ("B", "A")}, {1: ("A", "B")}) == {"missed": [("B", "A")]}
    assert differing({1: ("A", "B")}, {1: ("B", "A"), 2: ("A", "B")}) == {"found in no order": [("A", "B")]}


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


# Programs aimed at one rule each, which lose an outcome where the rule is planted wrong


def only_adds(relation: Relation, attribute: str, value: object) -> bool:
    """Whether another value can have more schedules run and none less, so that no program goes red by it."""
    if attribute == "snapshots":
        return not {"commit_meets_snapshot", "end_tells"} & set(relation.rules)  # no rule asks for a view
    if attribute == "shares_reads" and relation.snapshots == "read":
        return False  # what locks is no plain read, and takes no view
    values = BESIDE[attribute]
    return values.index(value) > values.index(getattr(relation, attribute))


def with_schema(change: Callable[[Schema], Schema]) -> Callable[[pytest.MonkeyPatch], None]:
    def plant(patch: pytest.MonkeyPatch) -> None:
        def schema_of(sandbox: Sandbox) -> Schema:
            return change(catalogues.schema_of(sandbox))

        patch.setattr(fit, "schema_of", schema_of)

    return plant


def without_uniques(schema: Schema) -> Schema:
    return replace(schema, tables={name: replace(each, uniques=()) for name, each in schema.tables.items()})


def without_triggers(schema: Schema) -> Schema:
    return replace(schema, tables={name: replace(each, triggers=False) for name, each in schema.tables.items()})


def with_view_as_table(schema: Schema) -> Schema:
    return replace(schema, tables={**schema.tables, "low": schema.tables["r"]})


PLANTS: dict[str, Callable[[pytest.MonkeyPatch], None]] = {
    "references": with_schema(lambda schema: replace(schema, references=())),
    "uniques": with_schema(without_uniques),
    "triggers": with_schema(without_triggers),
    "views": with_schema(with_view_as_table),
    "exact": lambda patch: patch.setattr(statement._Reading, "_is_exact", lambda *_: True),
    "anything": lambda patch: patch.setattr(follower, "EVERYTHING", NOTHING),
    "again": lambda patch: patch.setattr(Reader, "again", lambda _self, foot, _changed: foot),
}


def planted(relation: Relation, plant: str, patch: pytest.MonkeyPatch) -> Relation:
    if plant in PLANTS:
        PLANTS[plant](patch)
        return relation
    attribute, beside, said = plant.partition("=")
    if beside:
        (value,) = (each for each in BESIDE[attribute] if str(each) == said)
        return replace(relation, **{attribute: value})  # type: ignore[arg-type]
    return relation.without(plant)


def cells() -> Iterator[object]:
    for (db, level), aimed in AIMED.items():
        for each in aimed:
            marks = () if db == "sqlite" else (pytest.mark.slow,)
            yield pytest.param(db, level, each, marks=marks, id=f"{each.plant}-{db}-{level}")


@pytest.mark.parametrize(("db", "level", "aimed"), list(cells()))
def test_each_rule_is_needed(
    stage_at: StageAt, db: str, level: str, aimed: Aimed, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage, relation = stage_at(db, level, WITH_EFFECTS), relation_at(db, level)
    lab = Lab(stage, operations(aimed.programs))
    every = of_every(lab, 500)
    del every["runs"]
    found, _, unfit = of_classes(stage, lab, level, relation)
    assert (unfit, set(found)) == ("", set(every))
    wrong = planted(relation, aimed.plant, monkeypatch)
    fewer, _, unfit = of_classes(stage, lab, level, wrong)
    assert unfit == ""
    assert set(fewer) < set(every)


def agrees(stage: Stage, db: str, level: str, made: tuple[Program, ...]) -> dict[object, tuple[str, ...]]:
    lab = Lab(stage, operations(made))
    every = of_every(lab, 500)
    del every["runs"]
    found, _, unfit = of_classes(stage, lab, level, relation_at(db, level))
    assert (unfit, set(found)) == ("", set(every))
    return every


def codes(outcomes: dict[object, tuple[str, ...]]) -> set[tuple[str, str]]:
    return {code for outcome in outcomes for code in outcome[2]}  # type: ignore[index]


@pytest.mark.slow
@pytest.mark.parametrize(("db", "code"), [("postgresql", "40P01"), ("mariadb", "1213")])
def test_each_of_two_callers_is_a_deadlocks_victim(stage_at: StageAt, db: str, code: str) -> None:
    """Three things show it, each of which suffices: two that wait, an end by the engine, and whom that wakes."""
    found = agrees(stage_at(db, "READ COMMITTED"), db, "READ COMMITTED", OPPOSITE)
    assert codes(found) == {("A", code), ("B", code)}


@pytest.mark.slow
@pytest.mark.parametrize(("db", "level"), LEVELS[2:])
def test_who_comes_after_a_lock_may_come_before_its_end(
    stage_at: StageAt, db: str, level: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A finds row 1 as it does not want it, and so does not wait; and it was told something since B has locked it."""
    stage = stage_at(db, level, WITH_EFFECTS)
    made = both((("lock", 4), ("tell",), ("take", 1, 15)), (("set", 1, 15), ("tell",), ("ask",)))
    every = agrees(stage, db, level, made)
    monkeypatch.setattr(tree, "_comes_after_lock", lambda *_: False)
    found, _, _ = of_classes(stage, Lab(stage, operations(made)), level, relation_at(db, level))
    assert (set(found) < set(every)) is ((db, level) == ("postgresql", "READ COMMITTED"))


@pytest.mark.slow
def test_to_ask_for_the_level_is_not_to_see_the_rows(stage_at: StageAt) -> None:
    """What `atomic` does to know that it has got its level is no reason to run every schedule."""
    level = "REPEATABLE READ"
    agrees(
        stage_at("postgresql", level),
        "postgresql",
        level,
        both((("shows",), ("read", 1), ("add", 2, 1)), (("add", 1, 5),)),
    )


@pytest.mark.slow
@pytest.mark.parametrize(("db", "level"), LEVELS[2:])
def test_a_level_that_the_program_sets_is_no_reason_to_run_every_schedule(
    stage_at: StageAt, db: str, level: str
) -> None:
    made = both((("level", level), ("lock", 1), ("add", 1, 5)), (("level", level), ("read", 1), ("take", 1, 3)))
    agrees(stage_at(db, level), db, level, made)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("db", "level"),
    [("postgresql", "READ COMMITTED"), ("mariadb", "READ COMMITTED"), ("mariadb", "REPEATABLE READ")],
)
def test_several_wait_for_one_delete(stage_at: StageAt, db: str, level: str) -> None:
    """Which of them goes on first is a fact of the engine, and the same in each run (test_explore_chance)."""
    waiters = Program((("drop", 2),)), Program((("add", 2, 5),)), Program((("lock", 2), ("child", 2, 2, 2)))
    agrees(stage_at(db, level), db, level, waiters)


@pytest.mark.slow
@pytest.mark.parametrize(
    "made",
    [WHO_COMMITTED_FIRST, UNLESS_TAKEN_BACK, READS_PARENT],
    ids=["who committed first", "unless one is taken back", "a parent is read"],
)
def test_what_two_conflicts_in_a_row_come_to_is_found(stage_at: StageAt, made: tuple[Program, ...]) -> None:
    found = agrees(stage_at("postgresql", "SERIALIZABLE"), "postgresql", "SERIALIZABLE", made)
    assert {code for _, code in codes(found)} == {"40001"}


@pytest.mark.dear
@pytest.mark.parametrize(
    "made",
    [
        (TAKERS[0], TAKERS[0], Program((("add", 2, 5),))),
        (Program((("begin", ""), ("lock_group", 2))), Program((("drop", 2),)), Program((("move", 1, 2),), "rollback")),
    ],
    ids=["a pooled connection", "a commit that waits for a reader"],
)
def test_on_sqlite_a_third_caller_waits_like_the_second(stage_at: StageAt, made: tuple[Program, ...]) -> None:
    """Nobody is turned away as busy who would be let in when the others have gone on."""
    assert codes(agrees(stage_at("sqlite", "delete"), "sqlite", "delete", made)) == set()


def test_more_callers_than_were_measured_have_every_order(stage_at: StageAt) -> None:
    stage = stage_at("sqlite", "delete")
    manner = Manner("sqlite", frozenset({"delete"}))
    assert [classes_of(stage, manner, callers, []).tree is None for callers in (2, 3, 4)] == [False, False, True]


def test_every_rule_of_a_relation_is_aimed_at() -> None:
    for db, level in EVERY_LEVEL:
        assert set(relation_at(db, level).rules) <= {aimed.plant for aimed in AIMED[db, level]}


def test_so_is_each_attribute_beside_them() -> None:
    """Each other value than a level's goes red, or cannot lose an outcome, or is not taken for safety, as is said."""
    assert {each.name for each in fields(Relation)} == {"name", "rules", *BESIDE}
    for db, level in EVERY_LEVEL:
        relation, aimed = relation_at(db, level), {each.plant for each in AIMED[db, level]}
        for attribute, values in BESIDE.items():
            for value in [each for each in values if each != getattr(relation, attribute)]:
                plant = f"{attribute}={value}"
                ways = plant in aimed, only_adds(relation, attribute, value), (db, level) in BY_CHOICE.get(plant, ())
                assert ways.count(True) == 1, (db, level, plant, ways)
