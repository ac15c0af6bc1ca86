"""Several commits over several databases: what carries on, and what must hold on the way, looks at both."""

from __future__ import annotations

from typing import Any

import pytest

from acidity import prove
from acidity.adapters.seam import Actor, PassThrough
from acidity.core.call import Call, Event, Kind, Reply
from acidity.core.outcome import Ending, State
from acidity.core.report import Report
from acidity.core.schedule import Schedule
from acidity.core.step import Step
from acidity.errors import UsageError
from acidity.prove import Operation
from acidity.prove.stage.run import Run
from acidity.prove.stage.stage import Stage
from acidity.prove.telling.title import in_doubt_in_words
from tests.quality import sagas_two_databases as sagas
from tests.quality import two_databases as shops
from tests.quality.controls import codes, said
from tests.quality.drilled import drill
from tests.tiers import mostly_slow

FILES, POSTGRESQL, MIXED = ("sqlite",), ("postgresql",), ("sqlite", "postgresql", "mariadb")
QUICK = ("answer-lost",)
SEVERAL: dict[str, Any] = {"commits": "several"}


def drilled(
    function: Any, where: tuple[str, ...] = FILES, *, faults: tuple[str, ...] = QUICK, **options: Any
) -> Report:
    db, *own = where
    return drill(sagas.shop(function, *own, **options), db=db, faults=faults, remedies=False)


def ids(value: Any) -> str:
    return "+".join(value[-2:]) if isinstance(value, tuple) else getattr(value, "__name__", str(value))


# A saga over two databases


@pytest.mark.parametrize("where", mostly_slow(FILES, of=[FILES, MIXED]), ids=ids)
@pytest.mark.slow
def test_a_saga_that_is_carried_on_passes(where: tuple[str, ...]) -> None:
    faults = (*QUICK, "commit-refused", "kill-before")
    report = drilled(sagas.saga, where, faults=faults, recover=sagas.completes, **SEVERAL)
    assert report.verdict == "pass", str(report)
    assert report.classifier == "4 writes in 2 databases, each committed for itself: intended"


@pytest.mark.dear
@pytest.mark.one_in(3)
@pytest.mark.parametrize(
    ("function", "recover"),
    [
        (sagas.saga_async, sagas.completes_async),
        (sagas.saga_async, sagas.completes),
        (sagas.saga, sagas.completes_async),
    ],
    ids=ids,
)
def test_async(function: Any, recover: Any) -> None:
    report = drilled(function, recover=recover, **SEVERAL)
    assert report.verdict == "pass", str(report)


@pytest.mark.dear
@pytest.mark.one_in(2)
@pytest.mark.parametrize(
    ("recover", "words"),
    [
        (None, ("torn",)),
        (sagas.does_nothing, ("torn",)),
        (sagas.forgets_the_stock, ("inconsistent", "torn")),
        pytest.param(sagas.takes_again, ("inconsistent", "torn"), marks=pytest.mark.slow),
        pytest.param(sagas.never_notes, ("inconsistent", "torn"), marks=pytest.mark.slow),
        (sagas.gives_up, ("not recovered",)),
    ],
    ids=ids,
)
def test_a_saga_that_is_not_fails(recover: Any, words: tuple[str, ...]) -> None:
    report = drilled(sagas.saga, faults=("kill-before",), recover=recover, **SEVERAL)
    assert said(report) >= set(words), str(report)
    assert not report.unknowns


@pytest.mark.dear
@pytest.mark.parametrize("where", mostly_slow(FILES, of=[FILES, MIXED]), ids=ids)
def test_a_committed_state_is_that_of_both_databases(where: tuple[str, ...]) -> None:
    """After the commit in the one the other is asked, too; nothing else is wrong with it."""
    report = drilled(sagas.done_too_early, where, recover=sagas.completes, **SEVERAL)
    assert "inconsistent" in said(report), str(report)
    (between,) = [found for found in report.findings if found.word == "inconsistent" and not found.schedule.choices]
    assert "done_is_taken" in between.title
    assert {change.table for change in between.diff} == {"orders.orders"}


