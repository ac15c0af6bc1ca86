"""A run that does not end is ended: unknown, with the stack where it stood; the check goes on."""

from __future__ import annotations

import asyncio
import os
import re
import time
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

from acidity import prove
from acidity.core.report import Report
from acidity.errors import UsageError
from acidity.prove import Operation
from tests.engines.bank import bank, move

HERE = os.getpid()
LIMIT_S = 0.6
SLEEPS = {"postgresql": "SELECT pg_sleep(1000)", "mariadb": "SELECT sleep(1000)"}
COUNTING = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c"


def hanging(hang: Callable[[Session], Any]) -> Callable[[Session], None]:
    """A right transfer that hangs whenever an error was thrown into it: in every run that is struck."""

    def operation(session: Session) -> None:
        try:
            move(session)
            session.commit()
        except Exception:
            session.rollback()
            hang(session)
            raise

    operation.__name__ = hang.__name__
    return operation


def computes(_: Session) -> None:
    while True:
        pass


def sleeps(_: Session) -> None:
    time.sleep(1000)


def swallows(_: Session) -> None:
    while True:
        try:
            time.sleep(1000)
        except Exception:
            continue


def counts_in_sqlite(session: Session) -> None:
    session.execute(text(COUNTING))


def drilled(operation: Any, db: str = "sqlite", **options: Any) -> Report:
    return prove.drill(bank(operation), db=db, remedies=False, **{"faults": ("error-after",)} | options)


def threads_left() -> list[str]:
    import threading

    return [thread.name for thread in threading.enumerate() if "overseer" in thread.name]


@pytest.mark.dear
@pytest.mark.parametrize("hang", [sleeps, computes, swallows, counts_in_sqlite])
@pytest.mark.one_in(2)
def test_a_run_that_does_not_end_is_unknown_and_the_check_goes_on(hang: Callable[[Session], Any]) -> None:
    report = drilled(Operation(hanging(hang), timeout=LIMIT_S), faults=("error-before",), runs_max=2)
    assert report.verdict == "unknown"
    ended = [unknown for unknown in report.unknowns if "did not end within 0.6 s" in unknown]
    many = 1 if hang is counts_in_sqlite else 2  # both runs, one after the other; a lasting fault stops its statement
    assert len(ended) >= many, report.unknowns
    assert f"in {hang.__name__}" in ended[0] or hang is counts_in_sqlite
    assert threads_left() == []
    assert drilled(hanging(move)).verdict == "pass"  # the twin: nothing of it is left


@pytest.mark.dear
@pytest.mark.parametrize("db", SLEEPS)
def test_a_driver_that_waits_for_its_server_is_ended_from_outside(db: str) -> None:
    def waits(session: Session) -> None:
        session.execute(text(SLEEPS[db]))

    report = drilled(Operation(hanging(waits), timeout=2), db, faults=("error-before",), runs_max=1)
    assert report.verdict == "unknown"
    assert "did not end within 2 s" in report.unknowns[0]


@pytest.mark.dear
def test_a_coroutine_that_waits_for_ever_is_cancelled() -> None:
    cancelled = []

    async def waits(async_session: AsyncSession) -> None:
        try:
            await async_session.run_sync(move)
            await async_session.commit()
        except Exception:
            try:
                await asyncio.sleep(1000)
            except asyncio.CancelledError:
                cancelled.append(1)
                raise

    report = drilled(Operation(waits, timeout=LIMIT_S), faults=("error-before",), runs_max=1)
    assert report.verdict == "unknown"
    assert "did not end within" in report.unknowns[0]
    assert cancelled == [1]


def here_and_hangs_elsewhere(session: Session) -> None:
    if os.getpid() != HERE:
        sleeps(session)
    move(session)
    session.commit()


def test_a_child_process_that_hangs_is_killed_and_no_line_of_acidity_is_where_it_stood() -> None:
    """Where it stood in the child is not known; where the parent waited for it says nothing."""
    report = drilled(Operation(here_and_hangs_elsewhere, timeout=0.2), faults=("kill-before",), runs_max=1)
    assert "did not end within 0.2 s; it ran in a process of its own, which was killed" in report.unknowns[0]
    assert ".py" not in report.unknowns[0]


def test_a_child_process_that_does_not_end_is_killed() -> None:
    report = drilled(Operation(hanging(sleeps), timeout=LIMIT_S), faults=("kill-before",), runs_max=1)
    assert report.verdict == "unknown"  # runs_max; nothing hangs before it is killed
    assert not any("did not end" in unknown for unknown in report.unknowns)


