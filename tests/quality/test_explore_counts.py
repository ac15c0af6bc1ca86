"""How many classes of schedules some programs have: docs/explanation/interleavings.md says it, and here it is counted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from fractions import Fraction
from functools import cache
from itertools import product, takewhile
from math import comb
from pathlib import Path

import pytest

from acidity.prove import Operation
from acidity.prove.explore.classes.families import family_of
from acidity.prove.explore.classes.fit import agreed_at
from acidity.prove.explore.equals import Equals
from acidity.prove.explore.lab import Lab
from acidity.prove.stage.stage import Stage
from tests.quality.agreed import record
from tests.quality.contested import CONTESTED, EQUAL, together
from tests.quality.random_callers import of_classes, of_every
from tests.quality.test_explore_agreed import MOST as MOST_ORDERS

PAGE = Path(__file__).parents[2] / "docs" / "explanation" / "interleavings.md"
COLUMNS = {
    "SQLite": ("sqlite", "delete"),
    "SQLite, WAL": ("sqlite", "wal"),
    "PostgreSQL RC": ("postgresql", "READ COMMITTED"),
    "PostgreSQL RR": ("postgresql", "REPEATABLE READ"),
    "PostgreSQL SER": ("postgresql", "SERIALIZABLE"),
    "MariaDB RC": ("mariadb", "READ COMMITTED"),
    "MariaDB RR": ("mariadb", "REPEATABLE READ"),
    "MariaDB SER": ("mariadb", "SERIALIZABLE"),
}
EQUAL_COLUMNS = ("SQLite", "SQLite, WAL", "PostgreSQL RC", "MariaDB RC", "PostgreSQL SER")

# How many classes a trial had whose reduction was not sound; by the columns above. The bar is a quarter more.
TRIAL = {
    "lost update": (5, 5, 5, 5, 10, 5, 5, 6),
    "FOR UPDATE": (5, 5, 2, 6, 6, 2, 2, 6),
    "guarded UPDATE": (2, 2, 2, 4, 4, 2, 2, 4),
    "write skew": (7, 5, 3, 3, 16, 3, 3, 6),
    "two transfers, same accounts": (7, 7, 7, 5, 22, 7, 5, 6),
    "opposite transfers, Core": (2, 2, 4, 6, 6, 4, 4, 6),
    "opposite transfers, ORM": (7, 7, 9, 7, 24, 9, 7, 10),
    "lost update, three callers": (64, 64, 64, 45, 186, 64, 64, 80),
    "three bookings of a seat": (39, 39, 39, 27, 561, 125, 207, 189),
    "two transfers and an audit": (18, 18, 18, 10, 98, 18, 9, 30),
    "two checkouts, one customer": (7, 7, 2, 8, 8, 2, 2, 8),
    "two checkouts, two customers": (7, 5, 2, 7, 10, 2, 2, 8),
}
BAR = Fraction(5, 4)
MOST = 10_000  # schedules, none of which is left to chance
MANY = "three bookings of a seat"
CHEAP = ("lost update", "FOR UPDATE", "guarded UPDATE", "opposite transfers, Core")


@cache
def page() -> str:
    return PAGE.read_text(encoding="utf-8")


def table(head: str) -> list[list[str]]:
    """Its head and its rows."""
    _, found, rest = page().partition(f"| {head} |")
    lines = [line for line in takewhile(bool, (found + rest).splitlines()) if not line.startswith("|---")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def rows(head: str) -> list[list[str]]:
    return table(head)[1:]


@cache
def counts(head: str = "programs") -> dict[tuple[str, str], int]:
    """By program and column."""
    (_, *columns), *lines = table(head)
    return {(name, column): int(cell) for name, *cells in lines for column, cell in zip(columns, cells, strict=True)}


def over_the_bar(name: str, column: str, runs: int) -> bool:
    return runs > BAR * TRIAL[name][list(COLUMNS).index(column)]


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


def cells(programs: Iterable[str], columns: Iterable[str], is_cheap: Callable[[str], bool]) -> Iterator[object]:
    for name, column in product(programs, columns):
        marks = [] if column == "SQLite" and is_cheap(name) else [pytest.mark.slow]
        marks = [pytest.mark.large] if name == MANY and not column.startswith("SQLite") else marks
        yield pytest.param(name, column, marks=marks, id=f"{name}-{'-'.join(COLUMNS[column])}")


def runs_of(stage_at: Callable[[str, str], Stage], column: str, operations: Sequence[Operation], *, kin: bool) -> int:
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


@pytest.mark.parametrize(("name", "column"), list(cells(CONTESTED, COLUMNS, CHEAP.__contains__)))
def test_so_many_classes(stage_at: Callable[[str, str], Stage], name: str, column: str) -> None:
    """As many as the page says, and no more than the bar, but where the page says why."""
    runs = runs_of(stage_at, column, CONTESTED[name].operations, kin=False)
    assert runs == counts()[name, column]
    assert not over_the_bar(name, column, runs) or (name, column) in reasons()


@pytest.mark.parametrize(("name", "column"), list(cells(EQUAL, EQUAL_COLUMNS, lambda name: name.startswith("two, l"))))
def test_so_many_classes_of_equal_callers(stage_at: Callable[[str, str], Stage], name: str, column: str) -> None:
    assert runs_of(stage_at, column, EQUAL[name].operations, kin=True) == counts("equal callers")[name, column]


def reasons() -> dict[tuple[str, str], str]:
    """Why a figure is over the bar, by program and column."""
    return {(name, column): why for name, column, *_, why in rows("over the bar")}


def test_the_page_says_why_a_figure_is_over_the_bar() -> None:
    """Each of them, and no other one, with what the trial had."""
    over = [
        [name, column, str(counts()[name, column]), str(TRIAL[name][place])]
        for name, (place, column) in product(CONTESTED, enumerate(COLUMNS))
        if over_the_bar(name, column, counts()[name, column])
    ]
    assert [line[:4] for line in rows("over the bar")] == over
    assert all(len(why.split()) > 4 for why in reasons().values())


@pytest.mark.slow
@pytest.mark.parametrize(("name", "orders"), [("FOR UPDATE", 6), ("guarded UPDATE", 4)])
def test_so_many_orders_without_a_hand_over(stage_at: Callable[[str, str], Stage], name: str, orders: int) -> None:
    lab = Lab(stage_at("postgresql", "READ COMMITTED"), CONTESTED[name].operations)
    assert len(of_every(lab, MOST)["runs"]) == orders
    assert "and a guarded UPDATE two runs instead of six and four" in " ".join(page().split())


def test_what_the_page_says_of_numbers_of_orders() -> None:
    """So many ways there are to interleave two callers of so many calls."""
    said = " ".join(page().split())
    assert f"Two callers of five calls each can be interleaved in {comb(10, 5)} ways" in said
    assert f"A checkout has nine steps; two of them have {comb(18, 9):,} orders or more" in said


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


KINDS = ((2, False), (3, False), (2, True), (3, True))  # callers, and whether they have effects


def test_the_page_says_how_many_programs_agreed() -> None:
    """What is not measured is searched order by order, by the page and by the code."""
    told, noted = {name: cells for name, *cells in rows("engine, level")}, record()
    assert set(AGREED) < set(told)
    for name, (db, level) in AGREED.items():
        numbers = [noted[db, level, *kind].agreed for kind in KINDS]
        assert told[name] == [*(f"{each:,} of {each:,}" for each in numbers), "one of each class"]
        assert agreed_at(db, level) is not None
    for name in set(told) - set(AGREED):
        assert told[name] == ["–", "–", "–", "–", "every order"]
    assert agreed_at("mariadb", "READ UNCOMMITTED") is None


def test_what_the_page_says_of_the_record() -> None:
    """Seeds, sizes and how many orders were run, as far as that was noted."""
    said, noted = " ".join(page().split()), record()
    for kind, first in zip(
        KINDS, ("{:,} on, without", "{:,} on, one or two", "{:,} on, those", "{:,} on"), strict=True
    ):
        assert f"from {first.format(noted['sqlite', 'delete', *kind].first)}" in said
    assert f"more than {MOST_ORDERS} orders" in said
    assert f"at most {2 * MOST_ORDERS} orders" in said
    sqlite = noted["sqlite", "delete", 2, False]
    assert f"{sqlite.orders:,} orders on SQLite's rollback journal, and {sqlite.classes:,} classes" in said
    without = {each.key[2:] for each in noted.values() if each.engine_version is None}
    assert ("nor which versions of the engines these were" in said) is bool(without)
    assert (2, False) not in without


def test_the_page_counts_all_of_them() -> None:
    assert list(counts()) == list(product(CONTESTED, COLUMNS))
    assert list(counts("equal callers")) == list(product(EQUAL, EQUAL_COLUMNS))
    assert list(TRIAL) == list(CONTESTED)
