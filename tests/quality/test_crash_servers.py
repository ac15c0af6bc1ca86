"""Letter D on servers: every process is killed at each COMMIT, before, while it is under way and after its answer."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from acidity import prove
from acidity.core.call import Call, Kind
from acidity.engines import new_sandbox
from acidity.engines.hosted import HostedSandbox
from acidity.engines.process import parent_of
from acidity.prove.crash.judge import Word
from acidity.prove.crash.kills import NAMES, cycles
from tests.quality.test_crash import of, sell, sell_in_two, wrong
from tests.tiers import SERVERS

# The delays, which are shorter by default, keep a busy machine from flushing the log before the kill.
LOSSY: Mapping[str, Mapping[str, str]] = {
    "postgresql": {"synchronous_commit": "off", "wal_writer_delay": "10s"},
    "mariadb": {"innodb_flush_log_at_trx_commit": "0", "innodb_flush_log_at_timeout": "60"},
}
AT_HAND: Mapping[str, int] = {"postgresql": 100, "mariadb": 50}


def test_the_kills_are_spread_over_the_commits_and_drawn_by_the_seed() -> None:
    calls = [Call("A", 1, Kind.STATEMENT), Call("A", 2, Kind.COMMIT), Call("A", 3, Kind.COMMIT)]
    planned = cycles(calls, 7, seed=1)
    assert [str(strike.schedule) for strike in planned[:3]] == [
        "ac1:A2!server-killed-after",
        "ac1:A2!server-killed-before",
        "ac1:A2!server-killed-under-way",
    ]
    assert {strike.index for strike in planned[:6]} == {2, 3}
    assert {strike.fault.name for strike in planned} == NAMES
    assert [strike.index for strike in cycles(calls, 40, seed=1)] == [strike.index for strike in cycles(calls, 40, 1)]
    assert cycles(calls[:1], 7, seed=1) == [], "nothing is committed"


@pytest.mark.slow
@pytest.mark.parametrize("db", SERVERS)
def test_every_process_of_the_server_is_killed_and_no_other_one(db: str) -> None:
    sandbox, other = (new_sandbox(db, {"acidity.server": where}) for where in ("dedicated", "shared"))
    assert isinstance(sandbox, HostedSandbox)
    assert isinstance(other, HostedSandbox)
    try:
        first = sandbox.server.pid
        assert first is not None
        running = [int(path.name) for path in Path("/proc").iterdir() if path.name.isdecimal()]
        children = [number for number in running if parent_of(number) == first]
        sandbox.kill_server()
        assert not sandbox.server.lives()
        assert not [number for number in children if parent_of(number) == first]
        assert other.server.lives()
        assert other.ask("SELECT 1") == [(1,)]
        sandbox.revive_server()
        assert sandbox.ask("SELECT 1") == [(1,)]
        assert sandbox.server.pid != first
    finally:
        sandbox.close()
        other.close()


@pytest.mark.slow
@pytest.mark.parametrize("db", SERVERS)
def test_defaults_lose_nothing_and_asynchronous_commits_are_lost(db: str) -> None:
    durable = prove.crash(of(sell), db=db, runs_max=6, target="shop:sale")
    assert durable.verdict == "pass", str(durable)
    assert durable.bounds[0].covered == 6
    assert any("power loss of the server" in what for what in durable.not_covered)
    lossy = prove.crash(of(sell), db=db, settings=LOSSY[db], runs_max=4, target="shop:sale")
    assert (lossy.verdict, wrong(lossy)) == ("fail", {Word.LOST.value}), str(lossy)
    (finding,) = lossy.findings
    assert (finding.code, str(finding.schedule)) == ("ACI401", "ac1:A3!server-killed-after")
    again = prove.replay_crash(of(sell), finding.schedule, db=db, settings=LOSSY[db])
    assert [found.code for found in again.findings] == ["ACI401"]


@pytest.mark.slow
@pytest.mark.parametrize("db", SERVERS)
def test_a_change_in_two_commits_is_torn_by_a_kill_between_them(db: str) -> None:
    report = prove.crash(of(sell_in_two), db=db, runs_max=6)
    assert wrong(report) == {Word.TORN.value}, str(report)
    card = prove.check(of(sell), db=db, letters="D", runs_max=2)
    assert card.verdict == "pass"


@pytest.mark.large
@pytest.mark.parametrize("db", SERVERS)
def test_defaults_lose_nothing_in_many_cycles(db: str) -> None:
    report = prove.crash(of(sell), db=db, runs_max=AT_HAND[db])
    assert (report.verdict, report.bounds[0].covered) == ("pass", AT_HAND[db]), str(report)
