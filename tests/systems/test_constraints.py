"""The constraints as a person meets them, and each twin's mistake made by hand."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from acidity.engines import new_sandbox
from examples.constraints.__main__ import main
from examples.constraints.shown import check_in_application, foreign_keys_off, unique_in_application, went_on
from tests.systems.manifest import ROOT
from tests.systems.said import refused
from tests.tiers import SERVERS

BEFORE = ["open 1 500", "open 2 100", "add-customer 1 rahul@email.com", "order 5001 1"]
ROWS = "account 1  ₹500.00\naccount 2  ₹100.00\ncustomer 1  rahul@email.com\norder 5001  of customer 1\n"
REFUSED = [
    "pay 1 2 10000",
    "add-customer 1 new@email.com",
    "add-customer 2 rahul@email.com",
    "order 5002 NULL",
    "order 5002 9",
    "add-item 9999 12 2 140.00",
    "deliver 1 9999",
]


@pytest.fixture
def books(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for command in BEFORE:
        assert main(command.split()) == 0
    return tmp_path


@pytest.mark.parametrize(
    ("command", "code", "error"),
    [
        *((command, 1, "refused: ") for command in REFUSED),
        ("pay 1 2 10000", 1, "chk_balance_positive"),
        ("add-customer 2 rahul@email.com", 1, "customers.email"),
        ("pay 1 1 5", 1, "must be different"),
        ("pay 1 9 5", 1, "there is no account 9"),
        ("pay-up-to 9 1 5", 1, "there is no account 9"),
        ("pay 1 2 0", 2, "above zero"),
        ("pay 1 2 -5", 2, "above zero"),
        ("pay 1 2 0.005", 2, "smaller than a paisa"),
        ("pay 1 2 9999999999999999", 2, "below"),
        ("add-customer 99999999999 x@y", 2, "at most"),
        ("add-customer 2 nobody", 2, "an @"),
        ("order five 1", 2, "not a number"),
        ("show --db nonsense", 2, "not the URL"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(
    books: Path, capsys: pytest.CaptureFixture[str], command: str, code: int, error: str
) -> None:
    ended, err = refused(main, capsys, command)
    assert (ended, error in err) == (code, True), err


def test_a_failed_unit_accepts_only_rollback_and_is_begun_anew(books: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    for command, said in (
        ("fail 1 2 10000", "failed → aborted\nCOMMIT: not sent\n"),
        ("pay-up-to 1 2 10000", "paid: ₹500.00\naccount 1  ₹0.00\naccount 2  ₹600.00\n"),
    ):
        assert main(command.split()) == 0
        assert said in capsys.readouterr().out


def test_the_mistakes_by_hand() -> None:
    assert foreign_keys_off.main() == [(9999, 12, 2, 140)]
    answers = ["done", "SQLITE_CONSTRAINT_CHECK", "done"]
    assert went_on.main() == (answers, [(1, 500), (2, 10100)])
    assert check_in_application.main() == -100
    assert unique_in_application.main() == [(2, "priya@email.com"), (3, "priya@email.com")]


@pytest.fixture
def server(request: pytest.FixtureRequest) -> Iterator[str]:
    sandbox: Any = new_sandbox(request.param, {})
    try:
        sandbox.create(lambda engine: engine.dispose(), lambda session: None)
        yield sandbox.url()
    finally:
        sandbox.close()


@pytest.mark.parametrize(
    ("server", "answers", "rows"),
    [
        ("postgresql", ["done", "23514", "25P02"], [(1, 500), (2, 100)]),
        ("mariadb", ["done", "4025", "done"], [(1, 500), (2, 10100)]),
    ],
    indirect=["server"],
)
def test_the_mistakes_by_hand_on_servers(server: str, answers: list[str], rows: list[Any]) -> None:
    assert went_on.main(server) == (answers, rows)
    assert check_in_application.main(server) == -100
    assert unique_in_application.main(server) == [(2, "priya@email.com"), (3, "priya@email.com")]


@pytest.mark.dear
@pytest.mark.parametrize("server", SERVERS, indirect=True)
def test_a_person_is_refused_on_servers(server: str, capsys: pytest.CaptureFixture[str]) -> None:
    for command in BEFORE:
        assert main([*command.split(), "--db", server]) == 0
    for command in REFUSED:
        capsys.readouterr()
        assert main([*command.split(), "--db", server]) == 1
        assert capsys.readouterr().err.startswith("refused: ")
        assert main(["show", "--db", server]) == 0
        assert capsys.readouterr().out == ROWS
    assert main(["fail", "1", "2", "10000", "--db", server]) == 0
    assert capsys.readouterr().out.endswith(ROWS)


@pytest.mark.slow
def test_help_of_a_process() -> None:
    command = [sys.executable, "-W", "error", "-m", "examples.constraints", "--help"]
    asked = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert "examples:" in asked.stdout
    assert not asked.stderr
