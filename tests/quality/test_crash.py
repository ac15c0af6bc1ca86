"""Letter D on SQLite: what each setting promises at a power cut, the two programs that differ, and the way back."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

from acidity import prove
from acidity.core.report import Card, Report
from acidity.errors import UsageError
from acidity.explained.programs.shop import SHOP, Item, Order, every_piece_is_somewhere
from acidity.prove import Database, Operation, Scenario
from acidity.prove.crash.disk import Disk
from acidity.prove.crash.judge import Word
from acidity.prove.crash.log import Log
from acidity.prove.crash.recorder import Recorder
from acidity.prove.crash.recovery import Recovery
from acidity.prove.crash.remedies import candidates
from acidity.prove.crash.states import states
from tests.tiers import mostly_slow

DURABLE = {"synchronous": "extra"}
TORN = Word.TORN.value


def sell(session: Session) -> None:
    """Two tables, one transaction."""
    session.execute(update(Item).where(Item.id == 1).values(stock=Item.stock - 2))
    session.add(Order(item_id=1, pieces=2))
    session.commit()


def sell_in_two(session: Session) -> None:
    """Two tables, two transactions."""
    session.execute(update(Item).where(Item.id == 1).values(stock=Item.stock - 2))
    session.commit()
    session.add(Order(item_id=1, pieces=2))
    session.commit()


async def sell_async(session: AsyncSession) -> None:
    """The same as `sell`, in the thread of aiosqlite."""
    await session.execute(update(Item).where(Item.id == 1).values(stock=Item.stock - 2))
    session.add(Order(item_id=1, pieces=2))
    await session.commit()


def look(session: Session) -> None:
    """Only read."""
    session.get_one(Item, 1)


def wrong(report: Report) -> set[str]:
    """The words that some state has, apart from ok."""
    return {word for word, count in report.counts.items() if count and word != Word.OK.value}


def of(function: Any, **more: Any) -> Scenario:
    return Scenario(Operation(function), **SHOP, **more)


# What the settings promise: research measured them on ext4 and XFS, too

LOST, HALF, DAMAGED = Word.LOST.value, Word.HALF.value, Word.DAMAGED.value
MATRIX: dict[tuple[str, str], set[str]] = {
    ("delete", "extra"): set(),
    ("delete", "full"): {LOST},
    ("delete", "normal"): {LOST, DAMAGED},
    ("delete", "off"): {LOST, HALF, DAMAGED},
    ("truncate", "extra"): set(),
    ("truncate", "full"): set(),
    ("truncate", "normal"): {LOST, DAMAGED},
    ("truncate", "off"): {LOST, HALF, DAMAGED},
    ("persist", "extra"): set(),
    ("persist", "full"): set(),
    ("persist", "normal"): {DAMAGED},
    ("wal", "extra"): set(),
    ("wal", "full"): set(),
    ("wal", "normal"): {LOST},
    ("wal", "off"): {LOST, HALF, DAMAGED},
    ("memory", "extra"): {HALF, DAMAGED, TORN},  # torn by errors of the disk
    ("off", "full"): {HALF, DAMAGED, TORN},
}
QUICK = [("delete", "extra"), ("delete", "full"), ("wal", "full"), ("wal", "normal"), ("memory", "extra")]


@pytest.mark.dear
@pytest.mark.parametrize("setting", mostly_slow(*QUICK, of=MATRIX))
def test_what_each_setting_loses(setting: tuple[str, str]) -> None:
    journal, synchronous = setting
    report = prove.crash(of(sell), settings={"journal_mode": journal, "synchronous": synchronous}, remedies=False)
    assert wrong(report) == MATRIX[setting], str(report)
    assert report.verdict == ("fail" if MATRIX[setting] else "pass")
    assert not report.unknowns


@pytest.mark.parametrize("setting", mostly_slow(("wal", "full"), of=[it for it in MATRIX if not MATRIX[it]]))
def test_two_commits_are_torn_wherever_the_power_goes_off_between_them(setting: tuple[str, str]) -> None:
    journal, synchronous = setting
    report = prove.crash(
        of(sell_in_two), settings={"journal_mode": journal, "synchronous": synchronous}, remedies=False
    )
    (finding,) = report.findings
    assert (wrong(report), finding.code, finding.word) == ({TORN}, "ACI403", "torn by power loss")
    assert str(finding.sites[0]).endswith(f"test_crash.py:{sell_in_two.__code__.co_firstlineno + 3}")


@pytest.mark.dear
def test_several_commits_that_are_intended_are_judged_by_the_invariants() -> None:
    allowed = of(sell_in_two, commits="several", invariants=[lambda _: True])
    assert prove.crash(allowed, settings=DURABLE).verdict == "pass"
    forbidden = of(sell_in_two, commits="several", invariants=[every_piece_is_somewhere])
    assert wrong(prove.crash(forbidden, settings=DURABLE)) == {TORN}


def completes(session: Session) -> None:
    """What a restarted process does: the order that is missing is made."""
    sold = 10 - session.get_one(Item, 1).stock
    if sold and not session.query(Order).count():
        session.add(Order(item_id=1, pieces=sold))
    session.commit()


def gives_up(session: Session) -> None:
    """Its wrong twin, which trusts that the order is there."""
    if session.get_one(Item, 1).stock < 10:
        assert session.query(Order).count(), "no order"


def completes_by_half(session: Session) -> None:
    """Its other wrong twin: it runs to its end, and one of the two pieces stays without an order."""
    sold = 10 - session.get_one(Item, 1).stock
    if sold and not session.query(Order).count():
        session.add(Order(item_id=1, pieces=sold - 1))
    session.commit()


@pytest.mark.dear
@pytest.mark.parametrize("step", mostly_slow("recover", of=["recover", "settle"]))
def test_what_follows_a_power_cut_is_run_where_several_commits_are_intended(step: str) -> None:
    several: dict[str, Any] = {"commits": "several", "invariants": [lambda _: True]}
    right = prove.crash(of(sell_in_two, **several, **{step: completes}), settings=DURABLE)
    assert right.verdict == "pass", str(right)
    for twin in (gives_up, completes_by_half):
        wrong_one = prove.crash(of(sell_in_two, **several, **{step: twin}), settings=DURABLE, remedies=False)
        assert "ACI403" in {found.code for found in wrong_one.findings}, str(wrong_one)  # not on a bad disk alone


@pytest.mark.dear
@pytest.mark.parametrize("step", mostly_slow("settle", of=["recover", "settle"]))
def test_it_is_run_where_one_commit_is_intended_and_judged_when_it_has_ended(step: str) -> None:
    """In between a piece is sold without an order, which only several intended commits may not leave."""
    right = prove.crash(of(sell_in_two, invariants=[every_piece_is_somewhere], **{step: completes}), settings=DURABLE)
    assert right.verdict == "pass", str(right)
    for twin in (completes_by_half, look):
        wrong_one = prove.crash(of(sell_in_two, **{step: twin}), settings=DURABLE, remedies=False)
        assert "ACI403" in {found.code for found in wrong_one.findings}, str(wrong_one)


@pytest.mark.dear
def test_a_coroutine_is_recorded_like_a_function() -> None:
    assert wrong(prove.crash(of(sell_async), remedies=False)) == {LOST}
    assert prove.crash(of(sell_async), settings=DURABLE).verdict == "pass"


def test_what_commits_nothing_has_nothing_to_lose() -> None:
    report = prove.crash(of(look))
    assert (report.verdict, report.findings) == ("pass", ())
    assert "nothing is committed" in report.headline


@pytest.mark.dear
def test_settings_of_the_scenario_hold_unless_the_check_says_otherwise() -> None:
    scenario = of(sell, settings={"sqlite": DURABLE, "postgresql": {"fsync": "off"}})
    report = prove.crash(scenario)
    assert (report.verdict, report.engine.settings["synchronous"]) == ("pass", "extra")
    assert prove.crash(scenario, settings={"synchronous": "full"}, remedies=False).verdict == "fail"


# What is said of a lost commit


@pytest.mark.dear
def test_the_finding_says_what_is_not_on_the_disk_and_what_comes_of_it() -> None:
    report = prove.crash(of(sell), target="shop:sale", remedies=False)
    (finding,) = report.findings
    assert finding.code == "ACI401"
    assert "was acknowledged, and its change is gone" in finding.title
    assert finding.replay == f"acidity replay shop:sale '{finding.schedule}'"
    assert str(finding.schedule).startswith("ac1:A3!power-loss@")
    power_off, gone, back = finding.explanation[-3:]
    assert power_off == "the power goes off; the transaction is committed"
    assert gone == "the journal was deleted, and its deletion is not on the disk"
    assert back == "at the next open the journal is still there, and SQLite rolls the transaction back"
    assert [move.actor for move in finding.lanes][-2:] == ["A", "disk"]
    assert {fate.table for fate in finding.rows} == {"items", "orders"}


def causes(journal: str, synchronous: str) -> set[str]:
    report = prove.crash(of(sell), settings={"journal_mode": journal, "synchronous": synchronous}, remedies=False)
    return {found.cause for found in report.findings}


@pytest.mark.parametrize("journal", mostly_slow("wal", of=["wal", "delete", "truncate"]))
def test_without_any_sync_the_cause_is_that_and_not_the_deletion_of_a_journal(journal: str) -> None:
    (cause,) = causes(journal, "off")
    assert cause.startswith("nothing is synced (synchronous=OFF)")
    assert ("the write-ahead log was copied into the database file and deleted" in cause) is (journal == "wal")
    assert "COMMIT is the deletion" not in cause


@pytest.mark.dear
def test_with_syncs_the_cause_is_what_is_not_synced() -> None:
    (deleted,) = causes("delete", "full")
    assert deleted.startswith("COMMIT is the deletion of the journal, and with synchronous below EXTRA")
    (log,) = causes("wal", "normal")
    assert log == "nothing has synced the write-ahead log when COMMIT returns"


@pytest.mark.dear
def test_a_state_can_be_made_again_and_another_log_is_unknown() -> None:
    scenario = of(sell)
    (finding,) = prove.crash(scenario, remedies=False).findings
    again = prove.replay_crash(scenario, finding.schedule)
    assert [found.code for found in again.findings] == ["ACI401"]
    assert (again.verdict, again.runs) == ("fail", 1)
    assert prove.replay_crash(scenario, finding.schedule, settings=DURABLE).verdict == "pass"
    in_wal = prove.replay_crash(scenario, finding.schedule, settings={"journal_mode": "wal"})
    assert in_wal.verdict == "unknown"
    assert "writes in another way now" in in_wal.unknowns[0]
    for schedule in ("ac1:A3!power-loss", "ac1:A3!error-after@1.0", "ac1:A.B!power-loss@1.0"):
        with pytest.raises(UsageError):
            prove.replay_crash(scenario, schedule)


@pytest.mark.parametrize(
    ("schedule", "db"),
    [
        ("ac1:A3!server-killed-after", "sqlite"),
        ("ac1:A3!server-killed-after.B", "sqlite"),
        ("ac1:A!server-killed@3500.us.B", "sqlite"),
        ("ac1:A3!client-killed-after", "sqlite"),
        ("ac1:A3!power-loss@14.0", "postgresql"),
        ("ac1:A3!power-loss@14.0", "mariadb"),
        ("ac1:A3!server-killed-after.Q", "postgresql"),
    ],
)
def test_what_does_not_happen_to_an_engine_is_refused_and_no_pass(schedule: str, db: str) -> None:
    with pytest.raises(UsageError):
        prove.replay_crash(of(sell), schedule, db=db)


def test_the_budget_is_kept_and_makes_it_unknown() -> None:
    for bound in ({"runs_max": 5}, {"budget": 0.0}):
        report = prove.crash(of(sell), settings=DURABLE, **bound)
        assert report.verdict == "unknown", bound


# Settings that would keep it


def tried(report: Report) -> list[list[tuple[str, str]]]:
    """The remedies of each finding, with what came of them."""
    return [[(remedy.name, remedy.result) for remedy in found.remedies] for found in report.findings]


@pytest.mark.dear
def test_the_setting_that_keeps_what_was_lost_is_tried() -> None:
    report = prove.crash(of(sell))
    assert tried(report) == [[("PRAGMA synchronous=EXTRA", "passed")]]
    assert "PRAGMA synchronous=EXTRA" in str(report)


def fast(connection: sqlite3.Connection, _record: Any) -> None:
    connection.execute("PRAGMA synchronous = NORMAL")


@pytest.mark.slow
def test_what_a_program_sets_itself_is_left_out_first() -> None:
    def sell_fast(engine: Engine) -> None:
        event.listen(engine, "connect", fast)
        try:
            engine.dispose()
            with Session(engine) as session:
                sell(session)
        finally:
            event.remove(engine, "connect", fast)

    report = prove.crash(of(sell_fast), settings={"journal_mode": "wal"})
    assert tried(report) == [[("leave out synchronous=NORMAL, which is set at the connect", "passed")]]
    twin = prove.crash(of(sell), settings={"journal_mode": "wal", "synchronous": "normal"})
    assert tried(twin) == [[("PRAGMA synchronous=FULL", "passed")]]
    torn = prove.crash(of(sell_in_two))
    assert {remedy for each in tried(torn) for remedy in each} == {
        ("PRAGMA synchronous=EXTRA", "ends this; ACI201, ACI403 remain")
    }


@pytest.mark.parametrize(
    ("engine", "settings", "names"),
    [
        ("sqlite", {}, ["PRAGMA synchronous=EXTRA", "PRAGMA journal_mode=WAL, PRAGMA synchronous=FULL"]),
        ("sqlite", {"journal_mode": "WAL", "synchronous": "normal"}, ["PRAGMA synchronous=FULL"] * 1),
        ("sqlite", {"journal_mode": "memory"}, ["PRAGMA journal_mode=WAL, PRAGMA synchronous=FULL"]),
        ("postgresql", {"synchronous_commit": "off"}, ["synchronous_commit=on"]),
        ("mariadb", {"innodb_flush_log_at_trx_commit": "1"}, []),
    ],
)
def test_what_is_set_so_already_is_no_remedy(engine: str, settings: dict[str, str], names: list[str]) -> None:
    assert [name for name, _ in candidates(engine, settings)] == names


# On the card


def letters(card: Card) -> dict[str, str]:
    return {name: row.letter_state if isinstance(row, Report) else row for name, row in card.letters.items()}


@pytest.mark.dear
def test_each_finding_stands_with_the_letter_that_it_decides() -> None:
    few: dict[str, Any] = {"faults": ("error-before",), "remedies": False}
    torn = prove.check(of(sell_in_two), letters="AD", settings=DURABLE, **few)
    assert (letters(torn)["A"], letters(torn)["D"]) == ("fail", "pass")
    (finding,) = torn.letters["A"].findings  # type: ignore[union-attr]
    assert (finding.code, "ACI403" in {also.code for also in finding.also}) == ("ACI201", True), "one cause"
    lost = prove.check(of(sell), letters="AD", **few)
    assert (letters(lost)["A"], letters(lost)["D"]) == ("pass", "fail")
    assert "power loss" not in lost.letters["A"].not_covered  # type: ignore[union-attr]
    half = prove.check(of(sell), letters="AD", settings={"journal_mode": "memory"}, **few)
    assert (letters(half)["A"], letters(half)["D"]) == ("fail", "fail")


def test_a_server_that_acidity_did_not_start_is_not_killed() -> None:
    for db in ("postgresql://someone@db.invalid/shop", "mysql://someone@db.invalid/shop"):
        with pytest.raises(UsageError, match="not acidity's to kill"):
            prove.crash(of(sell), db=db)
        with pytest.raises(UsageError, match="not acidity's to kill"):
            prove.check(of(sell), db=db, letters="D")


# What was not recorded is unknown


def past_the_recorder(dsn: str) -> None:
    """Another VFS than the default one writes to the files as it likes."""
    with closing(sqlite3.connect(f"file:{dsn}?vfs=unix-none", uri=True)) as connection, connection:
        connection.execute("UPDATE items SET stock = stock - 2")


def test_writes_that_were_not_recorded_make_it_unknown() -> None:
    report = prove.crash(of(past_the_recorder))
    assert report.verdict == "unknown"
    assert "was not recorded" in report.unknowns[0]
    assert report.headline == "0 power-loss states: what is committed is not known"


# The crash points of the text by name: ₹500 from A (₹5,000) to B (₹2,000)

BEFORE, AFTER = (5000, 2000), (4500, 2500)


@pytest.mark.parametrize("journal", ["wal", "delete"])
def test_the_crash_points_of_the_text(journal: str, tmp_path: Path) -> None:
    path, points = tmp_path / "bank.db", dict[str, int]()
    with closing(sqlite3.connect(path)) as bank:
        bank.execute(f"PRAGMA journal_mode = {journal}")
        bank.executescript(
            "CREATE TABLE a (n); INSERT INTO a VALUES (5000); CREATE TABLE b (n); INSERT INTO b VALUES (2000)"
        )
    with Recorder(path) as recorder, closing(sqlite3.connect(path)) as bank:
        bank.execute("PRAGMA synchronous = EXTRA")
        bank.execute("UPDATE a SET n = n - 500")
        points["after the debit"] = len(recorder.log.entries)
        bank.execute("UPDATE b SET n = n + 500")
        points["after the credit"] = len(recorder.log.entries)
        bank.commit()
        points["after COMMIT, before the data pages"] = points["1 ms after COMMIT"] = len(recorder.log.entries)
    left = {name: rows_after(recorder.log, op) for name, op in points.items()}
    assert left == {
        "after the debit": {BEFORE},
        "after the credit": {BEFORE},
        "after COMMIT, before the data pages": {AFTER},
        "1 ms after COMMIT": {AFTER},
    }
    everywhere = {rows for op in range(len(recorder.log.entries) + 1) for rows in rows_after(recorder.log, op)}
    assert everywhere == {BEFORE, AFTER}


def rows_after(log: Log, op: int) -> set[tuple[int, int]]:
    """What A and B may have when the power goes off before this entry."""
    found = set()
    with closing(Recovery("bank.db")) as recovery:
        for loss in states(Disk(log).at(op), seed=0):
            state = recovery.of(loss.files).state
            assert state is not None
            found.add((state.tables["a"].rows[0][0], state.tables["b"].rows[0][0]))
    return found


def test_what_belongs_to_a_letter_that_was_not_asked_fails_the_one_that_has_found_it() -> None:
    """A change torn by a power cut is not atomic; who asks for D alone is told so, too."""
    few: dict[str, Any] = {"faults": ("error-before",), "remedies": False, "settings": {"synchronous": "EXTRA"}}
    alone = prove.check(of(sell_in_two), letters="D", **few)
    assert letters(alone) == {**dict.fromkeys("ACI", "not asked"), "D": "fail"}
    both = prove.check(of(sell_in_two), letters="AD", **few)
    assert letters(both) == {**dict.fromkeys("CI", "not asked"), "A": "fail", "D": "pass"}


def test_whoever_names_letter_d_on_several_databases_is_told_that_it_is_not_built() -> None:
    part = Database(**SHOP)

    def reads(databases: Any) -> None:
        with databases["a"].begin() as connection:
            connection.execute(update(Item).values(stock=1))

    both = Scenario(Operation(reads), databases={"a": part, "b": part})
    few: dict[str, Any] = {"faults": ("error-before",), "remedies": False}
    for asked in ("AD", "D"):
        with pytest.raises(UsageError, match="several databases at once is not built"):
            prove.check(both, letters=asked, **few)
    assert letters(prove.check(both, letters="A", **few)) == {**dict.fromkeys("CID", "not asked"), "A": "pass"}
