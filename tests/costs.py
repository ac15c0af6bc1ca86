"""What the tests cost, in CPU seconds: how dear each file is, and whether a run or a test is over its limit.

CPU seconds are compared and not wall time, because the machine may have other work. A test is charged what its process
and the children that it has waited for used, until the next test begins; a private server outlives its first test and
is not a child, so servers are charged to nobody. The whole run is what ``time`` says of it.

Limits are kept in continuous integration alone (``CI`` is set), on a run of the default tests as a whole; elsewhere
the costs are only shown. They grow with what a CPU second is worth: the same tests have used 170 of them on one machine
of two cores and 460 on another, so that while the tests run a piece of work that is always the same is timed, too.
``--costs FILE`` writes them test by test.
"""

from __future__ import annotations

import ast
import gc
import json
import os
import statistics
import time
from collections import defaultdict
from collections.abc import Generator
from pathlib import Path

import pytest

# What the default tests use where a piece of work takes 4 ms, in CPU seconds (docs/decisions/0013-three-tiers.md), and what
# is let pass beside it: a piece fits into the caches, which the tests share with other work.
TARGET_S = 170.0
PIECE_S = 0.004
MARGIN = 3.0
# What one default test may use there; a dearer one carries the marker `slow`. The dearest are the random programs on a
# server.
OF_A_TEST_S = 9.0
A_PIECE_EACH = 50  # tests
DEAREST = 10
_KEY = "cpu_s"
_SOURCE = Path(__file__).read_text(encoding="utf-8")


def used() -> float:
    """CPU seconds of this process and of the children that it has waited for, user and system."""
    now = os.times()
    return now.user + now.system + now.children_user + now.children_system


def piece_s() -> float:
    """How long a piece of work takes that is always the same, in CPU seconds."""
    began = time.process_time()
    tree = ast.parse(_SOURCE)
    compile(tree, "costs", "exec")
    pairs = {str(number): (number, str(number) * 3) for number in range(4000)}
    sorted(json.loads(json.dumps(pairs)).values(), key=lambda pair: str(pair[1]))
    return time.process_time() - began


class Costs:
    """The hooks: a process that runs tests notes what each phase used, the one that reports adds it up."""

    def __init__(self, config: pytest.Config) -> None:
        self.began = self.last = used()
        self.reports = not hasattr(config, "workerinput")
        self.whole = not (config.args_source is not pytest.Config.ArgsSource.TESTPATHS or config.option.keyword)
        self.kept = self.whole and not config.option.markexpr and bool(os.environ.get("CI"))
        self.file: str | None = config.getoption("costs")
        self.tests: defaultdict[str, float] = defaultdict(float)
        self.total = 0.0
        self._pieces: list[float] = []
        self._reported = 0

    def pytest_runtest_logstart(self) -> None:
        self.last = used()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        now = used()
        report.user_properties = [*report.user_properties, (_KEY, now - self.last)]
        self.last = now
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.tests[report.nodeid] += sum(float(value) for name, value in report.user_properties if name == _KEY)
        if self.reports and self.kept and report.when == "setup":
            self._reported += 1
            if self._reported % A_PIECE_EACH == 0:
                self.time_a_piece()

    def time_a_piece(self) -> None:
        enabled = gc.isenabled()
        gc.disable()  # its objects may be the last that a collection waits for
        try:
            self._pieces.append(piece_s())
        finally:
            if enabled:
                gc.enable()

    @property
    def slowness(self) -> float:
        """How much longer a piece of work takes here than where the limits were measured."""
        return statistics.median(self._pieces) / PIECE_S if self._pieces else 1.0

    @pytest.hookimpl(trylast=True)  # when the workers have ended, and count as children
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        self.total = used() - self.began
        if self.reports and self.kept and self.violations():
            session.exitstatus = session.exitstatus or pytest.ExitCode.TESTS_FAILED

    def violations(self) -> list[str]:
        """What is over its limit, in words."""
        limit, of_a_test = (each * self.slowness for each in (TARGET_S * MARGIN, OF_A_TEST_S * MARGIN))
        found = [f"the run used {self.total:.0f} CPU seconds, the limit is {limit:.0f}"] * (self.total > limit)
        dear = sorted((name for name, cost in self.tests.items() if cost > of_a_test), key=self.tests.__getitem__)
        return found + [f"{name} used {self.tests[name]:.1f} CPU seconds: mark it slow" for name in reversed(dear)]

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if not self.reports or not self.tests:
            return
        if self.file:
            costs = dict(sorted(self.tests.items(), key=lambda each: -each[1]))
            Path(self.file).write_text(json.dumps(costs, indent=0), encoding="utf-8")
        files: defaultdict[str, list[float]] = defaultdict(list)
        for name, cost in self.tests.items():
            files[name.partition("::")[0]].append(cost)
        if len(files) > 1:
            times = f" at {self.slowness:.1f} times the work" if self._pieces else ""
            terminalreporter.section(f"CPU seconds: {self.total:.0f}{times}; the dearest files", sep="-")
        for name in sorted(files, key=lambda name: -sum(files[name]))[: DEAREST if len(files) > 1 else 0]:
            terminalreporter.line(f"{sum(files[name]):7.1f}  {name} ({len(files[name])} tests)")
        if self.kept:
            for line in self.violations():
                terminalreporter.line(f"over the limit: {line}", red=True)
