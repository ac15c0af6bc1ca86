"""The same seed gives the same report, in this process and in others; what a finding tells can be seen again."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from acidity import prove
from acidity.core.report import Report
from acidity.core.scenario import Scenario
from acidity.core.schedule import Schedule
from acidity.errors import UsageError
from acidity.report.json import render
from tests.quality import repeatable
from tests.quality.drilled import drill
from tests.quality.elsewhere import printed
from tests.tiers import mostly_slow

ROOT = Path(__file__).parents[2]
NAMES = [name for name, value in vars(repeatable).items() if isinstance(value, Scenario)]
RUNS = 20
ELAPSED = re.compile(r'"elapsed_s": [0-9.]+')
PROGRAM = """
import sys
from tests.quality.test_determinism import rendered
for name in sys.argv[2:]:
    print(rendered(name, int(sys.argv[1])))
"""


def named(names: list[Any]) -> list[object]:
    skip = pytest.mark.skipif(not find_spec("aiosqlite"), reason="needs aiosqlite")
    return [pytest.param(name, marks=skip) if name == "asynchronous" else name for name in names]


def drilled(name: str, seed: int = 0, runs_max: int | None = RUNS, **options: Any) -> Report:
    target = f"{repeatable.__name__}:{name}"
    return drill(getattr(repeatable, name), seed=seed, runs_max=runs_max, target=target, **options)


def rendered(name: str, seed: int, **options: Any) -> str:
    """The report as JSON, without the time that it took."""
    return ELAPSED.sub('"elapsed_s": …', render([drilled(name, seed, **options)]))


@pytest.mark.dear
@pytest.mark.one_in(3)
@pytest.mark.few_or_all
@pytest.mark.parametrize("name", named(mostly_slow("torn", "asynchronous", "random_rows", of=NAMES)))
def test_twice_in_this_process(name: str) -> None:
    first = rendered(name, 7)
    assert rendered(name, 7) == first
    assert json.loads(first.replace("…", "0"))["seed"] == 7


@pytest.mark.slow
def test_twice_with_every_fault_and_remedy() -> None:
    every = {"faults": None, "remedies": True}
    assert rendered("torn", 7, **every) == rendered("torn", 7, **every)


ASYNCHRONOUS = ["asynchronous"] if find_spec("aiosqlite") else []


@pytest.mark.parametrize(
    ("hash_seed", "names"),
    [
        ("4711", ["torn", *ASYNCHRONOUS]),
        *(
            pytest.param(seed, ["torn", "random_rows", "random_answer", *ASYNCHRONOUS], marks=pytest.mark.slow)
            for seed in ("4711", "0")
        ),
    ],
)
@pytest.mark.slow
def test_in_new_processes_with_other_hashes(hash_seed: str, names: list[str]) -> None:
    here = [rendered(name, 3) for name in names]
    assert printed(PROGRAM, "3", *names, hash_seed=hash_seed) == "".join(f"{text}\n" for text in here)


@pytest.mark.slow
def test_another_seed_makes_other_runs() -> None:
    schedules = {seed: {str(found.schedule) for found in drilled("torn", seed, 8).findings} for seed in range(6)}
    assert len({frozenset(found) for found in schedules.values()}) > 1


@pytest.mark.dear
def test_within_the_bound_exactly_so_many_runs_are_made() -> None:
    made: list[int] = []
    report = prove.drill(repeatable.torn, runs_max=9, progress=lambda done, *_: made.append(done))
    assert made == list(range(1, 10))
    assert report.unknowns
    runs = report.bounds[0]
    assert runs.covered <= 9 < (runs.total or 0)
    assert not runs.note  # the others were not made, which is something else than finding nothing to break


@pytest.mark.dear
@pytest.mark.one_in(5)
@pytest.mark.few_or_all
@pytest.mark.parametrize("name", named(NAMES))
def test_every_finding_can_be_replayed(name: str) -> None:
    scenario, report = getattr(repeatable, name), drilled(name, runs_max=None)
    assert report.findings
    for found in report.findings:
        run = prove.replay(scenario, found.schedule, operation=found.operation)
        assert run.struck == bool(found.schedule.choices)
        if found.word == "inconsistent":
            assert run.broken, found
        else:
            assert run.word == found.word, found
        assert run.verdict == ("fail" if found.severity == "error" else "pass")
        assert [event.call.kind for event in run.history] == [event.call.kind for event in found.history]


@pytest.mark.dear
@pytest.mark.parametrize(
    "name",
    [
        *named(["asynchronous"]),
        *(pytest.param(name, marks=pytest.mark.slow) for name in ("torn", "random_rows", "several")),
    ],
)
def test_the_printed_command_replays_it_in_another_process(name: str) -> None:
    found = drilled(name, runs_max=None).findings[-1]
    program, *arguments = shlex.split(found.replay)
    assert program == "acidity"
    ran = subprocess.run(
        [sys.executable, "-c", "from acidity.cli.main import main; main()", *arguments, "--output-format", "json"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    told = json.loads(ran.stdout)
    assert ran.returncode == (1 if found.severity == "error" else 0), ran.stderr
    assert told["schedule"] == str(found.schedule)
    assert told["operation"] == found.operation
    assert told["word"] == found.word or told["broken"]


@pytest.mark.parametrize(
    ("schedule", "message"),
    [
        ("ac1:A99!error-before", "makes 5 calls"),
        ("ac1:A!no-such-fault", "no fault is called 'no-such-fault'"),
        ("ac1:A!memory-error*", "strikes once"),
        ("ac1:A.B", "one caller and one fault"),
        ("A3", "not a schedule"),
    ],
)
def test_a_schedule_that_does_not_exist_here_is_a_usage_error(schedule: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        prove.replay(repeatable.stranger, schedule)


def test_an_operation_that_does_not_exist_is_a_usage_error() -> None:
    for operation in (7, "nobody"):
        with pytest.raises(UsageError, match="no operation"):
            prove.replay(repeatable.stranger, "ac1:A!error-before", operation=operation)


def test_an_empty_schedule_is_the_clean_run() -> None:
    run = prove.replay(repeatable.stranger, Schedule())
    assert (run.struck, run.word, run.verdict) == (False, "right", "pass")
    assert not any(event.fault for event in run.history)
