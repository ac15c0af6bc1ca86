"""What the tests cost, in CPU seconds: how dear each file is, and whether a run or a test is over its limit.

CPU seconds are compared and not wall time, because the machine may have other work. A test is charged what its process
and the children that it has waited for used, until the next test begins; a private server outlives its first test and
is not a child, so servers are charged to nobody. The whole run is what ``time`` says of it.

Limits are kept in continuous integration alone (``CI`` is set), on a run of the default tests as a whole; elsewhere
the costs are only shown. ``--costs FILE`` writes them test by test.
"""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Generator
from pathlib import Path

import pytest

# What the default tests may use. The target is 330 s on an idle machine of two cores (docs/decisions/0013-three-tiers.md),
# of which they use three quarters; two fifths more are let pass for caches that are shared with other work.
TARGET_S = 330.0
MARGIN = 1.4
# What one default test may use; a dearer one carries the marker `slow`. The dearest are the random programs on a server.
OF_A_TEST_S = 16.0
DEAREST = 10
_KEY = "cpu_s"


def used() -> float:
    """CPU seconds of this process and of the children that it has waited for, user and system."""
    now = os.times()
    return now.user + now.system + now.children_user + now.children_system


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

    @pytest.hookimpl(trylast=True)  # when the workers have ended, and count as children
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        self.total = used() - self.began
        if self.reports and self.kept and self.violations():
            session.exitstatus = session.exitstatus or pytest.ExitCode.TESTS_FAILED

    def violations(self) -> list[str]:
        """What is over its limit, in words."""
        limit = TARGET_S * MARGIN
        found = [f"the run used {self.total:.0f} CPU seconds, the limit is {limit:.0f}"] * (self.total > limit)
        dear = sorted((name for name, cost in self.tests.items() if cost > OF_A_TEST_S), key=self.tests.__getitem__)
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
            terminalreporter.section(f"CPU seconds: {self.total:.0f}; the dearest files", sep="-")
        for name in sorted(files, key=lambda name: -sum(files[name]))[: DEAREST if len(files) > 1 else 0]:
            terminalreporter.line(f"{sum(files[name]):7.1f}  {name} ({len(files[name])} tests)")
        if self.kept:
            for line in self.violations():
                terminalreporter.line(f"over the limit: {line}", red=True)
