"""The budget tracker as a person uses it, and what is asked of its drills beside the manifest."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

import pytest

from acidity import prove
from acidity.core.call import Kind
from acidity.core.report import Report
from acidity.engines import ENGINES
from acidity.prove import Scenario
from examples.budget import scenarios, text, twins
from examples.budget.__main__ import main
from examples.budget.models import today
from tests.systems.places import ROOT, empty_database, script
from tests.systems.said import refused, said
from tests.tiers import SERVERS


@pytest.fixture
def budget(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Path:
    monkeypatch.chdir(tmp_path)
    for command in ("add Food 120.50 Groceries", "add Travel 80 Train"):
        assert main(command.split()) == 0
    assert capsys.readouterr().out == "Food  ₹120.50\nFood  ₹120.50\nTravel  ₹80.00\n"
    return tmp_path


@pytest.mark.usefixtures("budget")
def test_budget_is_moved_and_merged(capsys: pytest.CaptureFixture[str]) -> None:
    assert said(main, capsys, "transfer Food Travel 25.10") == (0, "Food  ₹95.40\nTravel  ₹105.10\n", "")
    assert said(main, capsys, "merge Travel Food") == (0, "Food  ₹200.50\n", "")
    assert said(main, capsys, "summary --month 1999-12") == said(main, capsys, "summary --month 9999-12") == (0, "", "")
    assert said(main, capsys, f"summary --month {today():%Y-%m}") == (0, "Food  ₹200.50\n", "")


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
        ("add Food 5 --user 99999999999", 2, "at most"),
        ("add Food\u202e 5", 2, "cannot be read"),
        (f"add Food 5 {'x' * 201}", 2, "at most 200 characters"),
        ("summary --month March", 2, "is not a month"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(
    capsys: pytest.CaptureFixture[str], command: str, code: int, error: str
) -> None:
    ended, err = refused(main, capsys, command, "summary")
    assert (ended, error in err) == (code, True), err


def test_the_drill_counts_the_rows(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = said(main, capsys, "drill")
    assert code == 0
    assert re.findall(r"\(([+-]\d)\)", out) == ["+2", "+0", "+0"]
    assert out.count("told: failed") == 2


# What each twin does, made by hand: by category how many rows there are, and their sum in paise.
FOOD, TRAVEL, RENT = (1, 10030), (1, 5279), (1, 120000)
TORN = {"Food": (2, 7520), "Travel": TRAVEL, "Rent": RENT}
MADE = {"Food": (2, 7520), "Travel": (2, 7789), "Rent": RENT}
BY_HAND: dict[str, object] = {
    "two_sessions": TORN,
    "commit_between": TORN,
    "caught_without_rollback": TORN | {"Rent": (2, 120100)},
    "success_without_commit": {"Food": FOOD, "Travel": TRAVEL, "Rent": RENT},
    "as_in_the_text": MADE,
    "no_amount_check": {"Food": (2, 12540), "Travel": (2, 2769), "Rent": RENT},
    "no_same_category_check": {"Food": (3, 10030), "Travel": TRAVEL, "Rent": RENT},
    "no_owner_check": {"Food": (2, 12540), "Travel": TRAVEL, "Rent": (2, 117490)},
    "retry_on_any_error": {"Food": (3, 5010), "Travel": (3, 10299), "Rent": RENT},
    "two_amounts": TORN | {"Travel": (2, 7779)},
    "helper_commits": TORN | {"Holidays": (0, 0)},
    "merge_uncounted": ["success (1 rows)", "success (0 rows)"],
    "autocommit_transfer": TORN,
    "autocommit_merge": {"Food": (0, 0), "Travel": (2, 15309), "Rent": RENT},
}
ON_SQLITE = {"stock_session_commit": MADE, "savepoint_release_commits": TORN, "flushed_at_once": TORN}


@pytest.mark.parametrize("name", [*BY_HAND, *ON_SQLITE])
def test_the_mistakes_by_hand(name: str) -> None:
    assert script(f"budget/shown/{name}")(None) == (BY_HAND | ON_SQLITE)[name]


@pytest.mark.dear
@pytest.mark.one_server
@pytest.mark.parametrize("db", SERVERS)
def test_the_mistakes_by_hand_on_servers(db: str) -> None:
    with empty_database(db) as url:
        assert {name: script(f"budget/shown/{name}")(url) for name in BY_HAND} == BY_HAND


def test_the_function_of_the_text_answers_as_in_the_text(capsys: pytest.CaptureFixture[str]) -> None:
    text.main()
    assert capsys.readouterr().out.splitlines() == [
        "{'success': True}",
        "{'success': False, 'error': 'Category not found'}",
    ]


def test_each_twin_has_its_script() -> None:
    there = {path.stem for path in (ROOT / "examples" / "budget" / "shown").glob("*.py")} - {"__init__", "rows"}
    assert there == {*BY_HAND, *ON_SQLITE} == {name for name, each in vars(twins).items() if isinstance(each, Scenario)}


@pytest.mark.parametrize("name", ["summary", "transfer_zero"])
def test_what_only_reads_is_isolated_without_running_it_at_once(name: str) -> None:
    report = prove.check(getattr(scenarios, name), letters="I").letters["I"]
    assert isinstance(report, Report)
    assert report.letter_state == "pass"
    assert (report.runs, report.headline) == (0, "2 callers: they only read, so that all orders come to the same")


@pytest.mark.one_engine
@pytest.mark.parametrize("db", list(ENGINES))
def test_the_transfer_passes_every_fault_on_each_engine(db: str) -> None:
    letters = "ACID" if db == "sqlite" else "ACI"  # D of servers is asked in tests/quality/test_crash_servers.py
    card = prove.check(scenarios.transfer, db=db, letters=letters)
    states = {letter: row.letter_state for letter, row in card.letters.items() if isinstance(row, Report)}
    assert states == dict.fromkeys(letters, "pass"), str(card)


@pytest.mark.one_server
@pytest.mark.parametrize("db", list(ENGINES))
@pytest.mark.parametrize("module", ["twins", "async_twins"])
def test_rows_that_are_flushed_at_once_are_as_many_inserts_as_the_engine_needs(module: str, db: str) -> None:
    clean = prove.replay(import_module(f"examples.budget.{module}").flushed_at_once, "ac1:", db=db)
    inserts = [event for event in clean.history if event.call.kind is Kind.STATEMENT and "INSERT" in event.call.sql]
    assert len(inserts) == (2 if db == "sqlite" else 1)