# What runs anyway, and what is left out


@pytest.mark.slow
def test_a_relay_from_one_to_the_other() -> None:
    assert drilled(sagas.asks, settle=sagas.completes).verdict == "pass"
    assert "inconsistent" in said(drilled(sagas.asks, settle=sagas.forgets_the_stock))
    assert "not idempotent" in said(drilled(sagas.asks, settle=sagas.never_notes))
    with pytest.raises(UsageError, match="fails although nothing was struck"):
        drilled(sagas.asks, settle=sagas.gives_up)


@pytest.mark.dear
def test_a_table_of_one_database_is_left_out() -> None:
    log = {"recover": sagas.completes_and_logs, **SEVERAL}
    report = drilled(sagas.saga, ignore=["orders.carried.*"], **log)
    assert report.verdict == "pass", str(report)
    assert any("whole tables that are not compared, as asked: orders.carried" in note for note in report.notes)
    assert said(drilled(sagas.saga, **log)) == {"torn"}


@pytest.mark.parametrize(
    ("ignore", "message"),
    [
        ("carried.*", r"database\.table\.\*"),
        ("orders.carry.*", "orders.carried"),
        ("orders.carried.*.*", "orders.carried"),
    ],
)
def test_a_table_that_is_not_there_is_said(ignore: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        drilled(sagas.saga, ignore=[ignore], recover=sagas.completes, **SEVERAL)


def wants_a_session(session: Any) -> None:
    """It cannot know of which database."""


def test_a_step_asks_for_all_databases() -> None:
    with pytest.raises(UsageError, match="let it take `databases`"):
        drilled(sagas.saga, recover=wants_a_session, **SEVERAL)


def test_a_replay_shows_the_steps() -> None:
    scenario = sagas.shop(sagas.saga, recover=sagas.does_nothing, **SEVERAL)
    replayed = prove.replay(scenario, "ac1:A6!kill-before")
    assert [seen.step.role for seen in replayed.steps] == ["recover", "recover"], replayed
    assert {event.call.database for event in replayed.steps[0].step.history} == {"orders"}


# Two-phase commit on one server


@pytest.mark.parametrize("faults", mostly_slow(("kill-after",), of=[("kill-after",), ("kill-after", "answer-lost")]))
@pytest.mark.slow
def test_two_phases_on_one_server(faults: tuple[str, ...]) -> None:
    quick: dict[str, Any] = {"db": POSTGRESQL[0], "faults": faults, "remedies": False}
    report = drill(shops.shop(shops.two_phase_commit, recover=shops.recover), **quick)
    assert report.verdict == "pass", str(report)
    idle = drill(shops.shop(shops.two_phase_commit, recover=leaves_it), **quick)
    assert said(idle) >= {"torn", "left in doubt"}, str(idle)
    assert {"ACI201", "ACI209"} <= codes(idle)
    assert not idle.unknowns


def leaves_it(databases: shops.Engines) -> None:
    """The process is restarted, and nobody asks what it had prepared."""


def test_what_a_step_left_in_doubt_is_said_with_its_database() -> None:
    prepared = Call("A", 1, Kind.PREPARE, "prepare x", database="stock")
    step = Step("recover", "prepares", (Event(prepared, Reply("ok")),), State({}))
    run = Run(Schedule(), Ending(), (), State({}), State({}), in_doubt=("stock: x",), steps=(step,))
    assert in_doubt_in_words(run) == "1 prepared transaction is left in doubt in stock"


# Before a step


def test_every_database_is_settled_before_a_step(monkeypatch: pytest.MonkeyPatch) -> None:
    settled: list[str] = []

    def noting(name: str, settle: Any) -> Any:
        return lambda opened: (settled.append(name), settle(opened))[1]

    with Stage(sagas.shop(sagas.saga), "sqlite", {}) as stage:
        for name, part in stage.parts.items():
            monkeypatch.setattr(part, "settle", noting(name, part.settle))
        stage.follow(Operation(sagas.completes), Actor("A", PassThrough()))
    assert settled == ["orders", "stock"]
