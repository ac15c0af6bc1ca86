"""Several commits, judged: programs that recover and settle pass, their broken twins do not, each for its own reason.

One fault at every COMMIT in the default run, and no remedies; with the marker ``slow``, every fault on every engine.
"""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from acidity import prove
from acidity.core.outcome import Rows, Told
from acidity.core.report import Report
from acidity.errors import ForeignDatabase, UsageError
from acidity.prove import Operation, Scenario
from acidity.prove.drill.judge import Baseline
from acidity.prove.stage.aftermath import Aftermath
from acidity.prove.stage.committed import CommitWatch
from acidity.prove.stage.run import Run
from tests.quality import sagas
from tests.quality.controls import Control, said

ENGINES = ["sqlite", "postgresql", "mariadb"]
QUICK: dict[str, Any] = {"faults": ("answer-lost",), "remedies": False}


def control(function: Any, *words: str, **options: Any) -> Control:
    """With ``name``, to tell apart what is the same function under other conditions."""
    name = options.pop("name")
    options = {"metadata": sagas.Base.metadata, "setup": sagas.seed, **options}
    operation = function if isinstance(function, Operation) else Operation(function, name=name)
    return Control(operation, frozenset(words), options)


SAGA = {"commits": "several", "invariants": [sagas.money_is_kept]}
LAX = {"commits": "several", "invariants": [sagas.nobody_owes]}
OUTBOX = {"invariants": [sagas.money_is_kept]}
RELAY = {"setup": sagas.seed_with_message}
PAYING = {"effects": [sagas.gateway.pay]}
LOG = {"ignore": ["transfers.*"]}

COMPLETED = control(sagas.saga, name="completed", recover=sagas.completes, **SAGA)
COMPENSATED = control(sagas.saga, name="compensated", recover=sagas.compensates, **LOG, **SAGA)
NOT_RECOVERED = control(sagas.saga, "torn", name="nothing recovers", recover=sagas.does_nothing, **SAGA)
TWICE = control(sagas.saga, "not idempotent", name="gives again", recover=sagas.forgets_that_it_gave, **LOG, **LAX)
DELIVERED = control(sagas.sends, name="delivered", settle=sagas.delivers, **OUTBOX)
LOST = control(sagas.sends, "inconsistent", name="lost", settle=sagas.loses, **OUTBOX)
KEPT = control(sagas.sends, "not idempotent", name="applied and kept", settle=sagas.applies_and_keeps)
DELETED_FIRST = control(
    sagas.deletes_first, "torn", name="deletes first", settle=sagas.deletes_first, **{**RELAY, **LAX}
)
SETTLED = control(sagas.saga, name="settled", settle=sagas.completes, **SAGA)
NOT_SETTLED = control(sagas.saga, "torn", name="nothing settles", **SAGA)
BETWEEN = control(
    sagas.saga,
    "inconsistent",
    name="broken between",
    recover=sagas.completes,
    commits="several",
    invariants=[sagas.money_is_in_accounts],
)
NAMED = (COMPLETED, COMPENSATED, NOT_RECOVERED, TWICE, DELIVERED, KEPT, DELETED_FIRST, BETWEEN)

GAVE_UP = control(sagas.saga, "not recovered", name="gives up", recover=sagas.gives_up, **SAGA)
CASH = control(sagas.takes_only, name="paid out", settle=sagas.pays_out, **PAYING)
CASH_TWICE = control(sagas.takes_only, "not idempotent", name="paid again", settle=sagas.pays_for_all, **PAYING)
AT_LEAST_ONCE = control(
    sagas.sends, name="at least once", settle=sagas.delivers_at_least_once, ignore=["applied.*"], **OUTBOX
)
OTHERS = (
    LOST,
    SETTLED,
    NOT_SETTLED,
    GAVE_UP,
    CASH,
    CASH_TWICE,
    AT_LEAST_ONCE,
    control(sagas.takes_and_readies, name="readied", settle=sagas.pays_whatever_was_taken, **LAX, **PAYING),
    control(sagas.takes_and_readies, "torn", name="not paid", settle=sagas.pays_what_is_ready, **LAX, **PAYING),
    control(sagas.sends, name="others wait too", setup=sagas.seed_with_message, settle=sagas.delivers, **OUTBOX),
    control(
        sagas.takes_only, name="others wait to be paid", setup=sagas.seed_with_transfer, settle=sagas.pays_out, **PAYING
    ),
    control(sagas.saga, "torn", name="the log is compared", recover=sagas.compensates, **SAGA),
    control(sagas.saga, "torn", name="nothing is committed", recover=sagas.forgets_to_commit, **SAGA),
    control(sagas.in_two_commits, "torn", name="without a note", recover=sagas.completes, **LAX),
    control(sagas.saga, "not settled", name="settling gives up", settle=sagas.gives_up, **SAGA),
    control(
        sagas.saga, "not idempotent", name="cannot be repeated", recover=sagas.gives_up_the_second_time, **LOG, **SAGA
    ),
    control(sagas.saga, "inconsistent", name="recovers in two", recover=sagas.completes_in_two_commits, **SAGA),
    control(
        sagas.delivers_at_least_once,
        name="a relay is drilled",
        settle=sagas.delivers_at_least_once,
        **{**RELAY, **SAGA},
    ),
    control(sagas.deletes_last, "torn", name="deletes last", settle=sagas.deletes_last, **{**RELAY, **LAX}),
    control(sagas.saga_async, name="async", recover=sagas.completes_async, **SAGA),
    control(sagas.saga_async, name="async recovered by plain code", recover=sagas.completes, **SAGA),
    control(sagas.saga, name="recovered by async code", recover=sagas.completes_async, **SAGA),
)


