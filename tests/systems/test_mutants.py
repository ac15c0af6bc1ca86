"""Each line that keeps a system safe is needed: without it the system's own check turns red.

`tests.systems.mutants` finds the lines, `tests.systems.judged` says what red is, and `survivors.toml` names the lines
without which nothing turns red, each with the reason. By default a dozen lines, of every kind; slow: every line of every
system, on every engine on which it has a meaning.
"""

from __future__ import annotations

import fnmatch
import tomllib
from collections import Counter
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import CheckConstraint

from acidity.engines import ENGINES
from tests.systems.judged import red, said_of
from tests.systems.mutants import Mutant, has_meaning, imported_anew, mutants, planted, shipped, source_of, systems
from tests.systems.reached import applies, passing

SURVIVORS = Path(__file__).parent / "survivors.toml"

# The line that is missing, the target that turns red, the letters that do, and an engine on which they do.
NEEDED = [
    ("booking/app.py:book:lock:0", "booking:booked", "I", "mariadb"),
    ("booking/app.py:book_if_free:rowcount:0", "booking:taken_if_free", "AC", "sqlite"),
    ("budget/app.py:unit_of_work:begin:0", "budget:transfer", "AC", "sqlite"),
    ("budget/rules.py:check_amount:raise:0", "budget:transfer_negative", "AC", "sqlite"),
    ("budget/rules.py:check_transfer:raise:0", "budget:transfer_same_category", "AC", "sqlite"),
    ("budget/text.py:transfer_budget:commit:0", "budget.text_scenarios:transfer", "AC", "sqlite"),
    ("checkout/app.py:checkout:atomic:0", "checkout:one", "AC", "sqlite"),
    ("checkout/steps.py:take_from_wallet:rowcount:0", "checkout:unpaid", "AC", "sqlite"),
    ("constraints/models.py:Account:CheckConstraint:0", "constraints:balance", "AC", "sqlite"),
    ("constraints/models.py:Customer:UniqueConstraint:0", "constraints:email_twice", "AC", "sqlite"),
    ("constraints/models.py:Order:not_null:0", "constraints:no_customer", "AC", "sqlite"),
    ("flash_sale/app.py:buy_locked:lock:0", "flash_sale:for_update", "I", "postgresql"),
    ("orders/app.py:check_total:raise:0", "orders:wrong_total", "AC", "sqlite"),
    ("orders/app.py:place_first_of:savepoint:0", "orders:second_choice", "AC", "sqlite"),
    ("signup/models.py:User:primary_key:0", "signup:signed_up_already", "AC", "sqlite"),
]
ALL = [pytest.param(system, db, id=f"{system}-{db}", marks=pytest.mark.slow) for db in ENGINES for system in systems()]


def named(text: str) -> Mutant:
    file, function, kind, number = text.split(":")
    return Mutant(file, function, kind, int(number))


def survivors(db: str) -> list[str]:
    """The lines without which nothing is to turn red on this engine."""
    return [
        line
        for each in listed()
        for pattern in each["lines"]
        for line in fnmatch.filter(lines(), pattern)
        if db in each.get("engines", ENGINES) and has_meaning(named(line), db)
    ]


def listed() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = tomllib.loads(SURVIVORS.read_text(encoding="utf-8"))["survivor"]
    return found


@cache
def lines() -> list[str]:
    """Those of all systems."""
    return [str(mutant) for system in systems() for mutant in of_system(system)]


@pytest.mark.parametrize(("missing", "target", "letters", "db"), NEEDED, ids=[each[0] for each in NEEDED])
def test_without_it_the_check_is_red(
    missing: str, target: str, letters: str, db: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    mutant = named(missing)
    [entry] = [each for each in passing(mutant.system, db) if each.target == f"examples.{target}"]
    with planted(mutant):
        assert said_of(mutant, entry, letters, db)


@pytest.mark.parametrize(("system", "db"), ALL)
def test_every_line_is_needed_or_it_is_said_why_it_stays(system: str, db: str) -> None:
    stays, wrong = set(survivors(db)), []
    for mutant in of_system(system):
        if applies(mutant, db):
            said = red(mutant, db)
            if not said and str(mutant) not in stays:  # what was unknown on a machine that has other work
                said = red(mutant, db)
            if (str(mutant) in stays) is bool(said):
                wrong.append(f"{mutant}: {said or 'nothing turns red'}")
    assert not wrong, "\n".join(wrong)


def of_system(system: str) -> list[Mutant]:
    return [mutant for file in shipped(system) for mutant in mutants(file)]


def test_what_is_named_is_there() -> None:
    """In both lists; and each reason is given, once for each line and engine."""
    assert {missing for missing, *_ in NEEDED} <= set(lines())
    for db in ENGINES:
        assert set(Counter(survivors(db)).values()) <= {1}
    for each in listed():
        assert each.keys() <= {"lines", "engines", "why"}
        assert each["why"].endswith(".")
        assert set(each.get("engines", ENGINES)) <= set(ENGINES)
        assert [pattern for pattern in each["lines"] if not fnmatch.filter(lines(), pattern)] == []


def test_every_system_has_lines_of_several_kinds() -> None:
    for system in systems():
        assert len({mutant.kind for mutant in of_system(system)}) >= 4, system


def test_within_a_mutant_the_system_can_be_had_as_it_is() -> None:
    def checks() -> int:
        models = import_module("examples.constraints.models")
        return sum(isinstance(each, CheckConstraint) for each in models.Account.__table__.constraints)

    as_it_is = checks()
    with planted(named("constraints/models.py:Account:CheckConstraint:0")):
        without = checks()
        with imported_anew("constraints", {}):
            within = checks()
        assert (without, within, checks()) == (as_it_is - 1, as_it_is, without)
    assert checks() == as_it_is


@pytest.mark.parametrize(
    "missing", ["orders/models.py:Order:primary_key:0", "constraints/models.py:Order:ForeignKey:0"]
)
def test_a_table_without_a_key_is_mapped_as_before(missing: str) -> None:
    source = source_of(named(missing))
    assert "'orders.id'" not in source if "primary_key" in missing else "'customers.id'" not in source
