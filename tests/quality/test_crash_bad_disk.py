"""SQLite on a bad or full disk: every request that SQLite makes fails once, and then with all that come after it."""

from __future__ import annotations

import pytest
from sqlalchemy import text, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from acidity import prove
from acidity.core.report import Bound, Report
from acidity.errors import UsageError
from acidity.explained.programs.shop import Item, Order
from tests.quality.test_crash import DURABLE, letters, of, sell, sell_async, sell_in_two
from tests.tiers import mostly_slow

SAFE = [("delete", "extra"), ("truncate", "full"), ("persist", "full"), ("wal", "full"), ("wal", "normal")]


def sell_and_hope(session: Session) -> None:
    """Swallows what the disk says at COMMIT, and answers as if all was well."""
    session.execute(update(Item).where(Item.id == 1).values(stock=Item.stock - 2))
    session.add(Order(item_id=1, pieces=2))
    try:
        session.commit()
    except OperationalError:
        session.rollback()


def sell_or_say_so(session: Session) -> bool:
    """Its right twin."""
    session.execute(update(Item).where(Item.id == 1).values(stock=Item.stock - 2))
    session.add(Order(item_id=1, pieces=2))
    try:
        session.commit()
    except OperationalError:
        session.rollback()
        return False
    return True


def send(text: str) -> None:
    """Something outside the database."""


def send_and_sell(session: Session) -> None:
    """Sends before COMMIT, so that there is nothing to take back what was sent."""
    session.execute(update(Item).where(Item.id == 1).values(stock=Item.stock - 2))
    session.add(Order(item_id=1, pieces=2))
    send("sold")
    session.commit()


def many_pages(session: Session) -> None:
    """Changes many pages in one transaction."""
    numbers = "WITH n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300)"
    session.execute(text(f"INSERT INTO orders (item_id, pieces, state) {numbers} SELECT 1, 2, 'done' FROM n"))
    session.execute(text("CREATE INDEX pieces ON orders (pieces)"))
    session.commit()


def refused(report: Report) -> Bound:
    """How many requests were refused of how many."""
    return next(bound for bound in report.bounds if bound.name == "requests that the disk refused")


@pytest.mark.dear
@pytest.mark.parametrize("setting", mostly_slow(("delete", "extra"), ("wal", "full"), of=SAFE))
def test_one_transaction_is_there_or_not_whatever_the_disk_refuses(setting: tuple[str, str]) -> None:
    journal, synchronous = setting
    report = prove.crash(of(sell), settings={"journal_mode": journal, "synchronous": synchronous}, remedies=False)
    bound = refused(report)
    assert bound.covered == bound.total >= 20
    assert not [found for found in report.findings if "power" not in found.title], str(report)
    assert not report.unknowns


@pytest.mark.slow
def test_a_coroutine_meets_the_same_disk() -> None:
    report = prove.crash(of(sell_async), settings=DURABLE)
    assert (report.verdict, refused(report).covered) == ("pass", refused(prove.crash(of(sell))).covered)


@pytest.mark.dear
def test_who_swallows_an_error_of_the_disk_tells_a_false_success() -> None:
    report = prove.crash(of(sell_and_hope), settings=DURABLE)
    (finding,) = report.findings
    assert (finding.code, report.counts["false success"], finding.kind) == (
        "ACI203",
        finding.occurrences,
        "swallowed error",
    )
    assert finding.replay == f"acidity replay TARGET '{finding.schedule}' --setting synchronous=extra"
    assert "false success on a bad disk" in report.headline
    assert prove.crash(of(sell_or_say_so), settings=DURABLE).verdict == "pass"


@pytest.mark.dear
def test_it_counts_for_letter_a_and_two_commits_are_one_cause() -> None:
    card = prove.check(of(sell_and_hope), letters="AD", settings=DURABLE, faults=("error-before",), remedies=False)
    assert (letters(card)["A"], letters(card)["D"]) == ("fail", "pass")
    (torn,) = prove.crash(of(sell_in_two), settings=DURABLE).findings
    assert (torn.code, [also.code for also in torn.also]) == ("ACI403", ["ACI201"])


