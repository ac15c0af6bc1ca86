"""The checkout as a person uses it, each twin's mistake made by hand, and the kills that the text names."""

from __future__ import annotations

from pathlib import Path

import pytest

from acidity import prove
from acidity.core.call import Kind
from acidity.core.outcome import Rows
from acidity.prove import Scenario
from examples.checkout import broken, scenarios
from examples.checkout.__main__ import main
from tests.systems.places import ROOT, empty_database, script
from tests.tiers import ENGINES, SERVERS

SHOP = ["C001: ₹1,000", "P001: ₹280, 10 in stock, 0 held"]
BY_HAND: dict[str, list[str]] = {
    "no_boundary": ["C001: ₹440", "P001: ₹280, 10 in stock, 2 held", "O-1: ₹560, pending", "item of O-1: 2 at ₹280"],
    "reservation_leaked": ["C001: ₹500", "P001: ₹280, 10 in stock, 2 held"],
    "wallet_unconditional": ["C001: -₹120", SHOP[1], "O-1: ₹560, confirmed", "O-2: ₹560, confirmed"],
    "price_twice": [SHOP[0], "P001: ₹300, 10 in stock, 0 held", "O-1: ₹560, confirmed", "item of O-1: 2 at ₹300"],
    "beside_deactivation": ["C001: ₹1,000, not active", SHOP[1], "O-1: ₹280, confirmed"],
}


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    monkeypatch.chdir(tmp_path)
    for command in ("add-customer C001 1000", "add-product P001 280 10", "buy O-1 C001 P001 2"):
        capsys.readouterr()
        assert main(command.split()) == 0
    return capsys.readouterr().out.partition("\n")[2]


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
    shop: str, capsys: pytest.CaptureFixture[str], command: str, code: int, error: str
) -> None:
    try:
        ended = main(command.split())
    except SystemExit as end:
        ended = int(end.code or 0)
    said = capsys.readouterr()
    assert (ended, said.out) == (code, "")
    assert error in said.err
    assert main(["show"]) == 0
    assert capsys.readouterr().out == shop


@pytest.mark.usefixtures("shop")
def test_deactivating_a_customer_cancels_what_they_have_ordered(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["deactivate", "C001"]) == 0
    assert capsys.readouterr().out.splitlines() == [
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


@pytest.mark.parametrize("name", BY_HAND)
def test_the_mistakes_by_hand(name: str) -> None:
    assert script(f"checkout/shown/{name}")(None) == BY_HAND[name]


@pytest.mark.dear
@pytest.mark.parametrize("db", SERVERS)
def test_the_mistakes_by_hand_on_servers(db: str) -> None:
    with empty_database(db) as url:
        assert {name: script(f"checkout/shown/{name}")(url) for name in BY_HAND} == BY_HAND


def test_each_twin_has_its_script() -> None:
    there = {path.stem for path in (ROOT / "examples" / "checkout" / "shown").glob("*.py")} - {"__init__", "rows"}
    assert there == set(BY_HAND) == {name for name, each in vars(broken).items() if isinstance(each, Scenario)}
