"""The checkout as a person uses it, and the kills that the text names."""

from __future__ import annotations

from pathlib import Path

import pytest

from acidity import prove
from acidity.core.call import Kind
from acidity.core.outcome import Rows
from examples.checkout import scenarios
from examples.checkout.__main__ import main
from tests.systems.said import refused, said
from tests.tiers import ENGINES


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for command in ("add-customer C001 1000", "add-product P001 280 10", "buy O-1 C001 P001 2"):
        assert main(command.split()) == 0


@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize(
    ("command", "code", "error"),
    [
        ("buy O-2 C001 P001 2", 1, "Payment failed, please try again"),
        ("buy O-1 C001 P001 1", 1, "order O-1 was made already"),
        ("buy O-2 C001 P001 9", 1, "out of stock: 8 left"),
        ("buy O-2 C009 P001 1", 1, "there is no customer C009"),
        ("buy O-2 C001 P009 1", 1, "there is no product P009"),
        ("buy O-2 C001 P001 0", 2, "above zero"),
        ("buy O-2 C001 P001 -1", 2, "above zero"),
        ("buy O-2 C001 P001 99999999999", 2, "at most 10,000"),
        ("buy O\0 C001 P001 1", 2, "cannot be read"),
        (f"buy {'O' * 41} C001 P001 1", 2, "1 to 40 characters"),
        ("add-customer C001 5", 1, "there is a customer C001 already"),
        ("add-customer C00000000002 5", 2, "1 to 10 characters"),
        ("add-customer C002 0", 2, "above zero"),
        ("add-product P002 0.005 1", 2, "paisa"),
        ("set-price P009 5", 1, "there is no product P009"),
        ("set-price P001 9999999999999999", 2, "below"),
        ("deactivate C009", 1, "there is no customer C009"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(
    capsys: pytest.CaptureFixture[str], command: str, code: int, error: str
) -> None:
    ended, err = refused(main, capsys, command)
    assert (ended, error in err) == (code, True), err


@pytest.mark.usefixtures("shop")
def test_deactivating_a_customer_cancels_what_they_have_ordered(capsys: pytest.CaptureFixture[str]) -> None:
    assert said(main, capsys, "deactivate C001").out.splitlines() == [
        "cancelled: O-1",
        "customer C001  ₹1,000.00, not active",
        "product P001  ₹280.00, 10 in stock, 0 held",
        "order O-1  customer C001, ₹560.00, cancelled",
    ]
    assert main(["buy", "O-2", "C001", "P001", "1"]) == 1
    assert "not active" in capsys.readouterr().err


@pytest.mark.dear
@pytest.mark.one_engine
@pytest.mark.parametrize("db", ENGINES)
def test_killed_after_the_payment_and_right_after_commit(db: str) -> None:
    """Step 7 is the INSERT of the payment; without COMMIT nothing of the nine steps is there, and with it all are."""
    clean = prove.replay(scenarios.one, "ac1:", db=db)
    calls = [event.call for event in clean.history]
    [paid] = [number for number, call in enumerate(calls, 1) if "INSERT INTO payments" in call.sql]
    [commit] = [number for number, call in enumerate(calls, 1) if call.kind is Kind.COMMIT]
    assert paid < commit
    for number, rows in ((paid, Rows.BEFORE), (commit, Rows.AFTER)):
        killed = prove.replay(scenarios.one, f"ac1:A{number}!kill-after", db=db)
        assert (killed.struck, killed.verdict, killed.rows) == (True, "pass", rows)
