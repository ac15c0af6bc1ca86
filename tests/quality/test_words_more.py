"""Refusals, leaks, the classifier, and what a verdict does."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from io import StringIO
from typing import Any

import pytest
from sqlalchemy import create_engine, select, text, update
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from acidity import prove
from acidity.core.cause import CauseKind
from acidity.core.report import exit_code
from acidity.errors import AcidityViolated, UsageError
from acidity.prove import Operation
from tests.engines.bank import ALICE, BOB, Account, Payment, bank, move
from tests.quality.controls import Control, codes, said
from tests.quality.drilled import check, drill
from tests.quality.operations import session_begin, session_stock, two_commits

pytestmark = pytest.mark.few_or_all


class Refused(Exception):
    pass


def withdraw(session: Session, amount: int) -> None:
    with session.begin():
        account = session.get_one(Account, ALICE)
        if account.balance < amount:
            raise Refused(f"only {account.balance} there")
        account.balance -= amount


def withdraw_late(session: Session, amount: int) -> None:
    """It notices too late that there is not enough, and keeps what it did."""
    account = session.get_one(Account, ALICE)
    account.balance -= amount
    session.commit()
    if account.balance < 0:
        raise Refused


def withdraw_answering(session: Session, amount: int) -> dict[str, bool]:
    try:
        withdraw(session, amount)
    except Refused:
        return {"ok": False}
    return {"ok": True}


def ok(answer: dict[str, bool]) -> bool:
    return answer["ok"]


class TestRefusals:
    def test_an_expected_exception(self) -> None:
        report = drill(bank(Operation(withdraw, 500, raises=Refused)))
        assert report.verdict == "pass", report

    def test_an_expected_answer(self) -> None:
        report = drill(bank(Operation(withdraw_answering, 500, succeeded=ok, refused=True)))
        assert report.verdict == "pass", report

    @pytest.mark.parametrize(
        "operation",
        [
            Operation(withdraw, 5, raises=(Refused, ZeroDivisionError)),
            Operation(withdraw_answering, 5, succeeded=ok, refused=True),
        ],
    )
    def test_what_should_have_been_refused(self, operation: Operation) -> None:
        report = drill(bank(operation))
        assert said(report) == {"not refused"}, report
        assert codes(report) == {"ACI205"}
        assert "should have been refused" in report.findings[0].title
        assert report.findings[0].schedule.choices == ()

    def test_a_refusal_that_leaves_rows_is_torn(self) -> None:
        report = drill(bank(Operation(withdraw_late, 500, raises=Refused)))
        assert report.verdict == "fail", report

    def test_a_refusal_nobody_expects_is_a_usage_error(self) -> None:
        with pytest.raises(UsageError, match=r"the clean run failed.*only 100 there.*raises="):
            drill(bank(Operation(withdraw, 500)))
        with pytest.raises(UsageError, match=r"the clean run failed.*raises="):
            drill(bank(Operation(withdraw, 500, raises=ZeroDivisionError)))
        with pytest.raises(UsageError, match=r"the clean run failed.*refused=True"):
            drill(bank(Operation(withdraw_answering, 500, succeeded=ok)))

    def test_a_refusal_before_any_call_passes(self) -> None:
        def operation() -> None:
            raise Refused

        report = drill(bank(Operation(operation, raises=Refused)))
        assert report.verdict == "pass", report
        assert any("refused before any database call" in note for note in report.notes)

    def test_refused_without_succeeded_is_a_usage_error(self) -> None:
        with pytest.raises(UsageError, match="refused=True needs succeeded="):
            Operation(withdraw_answering, 500, refused=True)


KEPT: list[Any] = []


def leaves_begin(engine: Engine) -> None:
    """A transaction that neither read nor wrote stays open: untidy, and it harms nobody."""
    session_begin(engine)
    connection = engine.execution_options(isolation_level="AUTOCOMMIT").connect()
    connection.exec_driver_sql("BEGIN")
    KEPT.append(connection)


def leaves_lock(engine: Engine) -> None:
    """The same with the write lock taken: the next writer is stopped."""
    session_begin(engine)
    connection = engine.execution_options(isolation_level="AUTOCOMMIT").connect()
    connection.exec_driver_sql("BEGIN IMMEDIATE")
    KEPT.append(connection)


def forgets_to_close(engine: Engine) -> None:
    session = Session(engine)
    move(session)
    session.commit()
    session.add(Payment(account_id=ALICE, amount=1))
    session.flush()
    KEPT.append(session)


class TestLeaks:
    @pytest.fixture(autouse=True)
    def let_go(self) -> Any:
        yield
        KEPT.clear()

    @pytest.mark.dear
    def test_one_that_harms_nobody_is_a_warning(self) -> None:
        report = drill(bank(leaves_begin))
        assert report.verdict == "pass", report
        assert not said(report)
        assert "ACI206" in codes(report, "warning")

    @pytest.mark.dear
    @pytest.mark.parametrize("function", [leaves_lock, forgets_to_close], ids=lambda function: function.__name__)
    def test_one_that_stops_others_is_an_error(self, function: Callable[..., Any]) -> None:
        report = drill(bank(function))
        assert "leaked" in said(report), report
        assert "ACI206" in codes(report)
        assert any("database is locked" in found.title for found in report.findings if found.word == "leaked")


def both_in_one_call(session: Session) -> None:
    """The ORM sends two changes of the same kind as one ``executemany``, and a driver one by one."""
    alice, bob = session.get_one(Account, ALICE), session.get_one(Account, BOB)
    alice.balance -= 10
    bob.balance += 10
    session.commit()


def both_by_themselves(engine: Engine) -> None:
    with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        connection.execute(
            text("UPDATE accounts SET balance = :balance WHERE id = :id"),
            [{"id": ALICE, "balance": 1}, {"id": BOB, "balance": 2}],
        )


def one_write(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(update(Account).where(Account.id == ALICE).values(balance=1))


class TestClassifier:
    @pytest.mark.parametrize(
        ("function", "text"),
        [
            (lambda session: session.scalars(select(Account.id)).all(), "read only"),
            (one_write, "1 write: needs no transaction"),
            (session_begin, "2 writes in 1 commit: protected"),
            (both_in_one_call, "2 writes in 1 commit: protected"),
            (both_by_themselves, "2 writes outside any transaction"),
            (two_commits, "2 writes in 2 commits: missing"),
            (move, "2 writes, no commit: missing"),
            (
                lambda session: (move(session), session.commit(), move(session)),
                "4 writes, some without commit: missing",
            ),
        ],
    )
    def test_texts(self, function: Callable[..., Any], text: str) -> None:
        assert drill(bank(function), runs_max=0).classifier == text

    def test_of_several_operations(self) -> None:
        scenario = bank(session_begin)
        two = prove.Scenario(
            *scenario.operations, Operation(two_commits), metadata=scenario.metadata, setup=scenario.setup
        )
        assert drill(two, runs_max=0).classifier == (
            "session_begin: 2 writes in 1 commit: protected; two_commits: 2 writes in 2 commits: missing"
        )

    def test_in_autocommit_every_write_is_a_commit(self) -> None:
        def operation(engine: Engine) -> None:
            with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
                move_by_text(connection)
                connection.commit()

        assert drill(bank(operation), runs_max=0).classifier == "2 writes in 2 commits: missing"

    @pytest.mark.parametrize(
        ("table", "text"),
        [("accounts", "1 write: needs no transaction"), ("notes", "2 writes in 1 commit: protected")],
    )
    def test_what_makes_a_table_that_is_there_writes_nothing(self, table: str, text: str) -> None:
        def operation(connection: Connection) -> None:
            connection.exec_driver_sql("BEGIN")
            connection.exec_driver_sql(f"CREATE TABLE IF NOT EXISTS {table} (id INTEGER)")
            connection.execute(update(Account).where(Account.id == ALICE).values(balance=1))
            connection.commit()

        assert drill(bank(operation), runs_max=0).classifier == text

    def test_what_only_reads_passes_as_read_only(self) -> None:
        report = drill(bank(lambda session: session.scalars(select(Account.balance)).all()))
        assert (report.verdict, report.classifier) == ("pass", "read only")


def move_by_text(connection: Connection) -> None:
    connection.execute(text("UPDATE accounts SET balance = balance - 10 WHERE id = 1"))
    connection.execute(text("UPDATE accounts SET balance = balance + 10 WHERE id = 2"))


# Verdicts


def nothing(session: Session) -> None:
    """No Call at all."""


class TestVerdict:
    def test_pass(self) -> None:
        report = Control(session_begin).drilled()
        report.raise_for_findings()
        assert report.verdict == "pass"

    def test_fail(self) -> None:
        report = Control(session_stock).drilled()
        assert codes(report) == {"ACI207"}
        for allowed in (False, True):
            with pytest.raises(AcidityViolated, match=r"not atomic \(false failure, ACI207\)") as raised:
                report.raise_for_findings(allow_unknown=allowed)
            assert raised.value.report is report
            assert isinstance(raised.value, AssertionError)

    def test_unknown(self) -> None:
        report = drill(bank(nothing))
        assert report.verdict == "unknown"
        assert "zero Calls" in report.unknowns[0]
        with pytest.raises(AcidityViolated, match="zero Calls"):
            report.raise_for_findings()
        report.raise_for_findings(allow_unknown=True)

    def test_an_error_that_is_hidden_may_come_of_what_was_injected(self) -> None:
        @wraps(move)
        def quiet(*arguments: Any) -> None:
            with suppress(TypeError):
                move(*arguments, "it brings a session of its own", "and acidity has given it one")

        report = drill(bank(quiet))
        assert "session was injected into what wraps it: say inject=None if it brings its own" in report.unknowns[0]

    def test_a_bound_that_was_hit_is_unknown(self) -> None:
        report = drill(bank(session_begin), runs_max=3)
        assert report.verdict == "unknown"
        assert "3 of" in report.unknowns[0]
        report = drill(bank(session_begin), budget=0.0)
        assert report.verdict == "unknown"
        assert "time budget" in report.unknowns[0]

    @pytest.mark.dear
    def test_a_fail_that_was_found_within_the_bound_is_a_fail(self) -> None:
        report = drill(bank(two_commits), runs_max=30, faults=None)
        assert report.verdict == "fail"
        assert report.unknowns

    def test_writes_that_change_nothing_are_unknown(self) -> None:
        def operation(session: Session) -> None:
            session.execute(update(Account).values(balance=Account.balance))
            session.commit()

        report = drill(bank(operation))
        assert report.verdict == "unknown", report
        assert "changed no row" in report.unknowns[0]

    @pytest.mark.dear
    @pytest.mark.parametrize("db", ["sqlite", "postgresql", "mariadb"])
    @pytest.mark.parametrize("asked", ["SELECT nothing FROM accounts", "ROLLBACK TO SAVEPOINT nothing"])
    @pytest.mark.one_in(2)
    def test_a_hidden_error_makes_commit_a_rollback(self, asked: str, db: str) -> None:
        """PostgreSQL says that COMMIT is done; the others kept what was there before the error."""

        def hidden(connection: Connection) -> None:
            connection.execute(update(Account).values(balance=Account.balance + 1))
            with suppress(DBAPIError):
                connection.execute(text(asked))
            connection.commit()

        def undone(connection: Connection) -> None:
            connection.execute(update(Account).values(balance=Account.balance + 1))
            with suppress(DBAPIError), connection.begin_nested():
                connection.execute(text(asked))
            connection.commit()

        report = drill(bank(hidden), db=db, faults=("commit-refused",))
        found = [finding for finding in report.findings if finding.word == "false success"]
        assert [finding.kind for finding in found] == ([CauseKind.SWALLOWED_ERROR] if db == "postgresql" else [])
        line = hidden.__code__.co_firstlineno + 3
        assert all(f":{line} was hidden" in finding.cause for finding in found), found
        report = drill(bank(undone), db=db, faults=("commit-refused",))
        assert not [finding for finding in report.findings if finding.word == "false success"], report
        assert not report.unknowns

    @pytest.mark.dear
    def test_a_write_without_effect_is_no_success_of_an_error_that_was_taken_back(self) -> None:
        """An error in another transaction, or one that never came to the database, makes no COMMIT a ROLLBACK."""

        def apart(connection: Connection) -> None:
            with suppress(DBAPIError):
                connection.execute(text("SELECT nothing FROM accounts"))
            connection.commit()
            connection.execute(update(Account).values(balance=Account.balance))
            connection.commit()

        report = drill(bank(apart), db="postgresql", faults=("error-before",))
        assert "changed no row" in report.unknowns[0], report

    def test_a_refused_call_lacks_no_transaction(self) -> None:
        def refuse(session: Session) -> None:
            move(session)
            session.flush()
            raise LookupError

        report = drill(bank(Operation(refuse, raises=LookupError)), faults=("error-before",))
        assert report.verdict == "pass", report
        assert "refused and rolled back" in str(report)

    @pytest.mark.dear
    def test_a_card_has_the_verdict_of_its_worst_letter(self) -> None:
        card = check(bank(session_stock), letters="AC")
        assert card.verdict == "fail"
        with pytest.raises(AcidityViolated):
            card.raise_for_findings()
        assert check(bank(session_begin), letters="C").verdict == "pass"

    @pytest.mark.dear
    def test_the_exit_code_of_several(self) -> None:
        good, bad, unsure = (
            Control(session_begin).drilled(),
            Control(session_stock).drilled(),
            drill(bank(nothing)),
        )
        assert [exit_code([report]) for report in (good, bad, unsure)] == [0, 1, 3]
        assert [exit_code(reports) for reports in ([good, unsure], [unsure, bad, good], [good, good])] == [3, 1, 0]

    def test_a_scenario_without_operation_or_schema_is_a_usage_error(self) -> None:
        with pytest.raises(UsageError, match="at least one Operation"):
            prove.Scenario(metadata=Account.metadata)
        with pytest.raises(UsageError, match="exactly one of metadata= and schema="):
            prove.Scenario(session_begin)
        with pytest.raises(UsageError, match="needs a function to run"):
            Operation("transfer")  # type: ignore[arg-type]


@pytest.mark.dear
def test_sqlalchemys_own_trap_has_a_title_and_a_remedy_of_its_own() -> None:
    (found,) = Control(session_stock).drilled(remedies=True).findings
    assert "the next user of the connection committed what the failed COMMIT had left open" in found.title
    assert found.kind is CauseKind.COMMIT_LEFT_OPEN
    assert [(remedy.verdict, remedy.runs > 0) for remedy in found.remedies] == [("pass", True)]
    assert "rollback() in an `except`, and then `raise`, right around commit()" in found.remedies[0].name


@pytest.mark.dear
def test_two_commits_are_mended_by_one() -> None:
    found = next(found for found in Control(two_commits).drilled(remedies=True).findings if found.code == "ACI201")
    assert "one commit instead of several" in found.remedies[0].name
    assert found.remedies[0].verdict == "pass"


@pytest.mark.dear
def test_an_engine_of_ones_own_is_checked_like_an_injected_one() -> None:
    def operation(url: str) -> None:
        engine = create_engine(url)
        session_stock(engine)

    assert said(drill(bank(operation))) == {"false failure by a stranger's commit"}


def test_a_question_to_the_user_is_answered_by_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody sees it, and a check would wait for an answer until the time of each run is over."""

    def asks(session: Session) -> None:
        session.add(Payment(id=2, account_id=ALICE, amount=int(input("How much? "))))
        session.commit()

    monkeypatch.setattr("sys.stdin", StringIO("7\n" * 99))
    with pytest.raises(UsageError, match="EOF when reading a line"):
        drill(bank(asks))
    assert sys.stdin.readline() == "7\n"
