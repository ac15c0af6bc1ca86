"""In continuous integration (``CI`` is set) a test that is skipped has failed: a missing engine must not look green.

What cannot be had anywhere, and says so with "not run: ", may be skipped: another Python, two databases at once.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TypeVar

import pytest

MAY_BE = "Skipped: not run: "
Report = TypeVar("Report", pytest.TestReport, pytest.CollectReport)


class SkipsAreFailures:
    """The hooks; they act where the test ran, so that every reporter is told of a failure."""

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        return judged((yield))

    @pytest.hookimpl(wrapper=True)
    def pytest_make_collect_report(self) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
        return judged((yield))


def judged(report: Report) -> Report:
    """The report of a skipped test as a failure, unless the reason is one that nothing can be done about."""
    if report.skipped and not hasattr(report, "wasxfail") and isinstance(report.longrepr, tuple):
        reason = report.longrepr[2]
        if not reason.startswith(MAY_BE):
            report.outcome = "failed"
            report.longrepr = f"skipped, which is a failure in continuous integration: {reason}"
    return report
