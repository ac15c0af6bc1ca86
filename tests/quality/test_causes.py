"""One finding for each cause: its kind, the line where it became permanent, and all that it breaks."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from typing import Any

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session, sessionmaker

from acidity import prove
from acidity.core.cause import CauseKind
from acidity.core.finding import Finding
from acidity.core.report import Card, Detail, Report, as_text
from acidity.prove import Operation, Scenario
from examples.budget import twins
from tests.engines.bank import bank
from tests.engines.raw import CREDIT, DEBIT
from tests.quality.remedies.tables import ORDER, TAKE, Order, shop
from tests.quality.traps.sqlite_begin import savepoints

FAULTS = ("error-before", "error-after", "connection-lost", "commit-left-open", "answer-lost")
INVARIANTS = {"entries_net_to_zero", "global_sum_is_kept", "two_entries_or_none"}

# Twin → each cause with a part of its line → what it breaks beside its word, of letter A and of letter C.
TWINS: Mapping[str, Mapping[tuple[CauseKind, str], set[str]]] = {
    "commit_between": {(CauseKind.SEVERAL_COMMITS, "<- commit between: half is committed"): INVARIANTS},
    "helper_commits": {(CauseKind.SEVERAL_COMMITS, "<- helper commits: half is committed"): INVARIANTS},
    "caught_without_rollback": {
        (CauseKind.SWALLOWED_ERROR, "<- caught: half is in, and the session is used again"): {
            "false failure",
            *INVARIANTS,
        },
        (CauseKind.COMMIT_LEFT_OPEN, "<- caught: half is in, and the session is used again"): {"two_entries_or_none"},
    },
    "success_without_commit": {(CauseKind.MISSING_COMMIT, "session.flush()"): {"two_entries_or_none"}},
    "as_in_the_text": {
        (CauseKind.LATE_FAILURE, "<- as in the text: after this line failure may be a lie"): {"two_entries_or_none"}
    },
    "no_owner_check": {(CauseKind.MISSING_REFUSAL, "# the one commit"): set()},
    "retry_on_any_error": {
        (CauseKind.RESEND, "return transfer_budget(user_id, from_id, to_id, amount)"): {"two_entries_or_none"}
    },
    "flushed_at_once": {(CauseKind.AUTOCOMMIT, "<- autocommit: what was sent is committed"): INVARIANTS},
}


def letter(card: Card, name: str) -> tuple[Finding, ...]:
    report = card.letters[name]
    assert isinstance(report, Report)
    return report.findings


@pytest.mark.dear
@pytest.mark.one_in(4)
@pytest.mark.parametrize("name", TWINS)
def test_a_twin_has_one_finding_for_each_cause(name: str) -> None:
    card = prove.check(getattr(twins, name), faults=FAULTS, remedies=False, letters="AC")
    atomic = letter(card, "A")
    expected = TWINS[name]
    assert len(atomic) == len(expected), str(card)
    for (kind, line), also in expected.items():
        (found,) = [each for each in atomic if each.kind is kind]
        assert found.permanent is not None
        assert line in found.permanent.site.source
        assert {each.name for each in found.also} == also
        assert found.rate is not None
        assert found.rate.runs == found.occurrences <= found.rate.of
    for number, found in enumerate(letter(card, "C"), start=1):
        same = f"A.{1 + [each.kind for each in atomic].index(found.kind)}"
        assert found.see == (same,), number
    rules = {each.name for found in atomic for each in found.also if each.code == "ACI252"}
    told = {each.name for found in letter(card, "C") for each in found.also if each.code == "ACI252"}
    assert told <= rules


def test_a_letter_that_is_asked_alone_refers_to_no_other() -> None:
    twin = twins.commit_between
    card = prove.check(twin, letters="C", faults=("error-before",), remedies=False)
    assert [found.see for found in letter(card, "C")] == [()]


@pytest.mark.dear
def test_a_retry_is_told_at_the_line_that_retries() -> None:
    """Its COMMIT and its first write are in lines that lead to both."""
    card = prove.check(twins.retry_on_any_error, faults=FAULTS, remedies=False, letters="AC")
    (found,) = letter(card, "A")
    assert found.permanent is not None
    assert found.permanent.site.function == "transfer_retried_on_any_error"
    assert found.path[0].function == "transfer_budget"
    assert found.broke is not None
    assert found.broke.site.function == "unit_of_work"


class Book:
    """Keeps its connection and decides for itself: one method leads to both writes."""

    def __init__(self, dsn: str) -> None:
        self.connection = sqlite3.connect(dsn, isolation_level=None)

    def sell(self) -> None:
        self.connection.execute(TAKE)  # <- permanent
        self.connection.execute(ORDER)  # <- broke


def sold_by_a_method(dsn: str) -> None:
    book = Book(dsn)
    with closing(book.connection):
        book.sell()


def committed(session_factory: sessionmaker[Session], row: Any) -> None:
    with session_factory() as session:
        session.add(row)
        session.commit()


def sold_by_a_helper(session_factory: sessionmaker[Session]) -> None:
    committed(session_factory, Order(id=1, product_id=1))
    committed(session_factory, Order(id=2, product_id=1))


def test_where_it_broke_is_no_line_that_leads_to_both() -> None:
    case = shop(Operation(sold_by_a_method, inject="dsn"))
    (found,) = prove.drill(case, faults=("error-before",), remedies=False).findings
    assert found.permanent is not None
    assert found.broke is not None
    assert "# <- permanent" in found.permanent.site.source
    assert "# <- broke" in found.broke.site.source


def test_one_line_that_is_reached_in_two_ways_is_told_twice() -> None:
    card = prove.check(shop(Operation(sold_by_a_helper)), faults=("error-before",), remedies=False, letters="AC")
    line = next(found for found in letter(card, "A") if found.kind is CauseKind.SEVERAL_COMMITS).permanent
    assert line is not None
    ways = [text.split("\u2190")[1] for text in as_text(card, Detail.CARD).splitlines()[1:3]]
    first, second = (int(way.rpartition(":")[2]) for way in ways)
    assert second == first + 1


@contextmanager
def dependency(factory: sessionmaker[Session]) -> Iterator[Session]:
    """What a framework asks for the session of a request; nobody hears of an error."""
    session = factory()
    try:
        yield session
        session.commit()
    except Exception:
        session.rollback()  # <- hidden
    finally:
        session.close()


def answers_from_a_dependency(session_factory: sessionmaker[Session]) -> dict[str, str]:
    with dependency(session_factory) as session:
        session.execute(text(TAKE))
        session.add(Order(id=1, product_id=1))
        session.flush()
    return {"status": "ok"}


def answers_from_a_block(session_factory: sessionmaker[Session]) -> None:
    with suppress(Exception), session_factory.begin() as session:  # <- hidden
        session.execute(text(TAKE))
        session.add(Order(id=1, product_id=1))
        session.flush()


@pytest.mark.parametrize("operation", [answers_from_a_dependency, answers_from_a_block])
def test_a_hidden_error_is_told_at_the_line_that_rolled_it_back(operation: Any) -> None:
    """Not at a COMMIT that is not reached; whatever was struck, it is one cause."""
    (found,) = prove.drill(shop(operation), faults=FAULTS, remedies=False).findings
    assert (found.word, found.kind) == ("false success", CauseKind.SWALLOWED_ERROR)
    assert found.permanent is not None
    assert found.permanent.site.source.endswith("# <- hidden")
    assert f"was rolled back at {found.permanent.site}, and hidden from the caller" in found.cause
    struck = {event.call.site for event in found.history if event.fault}
    assert found.permanent.site not in struck


@pytest.mark.slow
def test_a_finding_does_not_name_its_own_code_as_another() -> None:
    """A bad disk shows the same cause by the same word."""
    card = prove.check(shop(Operation(answers_from_a_dependency)), faults=FAULTS, remedies=False, letters="AD")
    (found,) = letter(card, "A")
    assert found.code not in {each.code for each in found.also}


def test_a_release_that_commits_is_told_as_that() -> None:
    """The driver of SQLite sends no BEGIN before SAVEPOINT."""
    (found,) = prove.drill(savepoints, faults=("error-before",), remedies=False).findings
    assert (found.word, found.kind) == ("torn", CauseKind.SEVERAL_COMMITS)
    assert found.cause.startswith("no BEGIN came before the SAVEPOINT, so its RELEASE at ")


def takes_and_begins(engine: Engine) -> None:
    with engine.connect() as connection:
        connection.execute(text(DEBIT))
        connection.exec_driver_sql("START TRANSACTION")  # <- begins
        connection.execute(text(CREDIT))
        connection.commit()


@pytest.mark.dear
def test_a_begin_that_commits_is_told_as_that() -> None:
    """On MariaDB, where the table keeps transactions, also to who was killed just then, and it counts as a COMMIT."""
    faults = ("error-before", "kill-after")
    report = prove.drill(bank(takes_and_begins), db="mariadb", faults=faults, remedies=False)
    (torn,) = [found for found in report.findings if found.word == "torn"]
    assert torn.occurrences == 4, report
    assert "BEGIN or START TRANSACTION at" in torn.cause, report
    assert torn.permanent is not None
    assert torn.permanent.site.source.endswith("# <- begins")
    assert report.classifier == "2 writes in 2 commits: missing"


@pytest.mark.dear
@pytest.mark.parametrize(
    ("statement", "named"),
    [
        ("/* statistics */ ANALYZE TABLE accounts", "ANALYZE TABLE"),
        ("CHECK TABLE accounts", "CHECK TABLE"),
        ("SET autocommit = 1", "SET AUTOCOMMIT"),
    ],
)
def test_a_statement_that_commits_what_is_open_is_told_as_that(statement: str, named: str) -> None:
    def takes_and_says(engine: Engine) -> None:
        with engine.connect() as connection:
            connection.execute(text(DEBIT))
            connection.exec_driver_sql(statement)
            connection.execute(text(CREDIT))
            connection.commit()

    faults = ("error-before", "kill-after")
    report = prove.drill(bank(takes_and_says), db="mariadb", faults=faults, remedies=False)
    torn = [found for found in report.findings if found.word == "torn"]
    assert {found.kind for found in torn} == {CauseKind.SEVERAL_COMMITS}, report
    assert any(found.cause.startswith(f"{named} at ") for found in torn), report
    assert not any("autocommit)" in found.cause for found in torn), report


@pytest.mark.dear
def test_a_begin_that_only_warns_is_no_commit() -> None:
    """On PostgreSQL nothing is committed by it."""
    report = prove.drill(bank(takes_and_begins), db="postgresql", faults=("error-before", "kill-after"))
    assert report.verdict == "pass", report
    assert report.classifier == "2 writes in 1 commit: protected"


IDLE = {
    "a table that is there": "CREATE TABLE IF NOT EXISTS accounts (id INTEGER PRIMARY KEY)",
    "two that are there": (
        "CREATE TABLE IF NOT EXISTS accounts (id INTEGER); CREATE TABLE IF NOT EXISTS payments (id INTEGER)"
    ),
    "rows that are not": "DELETE FROM payments WHERE id > 1000",
}


@pytest.mark.parametrize("idle", IDLE)
def test_what_changed_nothing_is_no_cause(idle: str) -> None:
    """The half that is there was left by the COMMIT after its write, whatever was committed before."""

    def transfers(dsn: str) -> None:
        with closing(sqlite3.connect(dsn)) as connection:
            connection.executescript(IDLE[idle])
            connection.execute(DEBIT)
            connection.commit()  # <- half is committed
            connection.execute(CREDIT)
            connection.commit()

    report = prove.drill(bank(Operation(transfers, inject="dsn")), faults=("error-before",), remedies=False)
    (torn,) = [found for found in report.findings if found.word == "torn"]
    assert torn.kind is CauseKind.SEVERAL_COMMITS, report
    assert torn.permanent is not None
    assert torn.permanent.site.source.endswith("# <- half is committed")


def test_a_change_of_the_schema_that_is_there_is_the_cause() -> None:
    def adds_and_pays(dsn: str) -> None:
        with closing(sqlite3.connect(dsn)) as connection:
            connection.execute("CREATE TABLE IF NOT EXISTS log (id INTEGER PRIMARY KEY)")  # <- makes it
            connection.execute(DEBIT)
            connection.commit()

    report = prove.drill(bank(Operation(adds_and_pays, inject="dsn")), faults=("error-before",), remedies=False)
    (torn,) = [found for found in report.findings if found.word == "torn"]
    assert torn.kind is CauseKind.DDL, report
    assert torn.permanent is not None
    assert torn.permanent.site.source.endswith("# <- makes it")


LOOSE = (
    "CREATE TABLE items (id INT PRIMARY KEY, stock INT NOT NULL)",
    "CREATE TABLE loose (id INT PRIMARY KEY) ENGINE=MyISAM",
    "CREATE PROCEDURE pays() BEGIN START TRANSACTION; UPDATE items SET stock = stock - 1; COMMIT; END",
)
FIRES = "CREATE TRIGGER fires AFTER INSERT ON items FOR EACH ROW INSERT INTO loose VALUES (NEW.id)"
NEW, NEWER = "INSERT INTO items VALUES (2, 1)", "UPDATE items SET stock = 5 WHERE id = 1"


@pytest.mark.dear
@pytest.mark.parametrize(
    ("schema", "statements", "kind"),
    [
        (LOOSE, (NEWER, "INSERT INTO loose VALUES (1)", NEW), CauseKind.NO_TRANSACTIONS),
        ((*LOOSE, FIRES), (NEWER, NEW, "UPDATE items SET stock = 6 WHERE id = 1"), CauseKind.NO_TRANSACTIONS),
        (LOOSE, (NEWER, "CALL pays()", NEW), CauseKind.SEVERAL_COMMITS),
    ],
)
def test_what_no_transaction_holds_is_the_cause_also_where_the_only_commit_is_lost(
    schema: tuple[str, ...], statements: tuple[str, str, str], kind: CauseKind
) -> None:
    """Not the first write, nor that COMMIT, under every fault and kill."""

    def made(connection: Any) -> None:
        for each in schema:
            connection.exec_driver_sql(each)

    def fill(session: Session) -> None:
        session.execute(text("INSERT INTO items VALUES (1, 10)"))
        session.execute(text("DELETE FROM loose"))

    def writes(session: Session) -> None:
        session.execute(text(statements[0]))
        session.execute(text(statements[1]))  # <- stays
        session.execute(text(statements[2]))
        session.commit()

    scenario = Scenario(Operation(writes), schema=made, setup=fill)
    report = prove.drill(scenario, db="mariadb", faults=("error-before", "connection-lost"), remedies=False)
    (torn,) = [found for found in report.findings if found.severity == "error"]
    assert torn.kind is kind, report
    assert torn.permanent is not None
    assert torn.permanent.site.source.endswith("# <- stays"), report
    crashed = prove.crash(scenario, db="mariadb", runs_max=1, remedies=False)
    killed = {(each.kind, each.permanent and each.permanent.site) for each in crashed.findings}
    assert killed == {(kind, None if FIRES in schema else torn.permanent.site)}, str(crashed)
