"""The bank as a person uses it, and each twin's mistake made by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from acidity.engines import new_sandbox
from examples.bank.__main__ import main
from examples.bank.shown import absolute, as_they_come, autocommit, doubled, floating
from tests.systems.said import refused
from tests.tiers import SERVERS

BEFORE = ["open A 5000", "open B 2000"]


@pytest.fixture
def bank(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for command in BEFORE:
        assert main(command.split()) == 0
    return tmp_path


def test_a_transfer_is_made_once_and_undone_once(bank: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert (bank / "bank.db").exists()
    for command, rows in (
        ("transfer A B 500 --request r-1", "A  ₹4,500.00\nB  ₹2,500.00\n"),
        ("transfer A B 500 --request r-1", "A  ₹4,500.00\nB  ₹2,500.00\n"),
        ("reverse A B 500 --request r-1", "A  ₹5,000.00\nB  ₹2,000.00\n"),
        ("reverse A B 500 --request r-1", "A  ₹5,000.00\nB  ₹2,000.00\n"),
    ):
        capsys.readouterr()
        assert main(command.split()) == 0
        assert capsys.readouterr().out == rows


@pytest.mark.parametrize(
    ("command", "code", "error"),
    [
        ("transfer A B 10000", 1, "account A has not enough money"),
        ("transfer A Z 5", 1, "there is no account Z"),
        ("transfer A A 5", 1, "must be different"),
        ("transfer A B -5", 2, "above zero"),
        ("transfer A B 0", 2, "above zero"),
        ("transfer A B 0.005", 2, "smaller than a paisa"),
        ("transfer A B 9999999999999999", 2, "below"),
        ("transfer A B nan", 2, "above zero"),
        ("transfer A B five", 2, "not an amount"),
        ("open A 1", 1, "exists already"),
        ("open A\0 1", 2, "cannot be read"),
        ("open \ud800 1", 2, "cannot be read"),
        (f"transfer A B 5 --request {'r' * 31}", 2, "1 to 30 characters"),
        ("reverse A B 500 --request none", 1, "no transfer none was made"),
        ("reverse A B 500", 1, "--request"),
        ("balances --db sqlite:///nowhere/x.db", 2, "unable to open"),
        ("balances --db nonsense", 2, "not the URL of a database"),
        ("balances --db sqlite:///other.db", 2, "has tables already (t)"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(
    bank: Path, capsys: pytest.CaptureFixture[str], command: str, code: int, error: str
) -> None:
    other = create_engine(f"sqlite:///{bank / 'other.db'}")
    with other.begin() as connection:
        connection.execute(text("CREATE TABLE t (x INTEGER)"))
    other.dispose()
    ended, err = refused(main, capsys, command, "balances")
    assert (ended, error in err) == (code, True), err


def test_the_mistakes_by_hand() -> None:
    assert autocommit.main() == {"A": 450000, "B": 200000}
    assert absolute.main() == {"A": 470000, "B": 230000}
    assert doubled.main() == {"A": 400000, "B": 300000}
    assert floating.main() == 0.30000000000000004


@pytest.mark.parametrize("db", SERVERS)
def test_the_mistakes_by_hand_on_servers(db: str) -> None:
    sandbox: Any = new_sandbox(db, {})
    try:
        sandbox.create(lambda engine: engine.dispose(), lambda session: None)
        url = sandbox.url()
        assert absolute.main(url) == {"A": 470000, "B": 230000}
        assert "eadlock" in as_they_come.main(url)
    finally:
        sandbox.close()
