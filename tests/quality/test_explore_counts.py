"""How many classes of schedules some programs have: docs/explanation/interleavings.md says it, and here it is counted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from functools import cache
from itertools import takewhile
from pathlib import Path

import pytest

from acidity.prove import Operation
from acidity.prove.explore.classes.families import family_of
from acidity.prove.explore.classes.fit import agreed_at
from acidity.prove.explore.equals import Equals
from acidity.prove.explore.lab import Lab
from acidity.prove.stage.stage import Stage
from tests.quality.contested import CONTESTED, EQUAL, together
from tests.quality.random_callers import of_classes

PAGE = Path(__file__).parents[2] / "docs" / "explanation" / "interleavings.md"
COLUMNS = (
    ("sqlite", "delete"),
    ("sqlite", "wal"),
    ("postgresql", "READ COMMITTED"),
    ("mariadb", "READ COMMITTED"),
    ("postgresql", "SERIALIZABLE"),
)
MOST = 10_000  # schedules, none of which is left to chance
CHEAP = ("lost update", "FOR UPDATE", "guarded UPDATE", "opposite transfers, Core")


def rows(head: str) -> list[list[str]]:
    lines = PAGE.read_text(encoding="utf-8").partition(f"| {head} |")[2].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in takewhile(bool, lines)]


@cache
def counts(head: str = "programs") -> dict[str, tuple[int | None, ...]]:
    """None for what is too much to count."""
    return {row[0]: tuple(None if cell == "–" else int(cell) for cell in row[1:]) for row in rows(head)}


@pytest.fixture(scope="module")
def stage_at() -> Iterator[Callable[[str, str], Stage]]:
    """A Stage at an engine and level; the one before is closed, since its connections would be foreign ones."""
    opened: dict[tuple[str, str], Stage] = {}
    scenario = together(*next(iter(CONTESTED.values())).operations)
    with ExitStack() as stack:

        def stage(db: str, level: str) -> Stage:
            if (db, level) not in opened:
                stack.close()
                opened.clear()
                settings = {"journal_mode": level} if db == "sqlite" else {}
                imposed = None if db == "sqlite" else level
                opened[db, level] = stack.enter_context(Stage(scenario, db, settings, imposed, 30.0))
            return opened[db, level]

        yield stage


def cells(programs: Iterable[str], is_cheap: Callable[[str], bool]) -> Iterator[object]:
    for name in programs:
        for column, (db, level) in enumerate(COLUMNS):
            if level == "SERIALIZABLE" and name == "three bookings of a seat":
                continue
            marks = [] if db == "sqlite" and level == "delete" and is_cheap(name) else [pytest.mark.slow]
            marks = [pytest.mark.large] if name == "three bookings of a seat" and db != "sqlite" else marks
            yield pytest.param(name, column, marks=marks, id=f"{name}-{db}-{level}")


def runs_of(stage_at: Callable[[str, str], Stage], column: int, operations: Sequence[Operation], *, kin: bool) -> int:
    """How many schedules are run, one of each class; of equal callers in one order, where they are to be."""
    db, level = COLUMNS[column]
    relation = family_of(db, level)
    assert relation is not None
    stage = stage_at(db, level)
    lab = Lab(stage, operations)
    _, runs, unfit = of_classes(
        stage, lab, level, relation, kin=Equals(lab.names, lab.operations).kin if kin else None, most=MOST
    )
    assert not unfit
    return runs


@pytest.mark.parametrize(("name", "column"), list(cells(CONTESTED, CHEAP.__contains__)))
def test_so_many_classes(stage_at: Callable[[str, str], Stage], name: str, column: int) -> None:
    assert runs_of(stage_at, column, CONTESTED[name].operations, kin=False) == counts()[name][column]


@pytest.mark.parametrize(("name", "column"), list(cells(EQUAL, lambda name: name.startswith("two, l"))))
def test_so_many_classes_of_equal_callers(stage_at: Callable[[str, str], Stage], name: str, column: int) -> None:
    assert runs_of(stage_at, column, EQUAL[name].operations, kin=True) == counts("equal callers")[name][column]


AGREED = {
    "SQLite, rollback journal": ("sqlite", "delete"),
    "SQLite, WAL": ("sqlite", "wal"),
    **{
        f"{name}, {level}": (name.lower(), level)
        for name in ("PostgreSQL", "MariaDB")
        for level in ("READ COMMITTED", "REPEATABLE READ")
    },
    "PostgreSQL, SERIALIZABLE": ("postgresql", "SERIALIZABLE"),
    "MariaDB, SERIALIZABLE": ("mariadb", "SERIALIZABLE"),
}


def test_the_page_says_how_many_programs_agreed() -> None:
    """What is not measured is searched order by order, by the page and by the code."""
    told = {name: cells for name, *cells in rows("engine, level")}
    assert set(AGREED) < set(told)
    for name, (db, level) in AGREED.items():
        measured = agreed_at(db, level)
        assert measured is not None
        assert measured.effects is not None
        effects = measured.effects
        agreed = [f"{each:,} of {each:,}" for each in (measured.two, measured.three, effects.two, effects.three)]
        assert told[name] == [*agreed, "one of each class"]
    for name in set(told) - set(AGREED):
        assert told[name] == ["–", "–", "–", "–", "every order"]
    assert agreed_at("mariadb", "READ UNCOMMITTED") is None


def test_the_page_counts_all_of_them() -> None:
    assert (list(counts()), list(counts("equal callers"))) == (list(CONTESTED), list(EQUAL))
