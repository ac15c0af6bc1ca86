"""Letter D on servers: every process is killed at each COMMIT, before, while it is under way and after its answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

import pytest
from sqlalchemy import create_engine, text, update
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool

from acidity import prove
from acidity.adapters.seam import Actor, Layer, PendingCall
from acidity.core.call import Call, Event, Kind, Reply, Writes
from acidity.engines import new_sandbox
from acidity.engines.hosted import HostedSandbox
from acidity.engines.process import parent_of
from acidity.errors import UsageError
from acidity.explained.programs.shop import SHOP, Item, every_piece_is_somewhere, nothing_is_owed
from acidity.prove import Operation, Scenario
from acidity.prove.crash.amid import AMID
from acidity.prove.crash.judge import Word
from acidity.prove.crash.killed import OWN_SERVER
from acidity.prove.crash.kills import CLIENT_KILLS, COMMITS_MAX, SERVER_KILLS, cycles, lasting, named, of_the_client
from acidity.prove.crash.together import Committed, Marking, Moment, commits_of, is_explained, kills_at
from acidity.prove.drill.striker import Strike
from acidity.prove.faults.bait import table
from acidity.prove.stage.call import Player
from acidity.prove.stage.quiet import quiet
from acidity.prove.stage.stage import Stage
from examples.availability import SCHEMA as BANK
from examples.availability import SEED, TRANSFER, on_server
from tests.quality.test_crash import of, sell, sell_async, sell_in_two, wrong
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
    assert {strike.fault.name for strike in planned} == SERVER_KILLS - {AMID}
    assert [strike.index for strike in cycles(calls, 40, seed=1)] == [strike.index for strike in cycles(calls, 40, 1)]
    assert cycles(calls[:1], 7, seed=1) == [], "nothing is committed"


def test_what_no_transaction_protects_is_killed_at_as_well_where_nothing_is_committed_after_it() -> None:
    kinds = [Kind.STATEMENT, Kind.COMMIT, Kind.STATEMENT, Kind.STATEMENT]
    reads = {3}
    calls = [
        Call("A", index, kind, writes=Writes(2 * (kind is Kind.STATEMENT and index not in reads)))
        for index, kind in enumerate(kinds, start=1)
    ]
    assert (lasting(calls), lasting(calls, at_once=True)) == ([2], [2, 4])
    assert {strike.index for strike in cycles(calls[:1], 3, seed=1, at_once=True)} == {1}
    assert {strike.index for strike in of_the_client(calls[:1], seed=1, at_once=True)} == {1}


def test_the_program_itself_is_killed_at_its_first_commits_and_somewhere() -> None:
    calls = [Call("A", number, Kind.COMMIT if number % 2 else Kind.STATEMENT) for number in range(1, 12)]
    planned = of_the_client(calls, seed=1)
    assert {strike.fault.name for strike in planned} == CLIENT_KILLS
    assert all(strike.fault.in_child for strike in planned)
    assert len(planned) == 4 * COMMITS_MAX
    assert of_the_client(calls[1:2], seed=1) == [], "nothing is committed"
    for strike in planned:
        choice = strike.schedule.choices[0]
        assert named(choice.fault, choice.calls, 1).schedule == strike.schedule


# Several clients


def test_kills_under_several_clients_are_at_each_commit_and_at_moments() -> None:
    planned = list(islice(kills_at([("A", 3), ("B", 2)], 0.5, Random(1)), 8))
    struck = [str(kill.schedule) for kill in planned if isinstance(kill, Strike)]
    assert struck == [
        f"ac1:{call}!server-killed-{how}" for call in ("A3", "B2") for how in ("after", "under-way", "before")
    ]
    moments = [kill.delay_us for kill in planned if isinstance(kill, Moment)]
    assert len(moments) == 2
    assert all(0 <= moment <= 500_000 for moment in moments)
    assert list(kills_at([], 0.5, Random(1))) == []


@pytest.mark.parametrize(
    ("must", "may", "given", "expected"),
    [
        ("AB", "", {"AB"}, True),
        ("AB", "", {"A"}, False),  # a part of what B has committed, or A has overwritten it
        ("B", "A", {"B"}, True),
        ("B", "A", {"AB"}, True),
        ("B", "A", {"A"}, False),
        ("", "AB", {""}, True),
        ("A", "", {"B", "AB"}, False),
    ],
)
def test_rows_are_explained_by_the_clients_whose_marks_are_there(
    must: str, may: str, given: set[str], expected: object
) -> None:
    assert is_explained(set(must), set(may), lambda names: "".join(names) in given) is expected


def test_each_commit_has_the_mark_that_was_written_before_it() -> None:
    marking = Marking("bait.bait", 1_000_000, marks={2: 1_000_000, 9: 1_000_001})
    kinds = {1: Kind.STATEMENT, 2: Kind.COMMIT, 4: Kind.COMMIT, 9: Kind.COMMIT}
    statuses: dict[int, Any] = {1: "ok", 2: "unknown", 4: "ok", 9: "ok"}
    events = [Event(Call("A", number, kind), Reply(statuses[number])) for number, kind in kinds.items()]
    player = Player(Operation(sell), Actor("A", marking, events=events))
    assert commits_of(player) == [Committed(1_000_000, False), Committed(None, True), Committed(1_000_001, True)]


@dataclass(slots=True)
class Ending(Layer):
    """Ends the session just before a COMMIT is sent on it."""

    part: HostedSandbox

    def intercept(self, pending: PendingCall) -> None:
        if pending.call.kind is Kind.COMMIT:
            assert pending.wire is not None
            ends = "KILL %s" if self.part.engine_name == "mariadb" else "SELECT pg_terminate_backend(%s)"
            self.part.ask(ends, (pending.wire.session,))
        self.inner.intercept(pending)


@pytest.mark.dear
@pytest.mark.parametrize("db", ["postgresql+psycopg", "postgresql+asyncpg", "mariadb+pymysql", "mariadb+aiomysql"])
def test_a_commit_on_a_lost_connection_fails_whatever_acidity_has_asked_on_it(db: str) -> None:
    """A library that heard of it in between takes the transaction for over, and the COMMIT for done."""
    operation = Operation(sell_async if db.endswith(("asyncpg", "aiomysql")) else sell)
    with Stage(Scenario(operation, **SHOP), db, {}) as stage, quiet():
        part = stage.parts[""]
        assert isinstance(part, HostedSandbox)
        ending = Ending(part, inner=Marking(table(part, "bait"), 1_000_000))
        scene = stage.play([Player(operation, Actor("A", ending))])
        assert scene.endings[0].exception, scene
        assert scene.seen.second == stage.seed


def take_two(session: Session) -> None:
    """Reads, and writes what it makes of it: two of them lose one."""
    item = session.get_one(Item, 1)
    session.execute(update(Item).where(Item.id == 1).values(stock=item.stock - 2))
    session.commit()


@pytest.mark.slow
@pytest.mark.parametrize("db", SERVERS)
def test_several_clients_under_killed_servers(db: str) -> None:
    both = Scenario(Operation(sell), Operation(sell), **SHOP)
    lossy = prove.crash(both, db=db, settings=LOSSY[db], runs_max=2, remedies=False, target="shop:both")
    found = [each for each in lossy.findings if "under 2 clients" in each.title]
    assert [(each.code, str(each.schedule)) for each in found] == [("ACI401", "ac1:A3!server-killed-after.B")]
    again = prove.replay_crash(both, found[0].schedule, db=db, settings=LOSSY[db])
    assert ("ACI401", again.bounds[1].covered) in {(each.code, 1) for each in again.findings}
    assert prove.replay_crash(both, "ac1:A!server-killed@900.us.B", db=db).verdict == "pass"
    for schedule in ("ac1:A!server-killed@900.us", "ac1:A3!server-killed-after.B!error-after"):
        with pytest.raises(UsageError):
            prove.replay_crash(both, schedule, db=db)


@pytest.mark.slow
@pytest.mark.parametrize("db", SERVERS)
def test_clients_that_are_not_isolated_are_left_to_letter_i(db: str) -> None:
    report = prove.crash(of(take_two), db=db, runs_max=4)
    assert report.verdict == "pass", str(report)


@pytest.mark.slow
@pytest.mark.parametrize("db", SERVERS)
def test_a_killed_program_leaves_all_or_nothing(db: str) -> None:
    for name in sorted(CLIENT_KILLS):
        right = prove.replay_crash(of(sell), f"ac1:A3!{name}", db=db)
        assert right.verdict == "pass", str(right)
    torn = prove.replay_crash(of(sell_in_two), "ac1:A4!client-killed-before", db=db)
    assert wrong(torn) == {Word.TORN.value}, str(torn)
    assert "the program is killed" in torn.findings[0].title


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
def test_rows_of_acidity_s_own_are_on_the_disk_before_a_kill_whatever_the_setting(db: str) -> None:
    sandbox = new_sandbox(db, {**OWN_SERVER[db], **LOSSY[db]})
    assert isinstance(sandbox, HostedSandbox)
    try:
        sandbox.ask("CREATE TABLE t (n int)")
        sandbox.ask("INSERT INTO t VALUES (1)")
        sandbox.flush()
        sandbox.kill_server()
        sandbox.revive_server()
        assert sandbox.ask("SELECT n FROM t") == [(1,)]
    finally:
        sandbox.close()


@pytest.mark.slow
@pytest.mark.parametrize("db", SERVERS)
def test_defaults_lose_nothing_and_asynchronous_commits_are_lost(db: str) -> None:
    durable = prove.crash(of(sell), db=db, runs_max=6, target="shop:sale")
    assert durable.verdict == "pass", str(durable)
    assert durable.bounds[0].covered == 6
    assert any("power loss of the server" in what for what in durable.not_covered)
    lossy = prove.crash(of(sell), db=db, settings=LOSSY[db], runs_max=4, remedies=False, target="shop:sale")
    assert (lossy.verdict, wrong(lossy)) == ("fail", {Word.LOST.value}), str(lossy)
    finding = lossy.findings[0]
    assert (finding.code, str(finding.schedule)) == ("ACI401", "ac1:A3!server-killed-after")
    again = prove.replay_crash(of(sell), finding.schedule, db=db, settings=LOSSY[db])
    assert [found.code for found in again.findings] == ["ACI401"]


@pytest.mark.dear
@pytest.mark.parametrize("db", SERVERS)
@pytest.mark.one_server
def test_settings_of_the_scenario_hold_where_the_server_is_killed(db: str) -> None:
    report = prove.crash(of(sell, settings={db: LOSSY[db]}), db=db, runs_max=1, remedies=False)
    assert {found.code for found in report.findings} == {"ACI401"}, str(report)


def sell_and_note(session: Session, *, in_time: bool) -> None:
    """Of two commits the second one is answered before the log has it."""
    session.execute(update(Item).where(Item.id == 1).values(stock=Item.stock - 2))
    session.commit()
    if not in_time:
        session.execute(text("SET LOCAL synchronous_commit = off"))
    session.execute(update(Item).where(Item.id == 1).values(stock=Item.stock + 1))
    session.commit()


@pytest.mark.dear
@pytest.mark.parametrize("in_time", [False, True])
def test_the_last_of_several_commits_that_is_lost_is_lost(in_time: bool) -> None:  # noqa: FBT001
    """What is left is right by the rules, and what was acknowledged is gone all the same."""
    several: Any = {"commits": "several", "invariants": [nothing_is_owed]}
    scenario = Scenario(Operation(sell_and_note, in_time=in_time), **SHOP, **several)
    settings = {"wal_writer_delay": "10s"}
    card = prove.check(scenario, db="postgresql", letters="D", settings=settings, remedies=False, runs_max=6)
    report: Any = card.letters["D"]
    found = [each for each in report.findings if each.severity == "error"]
    assert [each.code for each in found] == ([] if in_time else ["ACI401"]), str(card)
    assert all("was acknowledged, and what was committed is not as it was" in each.title for each in found), found


@pytest.mark.dear
def test_rows_of_a_table_that_is_not_logged_are_lost(tmp_path: Path) -> None:
    schema = tmp_path / "unlogged.sql"
    schema.write_text("CREATE UNLOGGED TABLE items (id INT PRIMARY KEY, stock INT NOT NULL)", encoding="utf-8")

    def take(session: Session) -> None:
        session.execute(text("UPDATE items SET stock = stock - 1"))
        session.commit()

    def fill(session: Session) -> None:
        session.execute(text("INSERT INTO items VALUES (1, 10)"))

    scenario = Scenario(Operation(take), schema=str(schema), setup=fill)
    report = prove.crash(scenario, db="postgresql", runs_max=1, remedies=False)
    titles = [found.title for found in report.findings if found.code == "ACI401"]
    assert titles, str(report)
    assert "what was committed is not as it was" in titles[0]


@pytest.mark.slow
@pytest.mark.parametrize("db", SERVERS)
def test_a_change_in_two_commits_is_torn_by_a_kill_between_them(db: str) -> None:
    report = prove.crash(of(sell_in_two), db=db, runs_max=6)
    assert wrong(report) == {Word.TORN.value}, str(report)
    card = prove.check(of(sell), db=db, letters="D", runs_max=2)
    assert card.verdict == "pass"


@pytest.mark.dear
@pytest.mark.parametrize("db", SERVERS)
@pytest.mark.one_server
def test_several_commits_that_are_intended_are_judged_by_the_invariants(db: str) -> None:
    """As on SQLite: without anything that carries them on, what is between them may be what is left."""
    several: Any = {"commits": "several", "invariants": [nothing_is_owed]}
    allowed = prove.crash(of(sell_in_two, **several), db=db, runs_max=6)
    assert allowed.verdict == "pass", str(allowed)
    several["invariants"] = [every_piece_is_somewhere]
    forbidden = prove.crash(of(sell_in_two, **several), db=db, runs_max=3)
    assert wrong(forbidden) == {Word.TORN.value}, str(forbidden)
    uncompleted = prove.crash(of(sell_in_two, **several, recover=does_nothing), db=db, runs_max=3)
    assert wrong(uncompleted) == {Word.TORN.value}, str(uncompleted)


def does_nothing(session: Session) -> None:
    """It was to complete what is left."""


@pytest.mark.dear
def test_a_part_of_one_of_several_transactions_is_torn(tmp_path: Path) -> None:
    """No rule is broken by it, but neither has anybody committed just that."""
    schema = tmp_path / "mixed.sql"
    schema.write_text(
        "CREATE TABLE items (id INT PRIMARY KEY, stock INT NOT NULL);"
        "CREATE TABLE sold (id INT PRIMARY KEY) ENGINE=MyISAM;",
        encoding="utf-8",
    )

    def take_twice(session: Session) -> None:
        session.execute(text("UPDATE items SET stock = stock - 1"))
        session.commit()
        session.execute(text("INSERT INTO sold VALUES (1)"))
        session.execute(text("UPDATE items SET stock = stock - 1"))
        session.commit()

    def fill(session: Session) -> None:
        session.execute(text("INSERT INTO items VALUES (1, 10)"))

    several: Any = {"commits": "several", "invariants": [lambda _: True]}
    scenario = Scenario(Operation(take_twice), schema=str(schema), setup=fill, **several)
    report = prove.crash(scenario, db="mariadb", runs_max=6, remedies=False)
    assert wrong(report) == {Word.TORN.value}, str(report)
    assert {each.schedule.choices[0].calls for each in report.findings} == {5}, report.findings


@pytest.mark.slow
@pytest.mark.parametrize(
    ("db", "name"), [("postgresql", "synchronous_commit=on"), ("mariadb", "innodb_flush_log_at_trx_commit=1")]
)
def test_the_setting_that_keeps_what_was_lost_is_tried(db: str, name: str) -> None:
    report = prove.crash(of(sell), db=db, settings=LOSSY[db], runs_max=1)
    assert {(remedy.name, remedy.result) for found in report.findings for remedy in found.remedies} == {
        (name, "passed")
    }


# The crash points of the text by name: ₹500 from A (₹5,000) to B (₹2,000)

DEBIT, CREDIT = TRANSFER
POINTS = {
    "after the debit": ([DEBIT], False, (5000, 2000)),
    "after the credit": ([DEBIT, CREDIT], False, (5000, 2000)),
    "after COMMIT, before the data pages": ([DEBIT, CREDIT], True, (4500, 2500)),  # no checkpoint has been since
}


@pytest.mark.slow
@pytest.mark.parametrize("db", SERVERS)
def test_the_crash_points_of_the_text(db: str) -> None:
    sandbox = new_sandbox(db, OWN_SERVER[db])
    assert isinstance(sandbox, HostedSandbox)
    engine = create_engine(sandbox.url(), poolclass=NullPool)
    found = {}
    try:
        for name, (statements, committed, _) in POINTS.items():
            with engine.begin() as connection:
                for statement in ("DROP TABLE IF EXISTS accounts", BANK, SEED):
                    connection.execute(text(statement))
            connection = engine.connect()
            for statement in statements:
                connection.execute(text(statement))
            if committed:
                connection.commit()
            sandbox.kill_server()
            connection.invalidate()
            connection.close()
            sandbox.revive_server()
            found[name] = on_server(engine)
    finally:
        sandbox.close()
    assert found == {name: rows for name, (_, _, rows) in POINTS.items()}


@pytest.mark.large
@pytest.mark.parametrize("db", SERVERS)
def test_defaults_lose_nothing_in_many_cycles(db: str) -> None:
    report = prove.crash(of(sell), db=db, runs_max=AT_HAND[db])
    assert (report.verdict, report.bounds[0].covered) == ("pass", AT_HAND[db]), str(report)
    assert report.bounds[1].covered > 0.9 * AT_HAND[db], str(report)
