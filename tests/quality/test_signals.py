"""S4, S5: Ctrl-C and SIGTERM at any moment end a check with what it found, and leave nothing behind."""

from __future__ import annotations

import gc
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.orm import Session

from acidity import prove
from acidity.cli.leaving import leave_if_told, signals_as_exits
from acidity.core.report import ExitReason
from acidity.errors import Interrupted, Terminated
from acidity.prove.stage.stage import Stage
from tests.engines.bank import bank, move
from tests.quality.stopping import after, left_on

ENGINES = ["sqlite", "postgresql", "mariadb"]
ROOT = Path(__file__).parents[2]


def transfer(session: Session) -> None:
    move(session)
    session.commit()


@pytest.mark.dear
@pytest.mark.parametrize(
    ("db", "times"), [("sqlite", 5), *(pytest.param(db, 10, marks=pytest.mark.slow) for db in ENGINES)]
)
def test_some_signals_at_random_moments(db: str, times: int) -> None:
    """Five on SQLite; slow: ten on each engine."""
    shot(db, "shared", times=times, seed=12, runs=6)


@pytest.mark.large
@pytest.mark.parametrize("where", ["own", "shared"])
@pytest.mark.parametrize("db", ENGINES)
def test_two_hundred_signals_at_random_moments(db: str, where: str) -> None:
    """A hundred on a server of each check's own, which it starts and stops, and a hundred on one that is shared."""
    shot(db, where, times=100, seed=13, runs=40)


CODES = {signal.SIGKILL: -signal.SIGKILL, signal.SIGTERM: 128 + signal.SIGTERM, signal.SIGINT: 128 + signal.SIGINT}
STOPPED = {signal.SIGINT: ExitReason.INTERRUPTED.value, signal.SIGTERM: ExitReason.TERMINATED.value, signal.SIGKILL: ""}
AT_MOST_S = 2.0


def shot(db: str, where: str, **asked: int) -> None:
    """Each ends as it has to, in time, says how far it came, and the next start finds everything as it was."""
    told = in_its_own_process("tests.quality.shooting", db, where, *asked.values())
    assert len(told["shots"]) == asked["times"]
    for each in told["shots"]:
        number, said, why = signal.Signals(each["number"]), each["said"], json.dumps(each)
        assert each["code"] == CODES[number], why
        assert each["left"] == [], why
        assert each["took"] < AT_MOST_S, why
        assert "Traceback" not in said, why
        assert "ignored" not in said, why
        beside = (number == signal.SIGTERM and not said) or ExitReason.RUNS_MAX.value in said  # not begun, or all run
        assert STOPPED[number] in said or beside, why


@pytest.mark.slow
@pytest.mark.parametrize("db", ENGINES)
def test_two_hundred_signals_in_one_process(db: str) -> None:
    told = in_its_own_process("tests.quality.stopping", db, 200, 13)
    assert len(told["signals"]) == 200
    for number, left_by, took in told["signals"]:
        assert left_by in ({"Terminated"} if number == signal.SIGTERM else {"Interrupted", "KeyboardInterrupt"})
        assert took < AT_MOST_S
    assert told["left"] == []
    assert told["threads"] == []


