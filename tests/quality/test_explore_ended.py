"""A search that is ended in its middle ends within two seconds, says what it covered, and leaves nothing but a daemon."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

from acidity import prove
from acidity.core.call import Kind
from acidity.core.report import Report
from acidity.errors import Interrupted
from acidity.prove import Operation, Scenario
from acidity.prove.explore.control import Control, Course
from acidity.prove.explore.gate import Gate, Place
from tests.quality.callers import Account, at_once, look, seed, twice, withdraw_guarded
from tests.quality.test_explore_processes import children
from tests.tiers import ENGINES, SERVERS

ENDS_S = 2.0
SERVER = {"pid": 0}
STATE: list[int] = []


@dataclass
class Stop:
    """Ends a search as soon as a caller is where it shall be, but not in the first run at once.

    Attributes:
        place: where a caller shall be.
        act: ends it.
        gates: of the callers of the run that is on.
        runs: how many were made at once, this one too.
        met: where all callers were when it was ended.
        at: when that was.
    """

    place: Place
    act: Callable[[], None]
    gates: Sequence[Gate] = ()
    runs: int = 0
    met: dict[str, Place] = field(default_factory=dict)
    at: float = 0.0

    def __call__(self) -> None:
        places = {gate.name: gate.place for gate in self.gates if not is_committing(gate)}
        if not self.at and self.runs > 1 and self.place in places.values() and Place.GONE not in places.values():
            self.met, self.at = places, time.monotonic()
            self.act()

    @property
    def took_s(self) -> float:
        """How long it has been since."""
        assert self.place in self.met.values()
        return time.monotonic() - self.at


def is_committing(gate: Gate) -> bool:
    """It waits for nobody, but whoever waited for it may go on already."""
    return gate.place is Place.FLIGHT and gate.pending is not None and gate.pending.call.kind is Kind.COMMIT


def press() -> None:
    """Ctrl-C."""
    os.kill(os.getpid(), signal.SIGINT)


def kill_server() -> None:
    """The server is gone from one moment to the next."""
    os.kill(SERVER["pid"], signal.SIGKILL)


STOP = Stop(Place.GATE, press)
PARKED_OR_BLOCKED = {"sqlite": Place.GATE, "postgresql": Place.FLIGHT, "mariadb": Place.FLIGHT}
on_each_engine = pytest.mark.parametrize("db", ENGINES)


def stop_at(monkeypatch: pytest.MonkeyPatch, place: Place, act: Callable[[], None], *, at_rest: bool = False) -> Stop:
    """Let the search be ended by the program of a caller, or when nobody of them can go on by himself.

    Args:
        monkeypatch: tells it of the callers of each run.
        place: where one of them shall be.
        act: ends it.
        at_rest: none of them need say so; they may be in processes of their own.
    """
    stop, course = Stop(place, act), Control.course

    def told(control: Control) -> Course:
        if len(control.gates) == 1:  # a caller of a serial order, alone
            return course(control)
        stop.gates, stop.runs, after_turn = control.gates, stop.runs + 1, control.after_turn
        if at_rest:
            control.after_turn = lambda turn: (after_turn(turn), stop())[0]
        return course(control)

    monkeypatch.setattr(Control, "course", told)
    monkeypatch.setattr(f"{__name__}.STOP", stop)
    return stop


def interrupted(scenario: Scenario, stop: Stop, **options: Any) -> Report:
    """The report of a check that Ctrl-C ends; it has ended in time, and says what it covered."""
    with pytest.raises(Interrupted) as ended:
        prove.explore(scenario, **options)
    assert stop.took_s < ENDS_S
    report = ended.value.report
    assert isinstance(report, Report)
    schedules, serial = report.bounds
    assert (report.verdict, report.unknowns[0]) == ("unknown", "interrupted")
    assert (schedules.covered, schedules.total, serial.covered) == (stop.runs - 1, None, 4)
    assert schedules.note.endswith("interrupted")
    return report


def actors_left() -> list[tuple[str, bool]]:
    """The threads of callers, and whether each is a daemon."""
    return [(each.name, each.daemon) for each in threading.enumerate() if "actor" in each.name]


def locked(number: int) -> Any:
    """A row, for whoever is to change it."""
    return select(Account).where(Account.id == number).with_for_update()


def taken(number: int) -> Any:
    """Ten less."""
    return update(Account).where(Account.id == number).values(balance=Account.balance - 10)


def take(session: Session, first: int, second: int) -> None:
    """Two rows in an order that the other caller does not keep; on its way it may end the search.

    As it has state of the program's, every sequence of Calls is run.
    """
    STATE.append(first)
    session.scalars(locked(first)).one()
    STOP()
    session.execute(taken(first))
    STOP()
    session.execute(taken(second))
    STOP()
    session.commit()


async def take_async(async_session: AsyncSession, first: int, second: int) -> None:
    """The same as a coroutine."""
    STATE.append(first)
    (await async_session.scalars(locked(first))).one()
    STOP()
    await async_session.execute(taken(first))
    STOP()
    await async_session.execute(taken(second))
    STOP()
    await async_session.commit()


def swallow(session: Session, first: int, second: int) -> None:
    """What unwinds a caller that is given up is met again at its next Call."""
    STATE.append(first)
    for number in (first, second, first):
        try:
            session.execute(taken(number))
            STOP()
            session.execute(taken(number))
            STOP()
            session.commit()
        except BaseException:
            session.rollback()


def swallow_for_ever(session: Session, first: int, second: int) -> None:
    """Nothing ends it in the run in which the search is ended."""
    with suppress(BaseException):
        take(session, first, second)
    while STOP.at and SWALLOWS.is_set():
        with suppress(BaseException):
            look(session)
        time.sleep(0.001)


SWALLOWS = threading.Event()


def two(function: Any, **options: Any) -> Scenario:
    """Two callers that meet at two rows."""
    options = {"metadata": Account.metadata, "setup": seed, **options}
    return Scenario(Operation(function, 1, 2), Operation(function, 2, 1), **options)


@pytest.mark.dear
@pytest.mark.one_server
@on_each_engine
@pytest.mark.parametrize("function", [take, take_async, swallow])
def test_ctrl_c_ends_callers_that_are_parked_or_blocked(
    db: str, function: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop = stop_at(monkeypatch, PARKED_OR_BLOCKED[db], press)
    interrupted(two(function), stop, db=db)
    assert actors_left() == []
    assert prove.explore(twice(withdraw_guarded, 10), db=db).verdict == "pass"


@pytest.mark.dear
@pytest.mark.one_server
@on_each_engine
@pytest.mark.parametrize("actors", ["threads", "processes"])
def test_ctrl_c_ends_callers_of_whom_nobody_is_at_work(db: str, actors: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before, stop = children(), stop_at(monkeypatch, PARKED_OR_BLOCKED[db], press, at_rest=True)
    interrupted(two(take), stop, db=db, actors=actors)
    assert actors_left() == []
    assert children() <= before


@pytest.mark.dear
def test_whoever_swallows_everything_stays_as_a_daemon_with_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    stop = stop_at(monkeypatch, Place.GATE, press)
    SWALLOWS.set()
    interrupted(two(swallow_for_ever), stop)
    left = [each for each in threading.enumerate() if "actor" in each.name]
    SWALLOWS.clear()
    assert [(each.name.rstrip("AB"), each.daemon) for each in left] == [("acidity-actor-", True)] * len(left) != []
    for each in left:
        each.join()


def where_is_the_server(session: Session) -> None:
    """The rows before, and the process of the server."""
    seed(session)
    if session.bind and session.bind.dialect.name == "postgresql":
        backend = session.scalar(text("SELECT pg_backend_pid()"))
        status = Path(f"/proc/{backend}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        SERVER["pid"] = int(status[1])
    else:
        SERVER["pid"] = int(Path(str(session.scalar(text("SELECT @@pid_file")))).read_text(encoding="utf-8"))


@pytest.mark.slow
@pytest.mark.parametrize("db", SERVERS)
@pytest.mark.parametrize("actors", ["threads", "processes"])
def test_a_server_that_dies_under_callers_that_it_lets_wait(
    db: str, actors: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop = stop_at(monkeypatch, Place.FLIGHT, kill_server, at_rest=True)
    dedicated = {"acidity.server": "dedicated"}
    report = prove.explore(two(take, setup=where_is_the_server), db=db, actors=actors, settings=dedicated)
    assert stop.took_s < ENDS_S
    assert (report.verdict, report.findings) == ("unknown", ())
    assert "could not be asked" in report.unknowns[0]
    assert report.bounds[0].covered == stop.runs - 1
    assert actors_left() == []


def busy(session: Session) -> None:
    """It never comes to a Call again."""
    BEGAN.append(time.monotonic())
    look(session)
    while True:
        pass


BEGAN: list[float] = []


@pytest.mark.dear
@pytest.mark.one_server
@on_each_engine
def test_whoever_never_ends_is_run_no_more_often_than_it_takes_to_say_so(
    db: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once to see what it shares, and once in the first order; each run takes all of its time."""
    monkeypatch.setattr(f"{__name__}.BEGAN", [])
    report = prove.explore(at_once(Operation(busy), Operation(look)), db=db, run_timeout=0.3)
    assert report.verdict == "unknown"
    assert "did not end within 0.3 s" in report.unknowns[0]
    assert len(BEGAN) == 2
    assert time.monotonic() - BEGAN[0] < 2 * 0.3 + ENDS_S
