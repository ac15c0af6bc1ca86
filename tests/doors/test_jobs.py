"""``--jobs``: the same answers in the same order, whatever became of the processes that gave them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from acidity import prove
from acidity.cli import jobs
from acidity.cli.options import Request
from acidity.errors import EngineUnavailable, Interrupted, NotApplicable, Terminated, UsageError
from tests.doors.samples import FAILED, GREEN, PASSED

ROOT = Path(__file__).parents[2]
POND = """
import os, signal, threading
from acidity.prove import Scenario

def schema(connection):
    connection.exec_driver_sql("CREATE TABLE t (id INTEGER PRIMARY KEY)")

def reads(connection):
    connection.exec_driver_sql("SELECT 1")

def torn(connection):
    for id in (1, 2):
        connection.exec_driver_sql(f"INSERT INTO t VALUES ({id})")
        connection.commit()

def dies(connection):
    os.kill(os.getpid(), signal.SIGKILL)

def waits(connection):
    os.kill(os.getppid(), signal.SIGINT)
    threading.Event().wait()

def no_schema(connection):
    raise RuntimeError("no table today")

first = Scenario(reads, schema=schema)
second = Scenario(torn, schema=schema)
third = Scenario(reads, schema=no_schema)
fourth = Scenario(reads, schema=schema, not_applicable={"sqlite": "it is a pond"})
"""


@pytest.fixture
def asked(monkeypatch, write):
    """What a process would tell if `prove` answered, or raised, this."""
    write("pond.py", "from acidity.core.scenario import Scenario\none = Scenario(print, schema=print)")

    def ask(prepared):
        def answer(_scenario, *, target, progress, **_options):
            progress(3, 7, "A")
            if isinstance(prepared, BaseException):
                raise prepared
            return replace(prepared, target=target)

        monkeypatch.setattr(prove, "drill", answer)
        told = []
        heard = jobs._heard(
            jobs.Job("pond:one", "sqlite", Request(), "drill", {}),
            lambda *at: jobs._tell_progress(jobs.Job("pond:one", "sqlite", Request(), "drill", {}), told.append, *at),
        )
        assert told == [{"label": "pond:one on sqlite A, 3 of 7 runs"}]
        return json.loads(json.dumps(heard))

    return ask


@pytest.mark.parametrize("answer", [PASSED, FAILED, GREEN])
def test_what_is_told_is_what_was_answered(asked, answer):
    assert prove.from_json(asked(answer)["answer"]) == [replace(answer, target="pond:one")]


def terminated(report=None):
    """A polite kill, with what was found until then."""
    stop = Terminated(143)
    stop.report = report
    return stop


@pytest.mark.parametrize(
    ("raised", "told"),
    [
        (UsageError("no such thing"), {"trouble": "no such thing"}),
        (NotApplicable("not applicable on sqlite: x"), {"left out": "not applicable on sqlite: x"}),
        (EngineUnavailable("none is here"), {"unavailable": "none is here"}),
        (KeyboardInterrupt(), {"stopped": 130}),
        (terminated(), {"stopped": 143}),
    ],
)
def test_what_is_raised_is_told(asked, raised, told):
    assert asked(raised) == told


@pytest.mark.parametrize(("stop", "code"), [(Interrupted(FAILED), 130), (terminated(FAILED), 143)])
def test_what_was_found_before_a_stop_is_told(asked, stop, code):
    told = asked(stop)
    assert told["stopped"] == code
    assert prove.from_json(told["answer"])[0].findings == FAILED.findings


def test_a_bug_is_told_with_its_traceback(asked, capsys):
    assert "this is a bug in acidity" in asked(ZeroDivisionError("x"))["trouble"]
    assert "ZeroDivisionError: x" in capsys.readouterr().err


def test_whoever_asked_may_be_gone():
    def gone(_line):
        raise BrokenPipeError

    with pytest.raises(Terminated):
        jobs._tell_progress(jobs.Job("pond:one", "sqlite", Request(), "drill", {}), gone, 1, 2, "")


@pytest.mark.parametrize("many", ["0", "-1", "many"])
def test_how_many_is_a_number(acidity, many):
    left = acidity("check", "pond:one", "--jobs", many)
    assert left.code == 2
    assert "--jobs" in left.err


@pytest.mark.dear
def test_the_same_answers_in_the_same_order(acidity, write):
    write("pond.py", POND)
    words = ("check", "pond", "--letters", "A")
    alone, two = acidity(*words), acidity(*words, "--jobs", "2")
    assert two.code == alone.code == 2
    assert two.out == alone.out
    assert "pond:first  pass" in two.out
    assert "pond:second  FAIL" in two.out
    for left in (alone, two):  # beside the lines of a slow machine about its progress
        assert "acidity: pond:fourth: not applicable on sqlite: it is a pond" in left.err.splitlines()
        assert "acidity: pond:third: the schema raised RuntimeError: no table today (at pond.py:24)" in left.err
    assert "bug in acidity" not in two.err


@pytest.mark.slow
def test_a_process_that_dies_takes_no_other_along(acidity, write):
    write("pond.py", POND + "\nmiddle = Scenario(reads, schema=dies)\nlast = Scenario(reads, schema=schema)\n")
    left = acidity("drill", "pond:first", "pond:middle", "pond:last", "--jobs", "2")
    assert left.code == 2
    assert "pond:middle: its process ended without an answer (exit code -9)" in left.err
    assert left.out.count("  pass") == 2


@pytest.mark.slow
def test_ctrl_c_ends_all_and_prints_what_was_found(folder, write):
    write("pond.py", POND + "\nsticks = Scenario(waits, schema=schema)\nlater = Scenario(reads, schema=schema)\n")
    path, home = os.pathsep.join([*sys.path, str(ROOT)]), folder / "home"
    done = subprocess.run(
        [sys.executable, "-m", "acidity", "drill", "pond:first", "pond:sticks", "pond:later", "--jobs", "2"],
        cwd=folder, env=os.environ | {"PYTHONPATH": path, "ACIDITY_SANDBOX_DIR": str(home)},
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 128 + signal.SIGINT, done
    assert "acidity: interrupted; " in done.stderr
    assert "pond:sticks  unknown" in done.stdout
    assert not any(home.iterdir())