def in_its_own_process(module: str, *arguments: object) -> Any:
    """What it tells; what is interrupted while it is made can only be left to the garbage collector."""
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    ended = subprocess.run(
        [sys.executable, "-m", module, *map(str, arguments)],
        cwd=ROOT, env=os.environ | {"PYTHONPATH": path}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr[-2000:]
    return json.loads(ended.stdout)


@pytest.fixture
def lost(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every exception that a signal raises is lost, as in a destructor or in a hook of ``fork``."""
    before = signal.signal(signal.SIGINT, lambda *_: None)
    yield
    signal.signal(signal.SIGINT, before)


def test_s4_a_ctrl_c_whose_exception_is_lost_stops_the_check(lost: None) -> None:
    made: list[int] = []

    def progress(done: int, *_: Any) -> None:
        made.append(done)
        if len(made) == 2:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(Interrupted) as stop:
        prove.drill(bank(transfer), faults=("error-after",), remedies=False, progress=progress)
    assert len(made) <= 3
    assert stop.value.report.verdict == "unknown"


@pytest.mark.parametrize("within", [True, False], ids=["within a run", "between two runs"])
def test_s4_a_program_that_handles_ctrl_c_itself_does_not_swallow_it(*, within: bool) -> None:
    made: list[int] = []

    def handles(session: Session) -> None:
        signal.signal(signal.SIGINT, lambda *_: None)
        if not within:
            signal.set_wakeup_fd(-1)  # as an event loop of its own does that ends
        if within and made:
            os.kill(os.getpid(), signal.SIGINT)
        transfer(session)

    def progress(done: int, *_: Any) -> None:
        made.append(done)
        if not within and len(made) == 1:
            os.kill(os.getpid(), signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)
    try:
        with pytest.raises(Interrupted):
            prove.drill(bank(handles), faults=("error-after",), remedies=False, progress=progress)
    finally:
        signal.signal(signal.SIGINT, before)
    assert len(made) <= 2


def test_s4_the_twin_another_signal_stops_nothing() -> None:
    before = signal.signal(signal.SIGUSR1, lambda *_: None)
    try:
        report = prove.drill(
            bank(transfer), faults=("error-after",), remedies=False,
            progress=lambda *_: os.kill(os.getpid(), signal.SIGUSR1),
        )  # fmt: skip
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert report.verdict == "pass"


def test_s4_a_hook_of_fork_may_swallow_it(monkeypatch: pytest.MonkeyPatch) -> None:
    told = []

    def interrupting() -> None:
        if not told:
            told.append(1)
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr("sys.unraisablehook", lambda _: None)
    os.register_at_fork(after_in_parent=lambda: interrupting() if told == [] and armed else None)
    armed.append(1)
    try:
        with pytest.raises(Interrupted):
            prove.drill(bank(transfer), faults=("kill-after",), remedies=False)
    finally:
        armed.clear()
    gc.collect()


armed: list[int] = []


@pytest.mark.dear
@pytest.mark.parametrize("db", ["postgresql", "mariadb"])
def test_s5_an_administrator_that_was_interrupted_does_not_hang_the_end(db: str) -> None:
    began = time.monotonic()
    made: list[Any] = []

    def interrupted() -> None:
        with Stage(bank(transfer), db, {}) as stage:
            made.append(stage.sandbox)
            timer, _ = after(0.2, signal.SIGTERM)
            try:
                made[0].ask("SELECT pg_sleep(60)" if db == "postgresql" else "SELECT sleep(60)")
            finally:
                timer.join()

    with signals_as_exits(), pytest.raises(Terminated):
        interrupted()
    (sandbox,) = made
    assert time.monotonic() - began < 20
    assert sandbox.database not in left_on(db)


@pytest.mark.parametrize("place", ["schema", "a run", "an invariant"])
def test_s4_what_the_end_from_outside_breaks_is_no_error_of_its_own(lost: None, place: str) -> None:
    """The exception of the signal is lost, and a statement fails because its session was ended."""

    def breaks(*_: Any) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        raise OSError("server closed the connection")

    options: dict[str, Any] = {"schema": {"schema": breaks}, "an invariant": {"invariants": [lambda session: breaks()]}}
    operation = breaks if place == "a run" else transfer
    with pytest.raises(Interrupted):
        prove.drill(bank(operation, **options.get(place, {})), faults=("error-after",), remedies=False)


@pytest.mark.dear
def test_s4_what_is_stuck_in_a_driver_is_ended_from_outside() -> None:
    """The exception of the signal is lost, and the server sleeps for a minute."""
    from sqlalchemy import text

    def sleeps(session: Session) -> None:
        move(session)
        session.execute(text("SELECT pg_sleep(60)"))
        session.commit()

    before = signal.signal(signal.SIGINT, lambda *_: None)
    timer, sent = after(1.0, signal.SIGINT)
    try:
        with pytest.raises(Interrupted):
            prove.drill(bank(sleeps), db="postgresql", faults=("error-after",), remedies=False)
        assert time.monotonic() - sent[0] < 10
    finally:
        timer.join()
        signal.signal(signal.SIGINT, before)


STUCK = """
import ctypes, pathlib, sys, threading, time
from tests.engines.bank import bank

def stuck(session):
    libc, mutex = ctypes.CDLL(None), ctypes.create_string_buffer(256)
    assert libc.pthread_mutex_init(mutex, None) == libc.pthread_mutex_lock(mutex) == 0
    threading.Thread(target=tell, args=(sys._getframe(),), daemon=True).start()
    libc.pthread_mutex_lock(mutex)  # C that no signal interrupts, and that waits for itself

def tell(frame):
    while frame.f_lineno != 9:  # before that, a signal would be raised
        time.sleep(0)
    pathlib.Path("there").touch()

scenario = bank(stuck)
"""


@pytest.mark.dear
@pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)])
def test_s5_what_python_cannot_leave_is_named_after_two_seconds_and_a_second_signal_ends_it(
    tmp_path: Path, number: signal.Signals
) -> None:
    (tmp_path / "stuck.py").write_text(STUCK)
    path = os.pathsep.join([str(tmp_path), str(ROOT), os.environ.get("PYTHONPATH", "")])
    with subprocess.Popen(
        [sys.executable, "-m", "acidity", "drill", "stuck:scenario"],
        cwd=tmp_path, env=os.environ | {"PYTHONPATH": path, "ACIDITY_SANDBOX_DIR": str(tmp_path / "home")},
        stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True,
    ) as process:  # fmt: skip
        assert process.stderr is not None
        try:
            while not (tmp_path / "there").exists():
                assert process.poll() is None
            sent = time.monotonic()
            process.send_signal(number)
            line = process.stderr.readline()
            named = time.monotonic() - sent
            assert line.startswith("acidity: still stopping, at stuck.py:9 in stuck"), line
            assert "a second signal ends it at once" in line
            assert 2 <= named < 3
            process.send_signal(number)
            assert process.wait(2) == 128 + number
            assert "stopped at once; what is left is removed by the next start" in process.stderr.read()
        finally:
            process.kill()


def test_s4_what_a_destructor_swallows_is_remembered_and_not_printed(capsys: pytest.CaptureFixture[str]) -> None:
    class Swallows:
        def __init__(self, number: int) -> None:
            self.number = number

        def __del__(self) -> None:
            os.kill(os.getpid(), self.number)
            time.sleep(0)  # Python looks for signals here

    for number, left_by in ((signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, Terminated)):
        with signals_as_exits():
            Swallows(number)
            with pytest.raises(left_by):
                leave_if_told()
    assert capsys.readouterr().err == ""


ORPHANING = """
import os, time
from acidity import prove
from tests.engines.bank import bank, move

here = os.getpid()

def lingers(session):
    if os.getpid() != here:
        os.write(1, b"%d\\n" % os.getpid())
        time.sleep(1000)
    move(session)
    session.commit()

prove.drill(bank(lingers), faults=("kill-before",), remedies=False)
"""


@pytest.mark.slow
def test_a_check_that_is_killed_takes_its_child_along() -> None:
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    with subprocess.Popen(
        [sys.executable, "-c", ORPHANING],
        cwd=ROOT, env=os.environ | {"PYTHONPATH": path}, stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        child = Path(f"/proc/{process.stdout.readline().strip()}")
        process.kill()
        process.wait()
    deadline = time.monotonic() + 5
    while child.exists() and "\nState:\tZ" not in (child / "status").read_text():
        assert time.monotonic() < deadline
