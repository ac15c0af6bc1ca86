"""The budget tracker as a person uses it; the text's failure drill, and which of its four changes need a transaction."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from acidity import prove
from acidity.prove import Scenario
from examples.budget import four, twins
from examples.budget.__main__ import main
from examples.budget.models import today


@pytest.fixture
def budget(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Path:
    monkeypatch.chdir(tmp_path)
    for command in ("add Food 120.50 Groceries", "add Travel 80 Train"):
        assert main(command.split()) == 0
    assert capsys.readouterr().out == "Food  ₹120.50\nFood  ₹120.50\nTravel  ₹80.00\n"
    return tmp_path


def said(capsys: pytest.CaptureFixture[str], command: str) -> tuple[int, str, str]:
    try:
        code = main(command.split())
    except SystemExit as end:
        code = int(end.code or 0)
    shown = capsys.readouterr()
    return code, shown.out, shown.err


@pytest.mark.usefixtures("budget")
def test_budget_is_moved_and_merged(capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys, "transfer Food Travel 25.10") == (0, "Food  ₹95.40\nTravel  ₹105.10\n", "")
    assert said(capsys, "merge Travel Food") == (0, "Food  ₹200.50\n", "")
    assert said(capsys, "summary --month 1999-12") == (0, "", "")
    assert said(capsys, f"summary --month {today():%Y-%m}") == (0, "Food  ₹200.50\n", "")


@pytest.mark.usefixtures("budget")
@pytest.mark.parametrize(
    ("command", "code", "error"),
    [
        ("transfer Food Nowhere 5", 1, "Category not found"),
        ("transfer Food Food 5", 1, "Categories must be different"),
        ("transfer Food Travel 5 --user 2", 1, "Category not found"),
        ("transfer Food Travel 100000000", 1, "below 100,000,000"),
        ("transfer Food Travel -5", 2, "above zero"),
        ("merge Food Food", 1, "Categories must be different"),
        ("add Food 5 --user 2", 1, "Category not found"),
        ("add Food 0.005", 2, "paisa"),
        ("summary --month March", 2, "is not a month"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(
    capsys: pytest.CaptureFixture[str], command: str, code: int, error: str
) -> None:
    ended, out, err = said(capsys, command)
    assert (ended, out) == (code, "")
    assert error in err
    assert said(capsys, "summary")[1] == "Food  ₹120.50\nTravel  ₹80.00\n"


def test_the_drill_counts_the_rows(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = said(capsys, "drill")
    assert code == 0
    assert re.findall(r"\(([+-]\d)\)", out) == ["+2", "+0", "+0"]
    assert out.count("told: failed") == 2


@pytest.mark.parametrize(
    ("scenario", "said"),
    [
        (four.single_insert, "1 write: needs no transaction"),
        (four.monthly_summary, "read only"),
        (four.transfer, "3 writes in 1 commit: protected"),
        (four.merge, "3 writes in 1 commit: protected"),
        (twins.autocommit_transfer, "2 writes in 2 commits: missing"),
        (twins.autocommit_merge, "2 writes in 2 commits: missing"),
    ],
    ids=["insert", "summary", "transfer", "merge", "autocommit transfer", "autocommit merge"],
)
def test_the_tool_says_what_needs_a_transaction(scenario: Scenario, said: str) -> None:
    report = prove.drill(scenario, faults=("error-before",), remedies=False)
    assert said in str(report)
    assert report.verdict == ("fail" if "missing" in said else "pass")