def drilled(control: Control, db: str = "sqlite", **options: Any) -> Report:
    return prove.drill(control.scenario(), db=db, **options or QUICK)


def named(control: Control) -> str:
    return control.name


@pytest.mark.dear
@pytest.mark.one_in(4)
@pytest.mark.one_engine
@pytest.mark.parametrize("control", NAMED, ids=named)
@pytest.mark.parametrize("db", ENGINES)
def test_what_is_said(control: Control, db: str) -> None:
    report = drilled(control, db)
    assert (said(report), report.unknowns) == (control.words, ()), report


@pytest.mark.one_in(5)
@pytest.mark.parametrize("control", OTHERS, ids=named)
def test_what_else_is_said(control: Control) -> None:
    report = drilled(control)
    assert (said(report), report.unknowns) == (control.words, ()), report


@pytest.mark.slow
@pytest.mark.parametrize("control", [*NAMED, *OTHERS], ids=named)
@pytest.mark.parametrize("db", ENGINES)
def test_what_is_said_of_all_faults(control: Control, db: str) -> None:
    report = drilled(control, db, faults=None)
    assert (said(report), report.unknowns) == (control.words, ()), report


def replayed(control: Control, schedule: str, db: str = "sqlite") -> prove.Replay:
    return prove.replay(control.scenario(), schedule, db=db)


class TestTold:
    """The table of what was told and what is there, with somebody who carries on."""

    @pytest.mark.dear
    @pytest.mark.one_server
    @pytest.mark.parametrize("db", ENGINES)
    def test_a_refused_commit_and_recovery_carried_on(self, db: str) -> None:
        """An exception said that it broke off; a COMMIT was refused, so nobody was told more than was known."""
        run = replayed(COMPLETED, "ac1:A9!commit-refused", db)
        assert run.struck
        assert (run.told, run.rows, run.word, run.verdict) == (Told.FAILED, Rows.AFTER, "right", "pass")

    def test_an_error_after_the_first_commit_and_recovery_carried_on(self) -> None:
        """Every COMMIT that was sent was acknowledged: a caller who repeats the call makes it twice."""
        run = replayed(COMPLETED, "ac1:A6!error-before")
        assert (run.told, run.rows, run.word) == (Told.FAILED, Rows.AFTER, "failed after commit")
        assert run.verdict == "pass"

    def test_it_was_compensated(self) -> None:
        run = replayed(COMPENSATED, "ac1:A6!error-before")
        assert (run.told, run.rows, run.word) == (Told.FAILED, Rows.BEFORE, "right")

    def test_rows_that_a_stranger_committed_are_a_false_failure(self) -> None:
        """The only COMMIT was refused and left open, the next user of the pool made it, and recovery carried on."""

        def stock(engine: Engine) -> None:
            with Session(engine) as session:
                sagas.change(session, sagas.ALICE, -10)
                session.add(sagas.Transfer(amount=10, state="taken"))
                session.commit()

        run = replayed(control(stock, name="stock", recover=sagas.completes, **SAGA), "ac1:A4!commit-left-open")
        assert run.struck
        assert (run.told, run.rows, run.word) == (Told.FAILED, Rows.AFTER, "false failure by a stranger's commit")

    def test_with_one_commit_a_refused_one_is_a_false_failure(self) -> None:
        one = control(sagas.saga, name="one", recover=sagas.completes, **OUTBOX)
        assert replayed(one, "ac1:A9!commit-refused").word == "false failure"

    def test_an_answer_of_failure_is_no_exception(self) -> None:
        def answers(session: Session) -> bool:
            try:
                sagas.saga(session)
            except Exception:
                session.rollback()
                return False
            return True

        lying = control(Operation(answers, succeeded=bool), name="", recover=sagas.completes, **SAGA)
        assert replayed(lying, "ac1:A6!error-before").word == "false failure"

    def test_ok_and_compensated_is_a_false_success(self) -> None:
        def swallows(session: Session) -> None:
            try:
                sagas.saga(session)
            except Exception:
                session.rollback()

        operation = Operation(swallows, succeeded=lambda answer: answer is None)
        lying = control(operation, name="", recover=sagas.compensates, **LOG, **SAGA)
        assert replayed(lying, "ac1:A6!error-before").word == "false success"

    def test_a_killed_process_is_recovered_by_another(self) -> None:
        run = replayed(COMPLETED, "ac1:A6!kill-before")
        assert (run.told, run.rows, run.word) == (Told.UNKNOWN, Rows.AFTER, "right")
        assert [event.call.kind for event in run.history][-1] == "statement"
        assert len(run.history) == 6