@pytest.mark.dear
def test_the_limit_of_the_check_holds_where_the_operation_has_none() -> None:
    report = drilled(hanging(sleeps), faults=("error-before",), runs_max=1, run_timeout=LIMIT_S)
    assert "did not end within 0.6 s" in report.unknowns[0]


@pytest.mark.dear
def test_the_operation_itself_hangs() -> None:
    report = drilled(Operation(sleeps, timeout=0.1))
    assert report.verdict == "unknown"
    assert "did not end within 0.1 s; it stood at" in report.unknowns[0]


@pytest.mark.parametrize("seconds", [0, -1, float("nan")])
def test_a_limit_leaves_time(seconds: float) -> None:
    with pytest.raises(UsageError, match="leaves no time"):
        Operation(move, timeout=seconds)


def forever(*_: object) -> None:
    while True:
        time.sleep(1000)


def counting(session: Session, *_: Any) -> None:
    session.execute(text(COUNTING))


def on_the_rows_after(session: Session, run: Any) -> None:
    """It is asked only of a run."""
    forever()


def clean(session: Session) -> None:
    move(session)
    session.commit()


@pytest.mark.dear
@pytest.mark.parametrize("hang", [forever, counting])
@pytest.mark.parametrize("place", ["invariants", "setup", "schema"])
@pytest.mark.one_in(2)
def test_what_describes_a_scenario_does_not_hang_a_check(place: str, hang: Callable[..., None]) -> None:
    def one(given: Any) -> None:
        hang(given)

    options: dict[str, Any] = {"invariants": {"invariants": [one]}, "setup": {"setup": one}, "schema": {"schema": one}}
    with pytest.raises(
        UsageError, match=r"did not end within 0\.3 s; it stood at .*(forever|counting|do_execute|execute)"
    ):
        prove.drill(bank(clean, **options[place]), faults=("error-before",), remedies=False, run_timeout=0.3)


@pytest.mark.dear
def test_an_invariant_of_runs_that_hangs_leaves_it_undecided() -> None:
    scenario = bank(clean, invariants=[on_the_rows_after])
    report = prove.drill(scenario, faults=("error-before",), remedies=False, run_timeout=0.3)
    assert report.verdict == "unknown"
    assert "invariants= did not end within 0.3 s; it stood at" in report.unknowns[0]
    assert "in forever" in report.unknowns[0]


@pytest.mark.dear
def test_also_that_hangs_leaves_it_undecided() -> None:
    report = prove.drill(
        bank(Operation(clean, also=[on_the_rows_after])), faults=("error-before",), remedies=False, run_timeout=0.3
    )
    assert "also= of clean did not end within 0.3 s; it stood at" in report.unknowns[0]


@pytest.mark.dear
@pytest.mark.parametrize("step", ["recover", "settle"])
def test_a_step_that_hangs_leaves_it_undecided(step: str) -> None:
    scenario = bank(clean, commits="several", invariants=[bool], **{step: forever})
    report = prove.drill(scenario, faults=("error-before",), remedies=False, run_timeout=0.3)
    assert "did not end within 0.3 s; it stood at" in report.unknowns[0]


@pytest.mark.dear
@pytest.mark.parametrize("db", SLEEPS)
def test_an_invariant_that_waits_for_its_server_is_ended_from_outside(db: str) -> None:
    def waits(session: Session) -> None:
        session.execute(text(SLEEPS[db]))

    with pytest.raises(UsageError, match="the invariant waits did not end within 1 s"):
        prove.drill(bank(clean, invariants=[waits]), db=db, faults=("error-before",), remedies=False, run_timeout=1)


@pytest.mark.dear
def test_a_replay_has_the_limit_too() -> None:
    with pytest.raises(UsageError, match=r"did not end within 0\.3 s"):
        prove.replay(bank(sleeps), "ac1:", run_timeout=0.3)


def asks_for_long(session: Session) -> None:
    session.execute(text("WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"))


def test_the_line_of_the_users_comes_first_and_no_frame_of_acidity() -> None:
    """The driver waits far within; what is to be changed is the line that asked it."""
    report = drilled(Operation(asks_for_long, timeout=0.3))
    stood = report.unknowns[0].partition("it stood at ")[2]
    assert re.match(r"test_did_not_end\.py:\d+ in asks_for_long, within it at \w+\.py:\d+ in ", stood), stood
    assert not {"seam.py", "calls.py", "play.py"} & set(re.findall(r"\w+\.py", stood)), stood
