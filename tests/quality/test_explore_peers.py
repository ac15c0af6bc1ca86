"""Where other tools that let callers at it together pass what is wrong, refuse what is right, name nothing, or hang."""

from __future__ import annotations

import pytest

from acidity import prove
from acidity.core.report import Report
from tests.quality.peers import PEERS


def cells() -> list[object]:
    return [
        pytest.param(name, where, id=f"{name}-{where}", marks=() if where in peer.cheap else pytest.mark.slow)
        for name, peer in PEERS.items()
        for where in peer.wrong
    ]


def is_as_told(report: Report, wrong: str) -> bool:
    """A name, a deadlock that passes, or nothing at all."""
    found = [finding.anomaly or finding.word for finding in report.findings]
    if wrong in {"", "deadlock"}:
        return report.verdict == "pass" and set(found) == {wrong} - {""}
    return report.verdict == "fail" and wrong in found and report.unknowns == ()


@pytest.mark.dear
@pytest.mark.one_in(5)
@pytest.mark.parametrize(("name", "where"), cells())
def test_right_verdict_and_name(name: str, where: str) -> None:
    peer, (db, _, level) = PEERS[name], where.partition(" ")
    asked = {"db": db, "isolation_level": level or None}
    if peer.schedule:
        report = prove.replay_together(peer.scenario, peer.schedule, **asked)  # type: ignore[arg-type]
    else:
        report = prove.explore(peer.scenario, **asked)  # type: ignore[arg-type]
        (schedules, _) = report.bounds
        assert schedules.covered == schedules.total == report.runs
    assert is_as_told(report, peer.wrong[where]), str(report)


MANY = [name for name, peer in PEERS.items() if peer.schedule]


@pytest.mark.slow
@pytest.mark.parametrize("name", MANY)
@pytest.mark.parametrize("db", ["sqlite", "postgresql", "mariadb"])
def test_the_search_finds_it_by_itself(name: str, db: str) -> None:
    """The order of messages; above, only the schedule that shows it is run."""
    peer = PEERS[name]
    (wrong,) = set(peer.wrong.values())
    report = prove.explore(peer.scenario, db=db, runs_max=peer.runs_max)
    assert report.verdict == ("fail" if wrong else "pass"), str(report)
    assert {finding.anomaly for finding in report.findings if finding.severity == "error"} >= {wrong} - {""}
