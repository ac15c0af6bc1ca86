"""Ctrl-C and a polite kill end a check in the middle of its runs: they get out, and what was found gets out with them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from select import select
from time import monotonic
from typing import Any

import psycopg
import pytest
from psycopg.pq import ConnStatus, PGconn, PollingStatus

from acidity import prove
from acidity.core.finding import Tried
from acidity.core.report import ExitReason, Report
from acidity.engines import new_sandbox
from acidity.engines.postgresql.sandbox import PostgresqlSandbox
from acidity.errors import Terminated
from tests.engines.bank import bank
from tests.quality import operations as ops
from tests.quality.controls import Control, said
from tests.tiers import mostly_slow

ROOT = Path(__file__).parents[2]
TORN = Control(ops.two_commits, frozenset({"torn"})).scenario()
# The process sends itself the signal while the user's function runs, far into the struck runs.
BANK = textwrap.dedent("""
    import os, signal
    from acidity.prove import Scenario
    from tests.engines.bank import bank
    from tests.quality.operations import two_commits

    calls = []

    def stopped(session):
        calls.append(1)
        if len(calls) == {at}:
            os.kill(os.getpid(), signal.{name})
        two_commits(session)

    scenario = bank(stopped)
    if __name__ == "__main__":
        from acidity import prove
        try:
            prove.drill(scenario, remedies=False)
        except KeyboardInterrupt as stop:
            print(type(stop).__name__, stop.report.verdict, stop.report.ended.name, len(stop.report.findings) > 0)
            raise
