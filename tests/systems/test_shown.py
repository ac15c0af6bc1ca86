"""Each twin's mistake, made by hand in a script without acidity."""

from __future__ import annotations

from importlib import import_module

import pytest

from acidity.prove import Scenario
from tests.systems.places import ROOT, empty_database, script
from tests.tiers import SERVERS

SHOP = ["C001: ₹1,000", "P001: ₹280, 10 in stock, 0 held"]
TEN = "P001: 10 in stock"
BOUGHT = ["P001: 8 in stock", "O-1: ₹560", "item of O-1: 2 at ₹280"]
PHOTO = "row of photo, 3 characters"
SHOWN: dict[str, dict[str, list[str]]] = {
    "checkout": {
        "no_boundary": [
            "C001: ₹440",
            "P001: ₹280, 10 in stock, 2 held",
            "O-1: ₹560, pending",
            "item of O-1: 2 at ₹280",
        ],
        "reservation_leaked": ["C001: ₹500", "P001: ₹280, 10 in stock, 2 held"],
        "wallet_unconditional": ["C001: -₹120", SHOP[1], "O-1: ₹560, confirmed", "O-2: ₹560, confirmed"],
        "price_twice": [SHOP[0], "P001: ₹300, 10 in stock, 0 held", "O-1: ₹560, confirmed", "item of O-1: 2 at ₹300"],
        "beside_deactivation": ["C001: ₹1,000, not active", SHOP[1], "O-1: ₹280, confirmed"],
    },
    "checkout_api": {
        "zeroed": ["P001: 8 in stock", "O-1: ₹0", "item of O-1: 2 at ₹280"],
        "ordered_unpaid": BOUGHT,
        "charged_and_gone": [TEN, "charged: ₹560"],
        "charged_and_denied": [TEN, "charged: ₹560"],
        "answered_before_commit": [TEN],
    },
    "signup": {
        "mail_inside": [PHOTO, "log: signed up", "outside: mail to rahul@email.com", "outside: photo"],
        "second_commit": [PHOTO, "row of report, 0 characters", "outside: photo", "outside: report"],
        "file_first": [PHOTO, "log: photo removed"],
    },
}


@pytest.mark.parametrize(("system", "name"), [(system, name) for system, shown in SHOWN.items() for name in shown])
def test_the_mistakes_by_hand(system: str, name: str) -> None:
    assert script(f"{system}/shown/{name}")(None) == SHOWN[system][name]


@pytest.mark.dear
@pytest.mark.parametrize("system", SHOWN)
@pytest.mark.parametrize("db", SERVERS)
def test_the_mistakes_by_hand_on_servers(db: str, system: str) -> None:
    with empty_database(db) as url:
        assert {name: script(f"{system}/shown/{name}")(url) for name in SHOWN[system]} == SHOWN[system]


@pytest.mark.parametrize("system", SHOWN)
def test_each_twin_has_its_script(system: str) -> None:
    broken = vars(import_module(f"examples.{system}.broken"))
    there = {path.stem for path in (ROOT / "examples" / system / "shown").glob("*.py")} - {"__init__", "rows"}
    assert there == set(SHOWN[system]) == {name for name, each in broken.items() if isinstance(each, Scenario)}
