"""Each line that keeps a system safe is needed: without it the system's own check turns red.

A dozen of them, of every kind; `tests.systems.mutants` finds all there are. Where the database refuses what the program
has let pass (a CHECK behind a comparison), a line that is missing changes no verdict, and is not among them.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from acidity import prove
from acidity.errors import UsageError
from tests.quality.drilled import check
from tests.systems.manifest import Entry
from tests.systems.mutants import Mutant, mutants, planted

# The line that is missing, the target that turns red, its letters, and an engine on which it does.
NEEDED = [
    ("booking/app.py:book:lock:0", "booking:booked", "I", "mariadb"),
    ("booking/app.py:book_if_free:rowcount:0", "booking:taken_if_free", "A", "sqlite"),
    ("budget/rules.py:check_amount:raise:0", "budget:transfer_negative", "A", "sqlite"),
    ("budget/rules.py:check_transfer:raise:0", "budget:transfer_same_category", "A", "sqlite"),
    ("checkout/app.py:checkout:atomic:0", "checkout:one", "A", "sqlite"),
    ("checkout/steps.py:active_customer:raise:0", "checkout:not_active", "A", "sqlite"),
    ("checkout/steps.py:take_from_wallet:rowcount:0", "checkout:unpaid", "A", "sqlite"),
    ("constraints/models.py:Account:CheckConstraint:0", "constraints:balance", "A", "sqlite"),
    ("flash_sale/app.py:buy_locked:lock:0", "flash_sale:for_update", "I", "postgresql"),
    ("flash_sale/app.py:take:raise:0", "flash_sale:serializable_late", "A", "sqlite"),
    ("orders/app.py:check_total:raise:0", "orders:wrong_total", "A", "sqlite"),
    ("orders/app.py:confirm:atomic:0", "orders:captured", "A", "sqlite"),
    ("signup/app.py:sign_up:atomic:0", "signup:signed_up", "A", "sqlite"),
]


def named(text: str) -> Mutant:
    file, function, kind, number = text.split(":")
    return Mutant(file, function, kind, int(number))


@pytest.mark.parametrize(("missing", "target", "letters", "db"), NEEDED, ids=[each[0] for each in NEEDED])
def test_without_it_the_check_is_red(
    missing: str, target: str, letters: str, db: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    asked = Entry(target=f"examples.{target}", why="")
    with planted(named(missing)):
        try:
            verdict = (
                prove.explore(asked.scenario, db=db).verdict
                if letters == "I"
                else check(asked.scenario, "error-after", db=db, letters=letters).verdict
            )
        except UsageError:  # it does not even do what it says when nothing goes wrong
            verdict = "fail"
    assert verdict == "fail"


def test_what_is_named_is_there() -> None:
    for missing, *_ in NEEDED:
        mutant = named(missing)
        assert mutant in mutants(mutant.file)
