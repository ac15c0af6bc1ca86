"""The orders as a person uses them, and each twin's mistake made by hand."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from acidity.engines import new_sandbox
from examples.orders.__main__ import main
from examples.orders.shown import autocommit, city, credit_twice, everything, nothing, oversold, released, unchecked
from tests.systems.manifest import ROOT
from tests.systems.said import refused
from tests.tiers import SERVERS

BEFORE = ["add-customer 1 Rahul Mumbai", "add-product 12 Notebook 140 10", "add-product 8 Pencils 140 5"]
ROWS = (
    "customer 1  Rahul, Mumbai\nproduct 8  Pencils, ₹140.00, 5 in stock\nproduct 12  Notebook, ₹140.00, {} in stock\n"
)


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for command in BEFORE:
        assert main(command.split()) == 0
    return tmp_path


def test_an_order_is_placed_and_confirmed(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    items = "2 × product 12 at ₹140.00"
    for command, rows in (
        (
            "place-first 5001 1 280 15x1@280 12x2@140",
            f"ordered: {items}\n{ROWS.format(10)}order 5001  customer 1, ₹280.00, placed, authorized: {items}\n",
        ),
        ("confirm 5001 1", f"{ROWS.format(8)}order 5001  customer 1, ₹280.00, confirmed, captured: {items}\n"),
    ):
        capsys.readouterr()
        assert main(command.split()) == 0
        assert capsys.readouterr().out == rows


def test_an_order_that_finds_no_item_is_kept(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert main(["place-first", "5001", "1", "280", "15x1@280", "12x20@14"]) == 0
    waiting = "order 5001  customer 1, ₹280.00, waiting: no item\n"
    assert capsys.readouterr().out == f"no item can be had; the order waits\n{ROWS.format(10)}{waiting}"


def test_an_invoice_is_paid_before_the_next_order(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for command, code in (
        ("place-on-credit 5001 1 280 12x2@140", 0),
        ("place-on-credit 5002 1 280 12x2@140", 1),
        ("pay 5001 2", 1),
        ("pay 5001 1", 0),
        ("pay 5001 1", 1),
        ("place-on-credit 5002 1 280 12x2@140", 0),
    ):
        assert main(command.split()) == code


@pytest.mark.parametrize(
    ("command", "code", "error"),
    [
        ("place 5002 1 480 12x2@140 8x1@140", 1, "is ₹480.00, and its items are ₹420.00"),
        ("place 5002 1 420 12x2@140 15x1@140", 1, "does not exist"),
        ("place 5002 9 280 12x2@140", 1, "there is no customer 9"),
        ("place 5002 1 280 12x-2@140", 2, "above zero"),
        ("place 5002 1 280 12x0@140", 2, "above zero"),
        ("place 5002 1 280 12x2@0.005", 2, "smaller than a paisa"),
        ("place 5002 1 280 12x2@999999999999999", 1, "less than ₹1,000,000,000,000,000.00"),
        ("place 5002 1 0 12x2@140", 2, "above zero"),
        ("place 5002 1 -280 12x2@140", 2, "above zero"),
        ("place 5002 1 9999999999999999 12x2@140", 2, "below"),
        ("place 99999999999 1 280 12x2@140", 2, "at most"),
        ("place five 1 280 12x2@140", 2, "not a number"),
        ("place 5002 1 280 12", 2, "like 12x2@140"),
        ("confirm 5002 1", 1, "customer 1 has no order 5002"),
        ("sell 12 11", 1, "out of stock: 10 left"),
        ("sell 15 1", 1, "no such product"),
        ("sell 12 99999", 2, "at most 10,000"),
        ("set-stock 12 4 --try", 1, "would have 4"),
        ("set-stock 12 0 --try", 1, "would have 0"),
        ("set-stock 12 -1", 2, "above zero"),
        ("set-stock 15 4", 1, "there is no product 15"),
        ("move 1 Bengaluru --try", 1, "would live in Bengaluru"),
        ("move 9 Bengaluru", 1, "there is no customer 9"),
        ("add-customer 1 Priya Pune", 1, "exists already"),
        ("add-product 12 Book 1 1", 1, "exists already"),
        (f"add-customer 2 {'x' * 41} Pune", 2, "1 to 40"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(
    shop: Path, capsys: pytest.CaptureFixture[str], command: str, code: int, error: str
) -> None:
    ended, err = refused(main, capsys, command)
    assert (ended, error in err) == (code, True), err


def test_an_order_of_another_customer_is_refused(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["place", "5002", "1", "280", "12x2@140"])
    main(["add-customer", "2", "Priya", "Pune"])
    assert main(["confirm", "5002", "2"]) == 1
    assert "customer 2 has no order 5002" in capsys.readouterr().err
    assert main(["place", "5002", "1", "280", "12x2@140"]) == 1
    assert "order 5002 exists already" in capsys.readouterr().err


def mistakes(url: str | None, db: str) -> None:
    lost = db == "postgresql"  # an error fails the whole transaction there, and COMMIT is a ROLLBACK
    assert autocommit.main(url) == [(5001, 1, 280, "confirmed", "authorized")]
    assert everything.main(url) == []
    assert nothing.main(url) == ([] if lost else [(5001, 12, 2, 140)] * 2)
    assert released.main(url) == ([] if lost else [(5001, 8, 1, 140), (5001, 12, 2, 140)])
    assert unchecked.main(url) == (480, 420)
    assert credit_twice.main(url) == [(5001, 1), (5002, 1)]
    assert oversold.main(url) == -2
    assert city.main(url) == {"off": "Mumbai", "on": "Bengaluru"}


def test_the_mistakes_by_hand() -> None:
    mistakes(None, "sqlite")


@pytest.fixture
def server(request: pytest.FixtureRequest) -> Iterator[tuple[str, str]]:
    sandbox: Any = new_sandbox(request.param, {})
    try:
        sandbox.create(lambda engine: engine.dispose(), lambda session: None)
        yield sandbox.url(), request.param
    finally:
        sandbox.close()


@pytest.mark.dear
@pytest.mark.parametrize("server", SERVERS, indirect=True)
def test_the_mistakes_by_hand_on_servers(server: tuple[str, str]) -> None:
    mistakes(*server)


@pytest.mark.dear
@pytest.mark.parametrize("server", SERVERS, indirect=True)
def test_a_person_uses_it_on_servers(server: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    for command in (*BEFORE, "place-first 5001 1 280 15x1@280 12x2@140", "confirm 5001 1"):
        assert main([*command.split(), "--db", server[0]]) == 0
    assert "order 5001  customer 1, ₹280.00, confirmed, captured" in capsys.readouterr().out


@pytest.mark.slow
def test_help_of_a_process() -> None:
    command = [sys.executable, "-W", "error", "-m", "examples.orders", "--help"]
    asked = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert "examples:" in asked.stdout
    assert not asked.stderr
