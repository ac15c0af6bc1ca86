"""Controls: small operations on the bank, each with the words that a drill must say of it, or with none.

`said` gives what was said and `as_expected` compares. The tests of the words go through the whole list; the tests with
a planted lie (`test_planted`) show that the list would not let it pass.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any

import pytest

from acidity.core.report import Report
from acidity.prove import Operation, Scenario
from tests.engines.bank import bank
from tests.quality import operations as ops
from tests.quality.drilled import drill

BY_A_STRANGER = "false failure by a stranger's commit"


@dataclass(frozen=True)
class Control:
    """An operation, and what must be said of it.

    Attributes:
        function: the function, or an `Operation` of it.
        words: the words of all errors that a drill finds; none: it passes.
        options: of the Scenario.
        settings: of the database.
        needs: a module without which it cannot run.
    """

    function: Callable[..., Any] | Operation
    words: frozenset[str] = frozenset()
    options: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)
    needs: str = "sqlalchemy"

    @property
    def name(self) -> str:
        return self.function.name if isinstance(self.function, Operation) else self.function.__name__

    def scenario(self) -> Scenario:
        return bank(self.function, **self.options)

    def drilled(self, **options: Any) -> Report:
        return drill(self.scenario(), settings=self.settings, **options)


def said(report: Report) -> frozenset[str]:
    """The words of all errors."""
    return frozenset(word for found in report.findings for word in found.errors)


def codes(report: Report, severity: str = "error") -> set[str]:
    """The codes of all findings of a severity."""
    said = {each.code for found in report.findings for each in found.also if each.severity == severity}
    return said | {found.code for found in report.findings if found.severity == severity}


def as_expected(control: Control, **options: Any) -> bool:
    """Whether a drill says exactly what it must, and is undecided about nothing."""
    report = control.drilled(**options)
    return said(report) == control.words and not report.unknowns


def params(controls: tuple[Control, ...]) -> list[Any]:
    """For ``pytest.mark.parametrize``; what cannot run here is skipped."""
    return [
        pytest.param(
            control,
            id="-".join([control.name, *control.settings.values()]),
            marks=[] if find_spec(control.needs) else pytest.mark.skip(reason=f"needs {control.needs}"),
        )
        for control in controls
    ]


WAL = {"journal_mode": "wal"}
STRANGER = frozenset({BY_A_STRANGER})
LEFT_OPEN = (
    Control(ops.session_stock, STRANGER),
    Control(ops.session_begin),
    Control(ops.session_rolls_back),
    Control(ops.factory_stock, STRANGER),
    Control(ops.factory_begin),
    Control(ops.scoped_stock, STRANGER),
    Control(ops.scoped_begin),
    Control(ops.core_stock, STRANGER),
    Control(ops.core_begin),
    Control(ops.async_stock, STRANGER, needs="aiosqlite"),
    Control(ops.async_begin, needs="aiosqlite"),
    Control(ops.async_core_stock, STRANGER, needs="aiosqlite"),
    Control(ops.async_core_begin, needs="aiosqlite"),
    Control(ops.sqlmodel_stock, STRANGER, needs="sqlmodel"),
    Control(ops.sqlmodel_begin, needs="sqlmodel"),
    Control(ops.session_stock, STRANGER, settings={"journal_mode": "truncate"}),
    Control(ops.session_stock, STRANGER, settings={"journal_mode": "persist"}),
    Control(ops.session_begin, settings={"journal_mode": "persist"}),
    Control(ops.session_stock, settings=WAL),
    Control(ops.session_stock, STRANGER, {"schema": ops.deferred}, WAL | {"foreign_keys": "on"}),
    Control(ops.session_begin, options={"schema": ops.deferred}, settings=WAL | {"foreign_keys": "on"}),
    Control(ops.session_stock, options={"schema": ops.deferred}, settings=WAL | {"foreign_keys": "off"}),
)


WORDS = (
    Control(ops.two_commits, frozenset({"torn"})),
    Control(ops.in_autocommit, frozenset({"torn"})),
    Control(ops.one_in_autocommit),
    Control(ops.one_in_async_autocommit, needs="aiosqlite"),
    Control(ops.one_savepoint),
    Control(ops.retried, frozenset({"doubled"})),
    Control(ops.retried_with_a_key),
    Control(ops.error_swallowed, frozenset({"torn", "false success"})),
    Control(ops.poisoned, frozenset({"false success"})),
    Control(ops.helper_commits, frozenset({"torn"})),
    Control(ops.helper_rolls_back, frozenset({"torn"})),
    Control(ops.savepoints, frozenset({"torn"})),
    Control(ops.savepoints_after_begin, options={"bind": f"{ops.__name__}:BEGINS"}),
    Control(ops.nothing_committed, frozenset({"false success"})),
    Control(ops.failure_as_answer, frozenset({"false failure"})),
    Control(ops.commit_failure_ignored, frozenset({"false success"})),
    Control(ops.notified_after_commit),
)
ALL = (*LEFT_OPEN, *WORDS)
