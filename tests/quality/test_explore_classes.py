"""One run of each class finds what all schedules find: on programs that are aimed at each rule, and lose an outcome without it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields, replace

import pytest

from acidity.engines.base import Sandbox
from acidity.prove.explore.classes import catalogues, fit, follower, statement, tree
from acidity.prove.explore.classes.fit import Manner, classes_of
from acidity.prove.explore.classes.footprint import Reader
from acidity.prove.explore.classes.items import NOTHING
from acidity.prove.explore.classes.relation import Relation
from acidity.prove.explore.classes.schema import Schema
from acidity.prove.explore.lab import Lab
from acidity.prove.stage.stage import Stage
from tests.quality.aimed import (
    AIMED,
    BESIDE,
    BY_CHOICE,
    EARLY_VIEW_OF_A_TRIGGER,
    EVERY_LEVEL,
    OPPOSITE,
    READS_PARENT,
    TAKERS,
    UNLESS_TAKEN_BACK,
    WHO_COMMITTED_FIRST,
    Aimed,
    both,
)
from tests.quality.random_callers import LEVELS, WITH_EFFECTS, of_classes, of_every, operations
from tests.quality.random_steps import Program
from tests.quality.staged import StageAt, relation_at


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
@pytest.mark.parametrize(("db", "level"), LEVELS)
def test_a_view_of_the_rows_before_a_trigger(stage_at: StageAt, db: str, level: str) -> None:
    """Who will change a table with a trigger touches anything, from the first statement on."""
    every = agrees(stage_at(db, level), db, level, EARLY_VIEW_OF_A_TRIGGER)
    assert len(every) > 1


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
