"""The same seed gives the same schedules and the same report of several callers, on each engine, in every process."""

from __future__ import annotations

import re

import pytest

from acidity import prove
from acidity.core.scenario import Scenario
from acidity.report.json import render
from tests.quality import together_repeatable
from tests.quality.elsewhere import printed
from tests.tiers import ENGINES

NAMES = [name for name, value in vars(together_repeatable).items() if isinstance(value, Scenario)]
ELAPSED = re.compile(r'"elapsed_s": [0-9.]+')
FEW = ["deadlock", "refused", "three"]
OF_THREE = {"three", "circle"}
PROGRAM = """
import sys
from tests.quality.test_determinism_together import rendered
db, actors, *names = sys.argv[1:]
for name in names:
    print(rendered(name, db, actors))
"""


def on_engines(names: list[str]) -> list[tuple[str, str]]:
    """Not three callers on MariaDB, which on a busy machine does not always tell whom a third one waits for."""
    return [(name, db) for name in names for db in ENGINES if not (db == "mariadb" and name in OF_THREE)]


def rendered(name: str, db: str, actors: str = "threads") -> str:
    """The report as JSON, without the time that it took; at most ten schedules, the last of them by chance."""
    scenario = getattr(together_repeatable, name)
    report = prove.explore(
        scenario,
        db=db,
        actors=actors,  # type: ignore[arg-type]
        runs_max=10,
        seed=7,
        target=f"{together_repeatable.__name__}:{name}",
    )
    assert report.runs > 1, report
    return ELAPSED.sub('"elapsed_s": …', render([report]))


@pytest.mark.dear
@pytest.mark.one_engine
@pytest.mark.parametrize(("name", "db"), on_engines(NAMES))
def test_twice_in_this_process(name: str, db: str) -> None:
    assert rendered(name, db) == rendered(name, db)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "db"), on_engines(FEW))
def test_twice_with_callers_in_processes(name: str, db: str) -> None:
    assert rendered(name, db, "processes") == rendered(name, db, "processes")


@pytest.mark.slow
@pytest.mark.parametrize("db", ENGINES)
@pytest.mark.parametrize(("actors", "names"), [("threads", FEW), ("processes", ["deadlock"])])
def test_in_another_process_with_other_hashes(db: str, actors: str, names: list[str]) -> None:
    names = [name for name, its in on_engines(names) if its == db]
    here = "".join(f"{rendered(name, db, actors)}\n" for name in names)
    assert printed(PROGRAM, db, actors, *names, hash_seed="4711") == here