@pytest.mark.dear
def test_without_a_journal_on_the_disk_an_error_of_the_disk_tears_or_damages() -> None:
    in_memory = {"journal_mode": "memory"}
    report = prove.crash(of(sell), settings=in_memory, remedies=False)
    assert "torn on a bad disk" in report.headline
    assert "ACI201" in {also.code for also in report.findings[-1].also}, "one cause with what a power cut does"
    torn = prove.replay_crash(of(sell), "ac1:A3!io-error*@3.write", settings=in_memory)
    assert [(found.code, found.kind) for found in torn.findings] == [("ACI201", "not durable")]
    assert "was told unknown" in torn.findings[0].explanation[-1], "such an error does not say what became of COMMIT"
    damaged = prove.crash(of(many_pages), settings={"journal_mode": "off"}, runs_max=40, remedies=False)
    assert "damaged on a bad disk" in damaged.headline, str(damaged)
    found = next(found for found in damaged.findings if "the disk has an error, and the database" in found.title)
    assert found.code == "ACI402"
    again = prove.replay_crash(of(many_pages), found.schedule, settings={"journal_mode": "off"})
    assert (again.verdict, again.runs) == ("fail", 1)


@pytest.mark.dear
def test_what_was_sent_before_commit_is_not_the_fault_of_the_disk() -> None:
    scenario = of(send_and_sell, effects=[send])
    (torn,) = prove.crash(scenario, settings=DURABLE).findings
    assert (torn.code, torn.kind, torn.remedies) == ("ACI201", "effect", ())
    assert "does not wait for COMMIT" in torn.cause
    assert "torn: send took place 1×, and no row was changed" in torn.title
    card = prove.check(scenario, letters="AD", settings=DURABLE, faults=("error-before",), remedies=False)
    atomic = card.letters["A"]
    assert isinstance(atomic, Report)
    (finding,) = atomic.findings
    assert (finding.code, finding.also) == ("ACI201", ()), "one cause with what any refused COMMIT does, said once"


@pytest.mark.dear
def test_where_the_journal_is_not_on_the_disk_both_causes_are_said() -> None:
    report = prove.crash(of(send_and_sell, effects=[send]), settings={"journal_mode": "memory"}, remedies=False)
    assert {"effect", "not durable"} <= {found.kind for found in report.findings}


@pytest.mark.dear
def test_a_refused_request_can_be_made_again_and_another_one_is_unknown() -> None:
    for schedule in ("ac1:A3!io-error@1.write", "ac1:A3!disk-full*@1.write", "ac1:A3!io-error*@2.sync"):
        wrong = prove.replay_crash(of(sell_and_hope), schedule, settings=DURABLE)
        assert [(found.code, str(found.schedule)) for found in wrong.findings] == [("ACI203", schedule)]
        right = prove.replay_crash(of(sell), schedule, settings=DURABLE)
        assert (right.verdict, right.headline) == ("pass", "1 refused request: all or nothing, and told so")
    another = prove.replay_crash(of(sell), "ac1:A3!io-error@99.write", settings=DURABLE)
    assert another.verdict == "unknown"
    assert "did not come again" in another.unknowns[0]
    for schedule in ("ac1:A3!io-error", "ac1:A3!disk-full@1.sync", "ac1:A3!io-error@0.sync", "ac1:A9!io-error@1.sync"):
        with pytest.raises(UsageError):
            prove.replay_crash(of(sell), schedule, settings=DURABLE)


def test_a_budget_is_kept() -> None:
    report = prove.crash(of(sell), settings=DURABLE, runs_max=5)
    assert (report.verdict, refused(report).covered) == ("unknown", 5)