""")


def started(folder: Path, name: str, *command: str) -> subprocess.CompletedProcess[str]:
    (folder / "stopping.py").write_text(BANK.format(at=60, name=name))
    path = os.pathsep.join([str(folder), str(ROOT), os.environ.get("PYTHONPATH", "")])
    return subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
def test_ctrl_c_gets_out_with_the_report(tmp_path: Path) -> None:
    ended = started(tmp_path, "SIGINT", "stopping.py")
    assert ended.stdout == "Interrupted fail INTERRUPTED True\n", ended.stderr
    assert ended.returncode not in {0, 3}, ended.stderr


@pytest.mark.dear
@pytest.mark.parametrize("number", mostly_slow(signal.SIGTERM, of=[signal.SIGINT, signal.SIGTERM]))
def test_the_command_line_prints_what_was_found(tmp_path: Path, number: signal.Signals) -> None:
    ended = started(tmp_path, number.name, "-m", "acidity", "drill", "stopping:scenario")
    assert ended.returncode == 128 + number, ended.stderr
    assert "torn, ACI201" in ended.stdout
    assert f"stopped: {ExitReason.INTERRUPTED.value if number == signal.SIGINT else ExitReason.TERMINATED.value}" in (
        ended.stdout
    )


class StopAt:
    """A progress that is stopped after so many runs."""

    def __init__(self, run: int, by: BaseException) -> None:
        self.run, self.by = run, by

    def __call__(self, done: int, _total: int, _label: str) -> None:
        if done == self.run:
            raise self.by


@pytest.mark.slow
def test_what_was_found_before_is_in_the_report() -> None:
    with pytest.raises(KeyboardInterrupt) as stopped:
        prove.drill(TORN, remedies=False, progress=StopAt(60, KeyboardInterrupt()))
    assert isinstance(stopped.value, prove.Interrupted)
    report: Report = stopped.value.report
    assert (report.verdict, report.ended) == ("fail", ExitReason.INTERRUPTED)
    assert said(report) == {"torn"}
    assert "two_commits: interrupted after 60 of" in report.unknowns[0]


def test_a_card_that_was_stopped_has_its_letters() -> None:
    with pytest.raises(prove.Interrupted) as stopped:
        prove.check(TORN, letters="AC", remedies=False, progress=StopAt(2, KeyboardInterrupt()))
    card = stopped.value.report
    assert (card.verdict, set(card.letters)) == ("unknown", set("ACID"))
    assert {card.letters[letter].ended for letter in "AC"} == {ExitReason.INTERRUPTED}


def test_the_answers_for_earlier_engines_are_not_lost() -> None:
    made: list[Any] = []

    def progress(done: int, *_: Any) -> None:
        made.append(done)
        if made.count(1) == 2:
            raise KeyboardInterrupt

    with pytest.raises(prove.Interrupted) as stopped:
        prove.drill(TORN, db=["sqlite", "sqlite"], faults=["error-before"], remedies=False, progress=progress)
    (earlier,) = stopped.value.earlier
    assert (earlier.verdict, earlier.ended) == ("fail", ExitReason.FINISHED)
    assert stopped.value.report.ended is ExitReason.INTERRUPTED


def test_a_polite_kill_takes_the_report_along() -> None:
    with pytest.raises(Terminated) as stopped:
        prove.drill(TORN, remedies=False, progress=StopAt(2, Terminated(143)))
    assert stopped.value.code == 143
    assert stopped.value.report.ended is ExitReason.TERMINATED


@pytest.mark.dear
def test_a_check_stopped_among_trials_of_remedies_is_undecided() -> None:
    """No remedy is blamed for a trial that was cut short, and the operations after it were not drilled."""
    calls: list[int] = []

    def stops_late(session: Any) -> None:
        calls.append(1)
        if len(calls) == stop_at:
            raise KeyboardInterrupt
        ops.two_commits(session)

    scenario = Control(stops_late).scenario()
    stop_at = 0
    prove.drill(scenario, faults=["error-before"], remedies=False)
    stop_at, calls = len(calls) + 4, []
    with pytest.raises(prove.Interrupted) as stopped:
        prove.drill(scenario, faults=["error-before"])
    report = stopped.value.report
    assert (report.ended, report.unknowns) == (ExitReason.INTERRUPTED, ("interrupted",))
    assert said(report) == {"torn"}
    assert {remedy.verdict for found in report.findings for remedy in found.remedies} <= {Tried.NOT_TRIED}


LET_GO_S = 20  # PostgreSQL gives a client 60 s to log in


@pytest.mark.parametrize("at", [1, 4], ids=["a clean run", "a struck run"])
def test_a_connection_that_was_being_opened_does_not_hold_up_the_end(at: int) -> None:
    """The server waits for the client that Ctrl-C has stopped, and DROP DATABASE for all that it has begun to serve."""
    calls: list[int] = []

    def logs_in(dsn: str) -> None:
        calls.append(1)
        if len(calls) == at:
            connection = half_open(dsn)
            assert connection.status not in {ConnStatus.OK, ConnStatus.BAD}
            raise KeyboardInterrupt
        with psycopg.connect(dsn) as whole:
            whole.execute("UPDATE accounts SET balance = balance - 1")

    began = monotonic()
    with pytest.raises(KeyboardInterrupt):
        prove.drill(bank(logs_in), db="postgresql", faults=["error-before"], remedies=False)
    assert monotonic() - began < LET_GO_S


def half_open(dsn: str) -> PGconn:
    """A connection whose password the server waits for."""
    connection = PGconn.connect_start(dsn.encode())
    while True:
        wanted = connection.connect_poll()
        if wanted == PollingStatus.READING and connection.status == ConnStatus.AWAITING_RESPONSE:
            select([connection.socket], [], [], LET_GO_S)
            return connection
        ready = ([connection.socket], []) if wanted == PollingStatus.READING else ([], [connection.socket])
        select(*ready, [], LET_GO_S)


@pytest.mark.dear
def test_what_was_connecting_when_the_signal_came_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """A session that is half open hears of no DROP DATABASE, which waits for all of them."""
    connect = PostgresqlSandbox.connect_admin
    made: list[PostgresqlSandbox] = []

    def interrupted(sandbox: PostgresqlSandbox, database: str | None = None) -> Any:
        if database is None or made:
            return connect(sandbox, database)
        made.append(sandbox)
        server = sandbox.server
        where = f"host={server.host} port={server.port} user={server.superuser} dbname={database}"
        connection = half_open(where)
        assert connection.status not in {ConnStatus.OK, ConnStatus.BAD}
        raise KeyboardInterrupt

    monkeypatch.setattr(PostgresqlSandbox, "connect_admin", interrupted)
    began = monotonic()
    with pytest.raises(KeyboardInterrupt):
        new_sandbox("postgresql", {})
    assert monotonic() - began < LET_GO_S
    (stopped,) = made
    sandbox: Any = new_sandbox("postgresql", {})
    try:
        assert sandbox.ask("SELECT datname FROM pg_database WHERE starts_with(datname, %s)", (stopped.database,)) == []
    finally:
        sandbox.close()
