"""A batch that may be done in part: ``Operation(partial=("accounts",))``, row by row, judged with invariants."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy.orm import Session

from acidity.analysis.masks import Masks
from acidity.errors import UsageError
from acidity.prove import Operation
from acidity.prove.drill.partial import done_in_part, other_new_rows
from tests.engines.bank import ALICE, BOB, Account, Payment, bank
from tests.run.drilling import drilled
from tests.unit.states import state, table


def nobody_owes(session: Session) -> bool:
    return all(account.balance >= 0 for account in session.query(Account))


def bonus_for_each(session: Session) -> None:
    """A batch: each account for itself."""
    for owner in (ALICE, BOB):
        with session.begin():
            session.get_one(Account, owner).balance += 10


def bonus_in_halves(session: Session) -> None:
    """Each account in two commits."""
    for owner in (ALICE, BOB):
        for _ in range(2):
            with session.begin():
                session.get_one(Account, owner).balance += 5


def words(function: Any, **options: Any) -> set[str]:
    operation = Operation(function, **options)
    report = drilled(bank(operation, invariants=[nobody_owes]), "sqlite", "error-before")
    assert not report.unknowns, report
    return {word for found in report.findings for word in found.errors}


@pytest.mark.dear
def test_each_row_wholly_or_not_at_all() -> None:
    assert words(bonus_for_each) == {"torn"}
    assert words(bonus_for_each, partial="accounts") == set()
    assert words(bonus_in_halves, partial=("accounts",)) == {"torn"}


def test_what_cannot_be_meant_is_said() -> None:
    with pytest.raises(UsageError, match="partial= needs invariants="):
        bank(Operation(bonus_for_each, partial="accounts"))
    with pytest.raises(UsageError, match=r"partial= takes names of tables, .* not <class"):
        Operation(bonus_for_each, partial=[Payment])  # type: ignore[list-item]
    with pytest.raises(UsageError, match="partial='account' is not a table; there are: accounts, payments"):
        words(bonus_for_each, partial="account")


ROWS = [(1, 10), (2, 20)]


@pytest.mark.parametrize(
    ("rows", "right"),
    [
        ([(1, 11), (2, 20)], True),
        ([(1, 10), (2, 22), (3, 30)], True),
        ([(1, 10)], False),
        ([(1, 10.5), (2, 20)], False),
        ([(1, 11), (2, 20), (4, 30)], False),
    ],
)
def test_rows_by_key(rows: list[tuple[Any, ...]], *, right: bool) -> None:
    before, after = (state(t=table("id n", each)) for each in (ROWS, [(1, 11), (2, 22), (3, 30)]))
    assert done_in_part(state(t=table("id n", rows)), before, after, ["t"], Masks()) is right


@pytest.mark.parametrize(
    ("rows", "right"),
    [
        ([], True),
        ([(7, 5), (9, 6)], True),
        ([(3, 6)], True),
        ([(3, 5), (4, 5), (5, 5)], False),
        ([(3, 7)], False),
    ],
)
def test_rows_whose_key_the_database_makes_are_counted(rows: list[tuple[Any, ...]], *, right: bool) -> None:
    before, after = (state(t=table("id n", each)) for each in ([], [(1, 5), (2, 5), (3, 6)]))
    masks = Masks(keys=frozenset({("t", "id")}))
    assert done_in_part(state(t=table("id n", rows)), before, after, ["t"], masks) is right


ONE, OTHER = table("id n", [(1, 10)]), table("id n", [(1, 11)])


@pytest.mark.parametrize("lacks_it", [0, 1, 2], ids=["now", "before", "after"])
def test_a_table_that_was_made_or_dropped_is_not_done_in_part(lacks_it: int) -> None:
    states = [state(t=ONE), state(t=ONE), state(t=OTHER)]
    assert done_in_part(*states, ["t"], Masks())
    states[lacks_it] = state()
    assert not done_in_part(*states, ["t"], Masks())


@pytest.mark.parametrize("lacks_it", [0, 1, 2], ids=["now", "before", "after"])
def test_nor_are_its_rows_other_new_ones(lacks_it: int) -> None:
    states = [state(t=ONE), state(t=ONE), state(t=ONE)]
    assert other_new_rows(*states, Masks())
    states[lacks_it] = state()
    assert not other_new_rows(*states, Masks())


def test_a_table_with_another_column_is_neither() -> None:
    states = [state(t=ONE), state(t=ONE), state(t=table("id m", [(1, 10)]))]
    assert not done_in_part(*states, ["t"], Masks())
    assert not other_new_rows(*states, Masks())