class TestReport:
    def test_the_report_says_who_recovered_and_settled(self) -> None:
        both = control(sagas.saga, name="saga", recover=sagas.does_nothing, settle=sagas.completes, **LOG, **SAGA)
        report = drilled(both)
        text = str(report)
        assert "4 writes in 2 commits: intended" in text
        assert "recovered by does_nothing, settled by completes" in text
        assert "whole tables that are not compared, as asked: transfers" in text
        assert any(bound.name == "recovered by does_nothing, settled by completes" for bound in report.bounds)
        assert "committed states" in {bound.name for bound in report.bounds}

    @pytest.mark.dear
    def test_a_relay_that_is_settled_by_itself_is_said_to_be_one(self) -> None:
        assert "only a loss or a double is seen" in str(drilled(DELETED_FIRST))
        assert "only a loss or a double is seen" not in str(drilled(DELIVERED))

    def test_a_recovery_that_fails_is_named(self) -> None:
        (found,) = [found for found in drilled(GAVE_UP).findings if found.severity == "error"]
        assert found.code == "ACI210"
        assert "recover (gives_up) failed (RuntimeError: somebody has to look at this)" in found.title

    def test_what_a_second_time_changed_is_said(self) -> None:
        (found,) = [found for found in drilled(TWICE).findings if found.severity == "error"]
        assert found.code == "ACI212"
        assert "recover (forgets_that_it_gave) was run a second time" in found.title
        assert [str(change) for change in found.diff] == ["accounts id=2 balance 10 → 20"]

    def test_an_effect_that_took_place_again_is_said(self) -> None:
        (found,) = [found for found in drilled(CASH_TWICE).findings if found.severity == "error"]
        assert "Gateway.pay took place 1× more" in found.title

    def test_where_an_invariant_was_broken_on_the_way(self) -> None:
        found = next(found for found in drilled(BETWEEN).findings if found.code == "ACI252")
        assert "on the way at" in found.title
        assert str(found.sites[0]) in found.title
        assert "everybody could read these rows" in found.explanation[0]
        assert "balance 100 → 90" in str(found.diff[0])

    def test_a_replay_shows_the_steps(self) -> None:
        from acidity.report.json import as_json
        from acidity.report.page import Page
        from acidity.report.rerun import Rerun, say_rerun

        run = replayed(COMPLETED, "ac1:A6!error-before")
        page = Page(160)
        say_rerun(page, Rerun(run))
        text = page.render(color=False)
        assert "then recover         completes: rows after" in text
        assert "again recover        completes: rows after" in text
        steps: Any = as_json(Rerun(run))["steps"]
        assert [(step["role"], step["name"], step["again"], step["rows"]) for step in steps] == [
            ("recover", "completes", False, "after"),
            ("recover", "completes", True, "after"),
        ]
        assert any("UPDATE accounts" in event["sql"] for event in steps[0]["history"])

    def test_a_key_that_a_step_computes_is_not_masked(self) -> None:
        computed = control(sagas.sends, name="", settle=sagas.delivers_at_least_once, **OUTBOX)
        assert not any("applied.message_id" in note for note in replayed(computed, "ac1:").notes)

    def test_its_calls_are_no_calls(self) -> None:
        plain, followed = (replayed(each, "ac1:") for each in (NOT_SETTLED, COMPLETED))
        assert [event.call.sql for event in plain.history] == [event.call.sql for event in followed.history]


