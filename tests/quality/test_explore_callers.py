"""Traps with locks, versions, savepoints and retries, and their right twins, however they call the database."""

from __future__ import annotations

import pytest

from acidity import prove
from tests.quality.callers_traps import EVERYWHERE, TRAPS

# By default each trap where it costs least, and its twin there, too.
CHEAP = {
    "postgresql READ COMMITTED": ("join", "no row to lock", "another row to lock", "guarded, plain", "insert or get, plain"),
    "sqlite": ("uncounted", "counted", "take", "take, guarded", "again", "core", "nested", "guarded, async", "counted, core"),
    "mariadb REPEATABLE READ": ("take",),
}  # fmt: skip
MOST = 2000  # schedules; three callers of three calls have 1680


def cells() -> list[object]:
    return [
        pytest.param(name, where, marks=() if name in CHEAP.get(where, ()) else pytest.mark.slow, id=f"{name}-{where}")
        for name in TRAPS
        for where in EVERYWHERE
    ]


@pytest.mark.one_in(4)
@pytest.mark.parametrize(("name", "where"), cells())
def test_right_verdict_and_name(name: str, where: str) -> None:
    (scenario, wrong), (db, _, level) = TRAPS[name], where.partition(" ")
    report = prove.explore(scenario, db=db, isolation_level=level or None, runs_max=MOST)
    names = [finding.anomaly for finding in report.findings if finding.severity == "error"]
    assert report.unknowns == ()
    assert report.verdict == ("fail" if where in wrong else "pass"), str(report)
    assert where not in wrong or wrong[where] in names, str(report)
