"""``acidity explore``, and ``acidity replay`` of what it found: by hand, and from a saved report."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

BANK = """
import threading
from acidity.prove import Operation, Scenario
from tests.quality.callers import Base, look, seed, withdraw, withdraw_guarded
lost = Scenario(Operation(withdraw, 10), metadata=Base.metadata, setup=seed)
kept = Scenario(Operation(withdraw_guarded, 10), metadata=Base.metadata, setup=seed)
LOCK = threading.Lock()
def withdraw_in_lock(session):
    with LOCK:
        withdraw(session, 10)
locked = Scenario(Operation(withdraw_in_lock), metadata=Base.metadata, setup=seed)
two = Scenario(Operation(withdraw, 10), Operation(withdraw_guarded, 10), metadata=Base.metadata, setup=seed)
mixed = Scenario(Operation(withdraw, 10), Operation(look), metadata=Base.metadata, setup=seed)
"""
Acidity = Callable[..., Any]


@pytest.fixture(autouse=True)
def pond(write: Callable[[str, str], Any]) -> None:
    write("pond.py", BANK)


@pytest.mark.dear
def test_exit_codes_and_lanes(acidity: Acidity) -> None:
    found = acidity("explore", "pond:lost")
    assert found.code == 1
    assert "10 is too much in accounts id=1" in found.out
    assert "lost update" in found.out
    assert "committed: accounts id=1 balance 100 → 90" in found.out
    assert "replay: acidity replay pond:lost ac1:A.B3.A2" in found.out
    assert acidity("explore", "pond:kept").code == 0
    assert acidity("explore", "pond:lost", "--runs-max", "1").code == 3


@pytest.mark.dear
def test_two_workers_share_no_lock(acidity: Acidity) -> None:
    together = acidity("explore", "pond:locked")
    assert (
        "--actors processes is worth it: a lock, a pool or the event loop keeps these callers apart that two workers would not share"
        in " ".join(together.out.split())
    )
    card = acidity("check", "pond:locked", "--letters", "I")
    assert (card.code, "--actors processes is worth it" in " ".join(card.out.split())) == (0, True)
    apart = acidity("explore", "pond:locked", "--actors", "processes", "--runs-max", "3")
    assert apart.code == 1
    assert "replay: acidity replay pond:locked ac1:A.B3.A2 --actors processes" in apart.out
    assert acidity("replay", "pond:locked", "ac1:A.B3.A2", "--actors", "processes").code == 1
    assert acidity("replay", "pond:locked", "ac1:A3.B3").code == 0


def test_lanes_in_json(acidity: Acidity) -> None:
    report = json.loads(acidity("explore", "pond:lost", "--output-format", "json").out)
    (finding,) = report["findings"]
    assert (finding["code"], finding["anomaly"], finding["schedule"]) == ("ACI301", "lost update", "ac1:A.B3.A2")
    assert [move["actor"] for move in finding["lanes"]] == list("ABBBAA")
    assert finding["lanes"][3] == {
        "actor": "B",
        "does": "COMMIT",
        "site": finding["lanes"][3]["site"],
        "result": "ok",
        "committed": ["accounts id=1 balance 100 → 90"],
        "blocked": [],
    }


@pytest.mark.dear
def test_pairs_are_replayed_with_their_callers(acidity: Acidity) -> None:
    found = acidity("explore", "pond:mixed", "--pairs")
    assert found.code == 1
    assert "2 callers, 3 groups" in found.out
    assert "replay: acidity replay pond:mixed ac1:A.B3.A2 --operation 1,1" in found.out
    assert acidity("replay", "pond:mixed", "ac1:A.B3.A2", "--operation", "1,1").code == 1
    assert acidity("replay", "pond:mixed", "ac1:A3.B", "--operation", "1,2").code == 0
    assert acidity("replay", "pond:mixed", "ac1:A3.B", "--operation", "1,x").code == 2


@pytest.mark.dear
def test_a_saved_report_is_replayed(acidity: Acidity) -> None:
    assert acidity("explore", "pond:lost", "--output-format", "json", "--output-file", "saved.json").code == 1
    again = acidity("replay", "pond:lost", "saved.json")
    assert again.code == 1
    assert "1 of 1 schedule is not serial" in again.out


@pytest.mark.slow
def test_v_shows_what_the_last_line_of_the_card_promises(acidity: Acidity) -> None:
    assert "with -v: all, coverage, notes" in acidity("explore", "pond:lost").out
    whole = acidity("explore", "pond:lost", "-v")
    assert whole.code == 1
    assert "not serial (lost update), ACI301" in whole.out
    assert "committed: accounts id=1 balance 100 → 90" in whole.out
    assert "3 of 3 classes of schedules" in whole.out
    assert acidity("explore", "pond:lost", "-q").out.count("\n") == 1


@pytest.mark.dear
def test_the_letter_on_a_card(acidity: Acidity) -> None:
    found = acidity("check", "pond:lost", "--letters", "I", "--output-format", "json", "--output-file", "card.json")
    assert found.code == 1
    again = acidity("replay", "pond:lost", "card.json")
    assert (again.code, "1 of 1 schedule is not serial" in again.out) == (1, True)
    assert acidity("check", "pond:kept", "--letters", "I").code == 0
    assert acidity("check", "pond:lost", "--letters", "I", "--runs-max", "1").code == 3
    shown = acidity("check", "pond:two", "--letters", "I").out
    assert "also: ACI301 lost update of withdraw and withdraw_guarded at " in shown
    whole = acidity("check", "pond:mixed", "--letters", "I", "-v")
    assert whole.code == 1
    assert " I  isolated    FAIL" in whole.out
    assert "replay: acidity replay pond:mixed ac1:A.B3.A2 --operation 1,1" in whole.out


@pytest.mark.slow
def test_all_levels_are_a_table_and_json(acidity: Acidity) -> None:
    found = acidity("explore", "pond:lost", "pond:kept", "--all-levels")
    assert found.code == 1
    lines = [line.split() for line in found.out.splitlines()]
    assert ["weakest", "that", "passes", "its", "own"] in lines
    assert ["none", "FAIL"] in [line[2:] for line in lines]
    assert ["its", "own", "pass"] in [line[2:] for line in lines]
    assert acidity("check", "pond:kept", "--letters", "I", "--all-levels").code == 0
    assert acidity("explore", "pond:kept", "--all-levels", "-q").out.endswith("weakest that passes: its own\n")
    assert acidity("explore", "pond:kept", "--all-levels", "--isolation-level", "SERIALIZABLE").code == 2
    saved = acidity("explore", "pond:lost", "--all-levels", "--output-format", "json", "--output-file", "saved.json")
    assert saved.code == 1
    whole = json.loads(Path("saved.json").read_text(encoding="utf-8"))
    assert (whole["schema"], whole["weakest"]) == ("acidity.levels/1", None)
    assert whole["levels"]["its own"]["verdict"] == "fail"
    assert "1 of 1 schedule is not serial" in acidity("replay", "pond:lost", "saved.json").out