class TestUse:
    def test_several_commits_need_invariants(self) -> None:
        with pytest.raises(UsageError, match='commits="several" needs invariants'):
            Scenario(sagas.saga, metadata=sagas.Base.metadata, commits="several")

    def test_other_words_are_refused(self) -> None:
        with pytest.raises(UsageError, match="'one', 'several'"):
            Scenario(sagas.saga, metadata=sagas.Base.metadata, commits="many")  # type: ignore[arg-type]

    @pytest.mark.parametrize("role", ["recover", "settle"])
    def test_a_step_is_a_function(self, role: str) -> None:
        with pytest.raises(UsageError, match=f"{role}= takes a function"):
            Scenario(sagas.saga, metadata=sagas.Base.metadata, **{role: "relay"})

    @pytest.mark.parametrize("role", ["recover", "settle"])
    def test_a_step_that_fails_by_itself_is_named(self, role: str) -> None:
        def fails(session: Session) -> None:
            raise LookupError("no such queue")

        scenario = control(sagas.sends, name="sends", **{role: fails}).scenario()
        with pytest.raises(UsageError, match=rf"sends: {role} \(fails\) fails .* LookupError: no such queue"):
            prove.drill(scenario)

    def test_a_step_that_needs_something_to_do_is_named(self) -> None:
        def needs_work(session: Session) -> None:
            with session.begin():
                session.delete(session.scalars(select(sagas.Message)).one())

        scenario = control(sagas.sends, name="sends", settle=needs_work).scenario()
        with pytest.raises(UsageError, match=r"settle \(needs_work\) fails on the rows before"):
            prove.drill(scenario)

    def test_a_step_gets_what_it_asks_for(self) -> None:
        got = []

        def first(url: str) -> None:
            got.append(url.partition(":")[0])

        def then(word: str, *, engine: Any) -> None:
            got.append(word + engine)

        scenario = control(sagas.sends, name="", recover=first, settle=Operation(then, "a", engine="b")).scenario()
        prove.replay(scenario, "ac1:")
        assert got[:2] == ["sqlite", "ab"]

    def test_a_step_cannot_reach_another_database(self) -> None:
        from sqlalchemy import create_engine, text

        def wanders(session: Session) -> None:
            with create_engine("sqlite:///elsewhere.db").connect() as connection:
                connection.execute(text("select 1"))

        with pytest.raises(ForeignDatabase):
            prove.replay(control(sagas.sends, name="", settle=wanders).scenario(), "ac1:")

    def test_a_whole_table_that_is_none(self) -> None:
        with pytest.raises(UsageError, match=r"ignore='logs\.\*' is not a table; there are: accounts, "):
            drilled(control(sagas.saga, name="", ignore=["logs.*"]))


# Lies


def without_steps(self: Aftermath, run: Run) -> Run:
    return run


def blind(self: CommitWatch, *arguments: Any) -> None:
    return None


LIES = {
    "nothing follows": (Aftermath, "follow", without_steps, (COMPLETED, SETTLED, LOST)),
    "nothing is repeated": (Aftermath, "repeat", without_steps, (TWICE, KEPT, CASH_TWICE)),
    "nothing changes again": (Baseline, "changed_again", lambda self, run: None, (TWICE, KEPT, CASH_TWICE)),
    "nobody looks on the way": (CommitWatch, "look", blind, (BETWEEN,)),
    "no step fails": (Run, "failed_step", None, (GAVE_UP,)),
    "the rows are judged before": (Run, "end", property(lambda self: self.second), (COMPLETED, COMPENSATED)),
}


def lies() -> list[Any]:
    """Parameters: each lie with all that see it; those but the first are slow."""
    return [
        pytest.param(lie, seen, id=f"{lie}-{seen.name}", marks=pytest.mark.slow if place else ())
        for lie in LIES
        for place, seen in enumerate(LIES[lie][3])
    ]


@pytest.mark.parametrize(("lie", "seen"), lies())
@pytest.mark.one_in(2)
def test_a_lie_is_seen(lie: str, seen: Control, monkeypatch: pytest.MonkeyPatch) -> None:
    owner, name, told, _ = LIES[lie]
    monkeypatch.setattr(owner, name, told)
    report = drilled(seen)
    assert (said(report), report.unknowns) != (seen.words, ()), report


def test_the_lie_that_nothing_carries_on_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Baseline, "_carried_on", lambda self, run: False)
    assert replayed(COMPLETED, "ac1:A9!commit-refused").word == "false failure"
