"""The rows that changed, and the sentence about them."""

from dataclasses import replace
from decimal import Decimal

import pytest

from acidity.analysis.diff import Claim, row_changes, sentence, telling_changes
from acidity.analysis.masks import Masks
from acidity.core.finding import RowChange
from tests.unit.counting import calls_of
from tests.unit.states import state, table


def bank(ann, bob, *transfers):
    return state(
        accounts=table("id owner balance", [(1, "ann", ann), (2, "bob", bob)]),
        transfers=table("id amount", list(enumerate(transfers, 1))),
    )


def said(before, clean, after, claim=Claim.CLEAN):
    return sentence(row_changes(before, after), row_changes(before, clean), claim)


class TestRowChanges:
    def test_added_removed_and_changed_rows_by_primary_key(self):
        before = state(t=table("id x y", [(1, "a", 1), (2, "b", 2), (3, "c", 3)]))
        after = state(t=table("id x y", [(10, "d", 4), (2, "b", 5), (3, "c", 3)]))
        assert row_changes(before, after) == (
            RowChange("t", (("id", 1),), (("id", 1), ("x", "a"), ("y", 1)), None),
            RowChange("t", (("id", 2),), (("y", 2),), (("y", 5),)),
            RowChange("t", (("id", 10),), None, (("id", 10), ("x", "d"), ("y", 4))),
        )
        assert [str(change) for change in row_changes(before, after)] == [
            "t id=1 removed: id 1, x a, y 1",
            "t id=2 y 2 → 5",
            "t id=10 added: id 10, x d, y 4",
        ]

    def test_without_a_key_rows_are_compared_whole_and_counted(self):
        before = state(t=table("x", [("a",), ("a",), ("b",)], key=""))
        after = state(t=table("x", [("a",), ("c",), ("c",)], key=""))
        assert [str(change) for change in row_changes(before, after)] == [
            "t removed: x a",
            "t removed: x b",
            "t added: x c",
            "t added: x c",
        ]

    def test_tables_and_columns_that_come_and_go(self):
        before = state(old=table("id", [(1,)]), t=table("id", []))
        after = state(new=table("id", []), t=table("id x", []))
        assert [str(change) for change in row_changes(before, after)] == [
            "new table absent → present",
            "old table present → absent",
            "old id=1 removed: id 1",
            "t columns id → id, x",
        ]

    def test_the_rows_of_an_altered_table_are_as_they_were_but_for_what_is_in_the_new_column(self):
        before = state(t=table("id x", [(1, "a"), (2, "b")]))
        after = state(t=table("id x y", [(1, "a", None), (2, "b", 7)]))
        assert [str(change) for change in row_changes(before, after)] == [
            "t columns id, x → id, x, y",
            "t id=2 y None → 7",
        ]
        assert [str(change) for change in row_changes(after, before)] == ["t columns id, x, y → id, x"]

    def test_without_a_key_too(self):
        before, after = state(t=table("x", [("a",)], key="")), state(t=table("x y", [("a", None)], key=""))
        assert [str(change) for change in row_changes(before, after)] == ["t columns x → x, y"]

    def test_a_catalogue_does_not_tell_again_what_is_said_of_a_table(self):
        def described(*tables):
            return replace(table("name sql", tables, key=""), describes="name")

        before = state(schema=described(("t", "id"), ("v", "1")), t=table("id", []))
        after = state(schema=described(("t", "id, x"), ("v", "2")), t=table("id x", []))
        assert [str(change) for change in row_changes(before, after)] == [
            "schema removed: name v, sql 1",
            "schema added: name v, sql 2",
            "t columns id → id, x",
        ]

    def test_nothing(self):
        assert row_changes(bank(1, 2, 3), bank(1, 2, 3)) == ()


def test_of_a_random_value_it_tells_that_there_is_none():
    """Another one does not, nor what shall not be compared."""
    before = state(t=table("id by at", [(1, "5f1c", None), (2, "9ab0", 1)]))
    after = state(t=table("id by at", [(1, "77d2", 7), (2, None, 1)]))
    masks = Masks(tokens=frozenset({("t", "by")}), ignored=frozenset({("t", "at")}))
    assert [str(change) for change in telling_changes(before, after, masks)] == ["t id=2 by 9ab0 → None"]
    assert len(telling_changes(before, after, Masks())) == 2


class TestMoney:
    def test_it_left_and_arrived_nowhere(self):
        assert said(bank(100, 0), bank(50, 50), bank(50, 0)) == "50 left accounts id=1 and arrived nowhere"

    def test_it_arrived_and_left_nowhere(self):
        assert said(bank(100, 0), bank(50, 50), bank(100, 50)) == "50 arrived in accounts id=2 and left nowhere"

    def test_less_arrived_than_left(self):
        text = said(bank(100, 0), bank(50, 50), bank(50, 20))
        assert text == "50 left accounts id=1 and 20 arrived in accounts id=2"

    def test_nowhere_is_not_said_when_another_row_holds_the_amount(self):
        text = said(bank(100, 0), bank(50, 50, 50), bank(50, 0, 50))
        assert text == "50 left accounts id=1 and arrived in no other row of accounts"

    def test_nowhere_is_not_said_of_a_plain_withdrawal(self):
        text = said(bank(100, 0), bank(50, 0, 50), bank(50, 0))
        assert text == "50 left accounts id=1, and the row of transfers never came"

    def test_the_log_alone_is_missing(self):
        text = said(bank(100, 0), bank(50, 50, 50), bank(50, 50))
        assert text == "50 left accounts id=1 and 50 arrived in accounts id=2, and the row of transfers never came"

    def test_without_a_clean_run_one_sided_money_is_enough(self):
        assert (
            sentence(row_changes(bank(100, 0), bank(50, 0)), (), Claim.CLEAN)
            == "50 left accounts id=1 and arrived nowhere"
        )

    @pytest.mark.parametrize(
        ("old", "new", "amount"),
        [
            (100.0, 50.0, "50"),
            (99.99, 49.989999999999995, "50"),
            (0.3, 0.1, "0.2"),
            (Decimal("100.00"), Decimal("49.50"), "50.50"),
            ("100.00", "49.50", "50.50"),
            (10**17, 10**17 - 1, "1"),
        ],
    )
    def test_amounts_are_exact(self, old, new, amount):
        text = sentence(row_changes(bank(old, 0), bank(new, 0)), (), Claim.CLEAN)
        assert text == f"{amount} left accounts id=1 and arrived nowhere"

    def test_doubled(self):
        assert said(bank(100, 0), bank(50, 50), bank(0, 100), Claim.TWICE) == "100 left accounts id=1 instead of 50"

    def test_another_amount(self):
        text = said(bank(100, 0), bank(50, 0), bank(70, 0))
        assert text == "balance of accounts id=1 is 70; after the clean run it is 50"


class TestRows:
    def expenses(self, *amounts):
        return state(expenses=table("id who amount", [(n, "ann", amount) for n, amount in enumerate(amounts, 1)]))

    def test_one_of_two_rows(self):
        clean = self.expenses(Decimal("-50.00"), Decimal("50.00"))
        text = said(self.expenses(), clean, self.expenses(Decimal("-50.00")))
        assert text == "expenses: 1 of 2 rows was written (amount -50.00), and the other never came"

    def test_two_of_five_rows(self):
        text = said(self.expenses(), self.expenses(1, 2, 3, 4, 5), self.expenses(1, 2))
        assert text == "expenses: 2 of 5 rows were written, and the other 3 never came"

    def test_too_many_rows(self):
        text = said(self.expenses(), self.expenses(5), self.expenses(5, 5), Claim.TWICE)
        assert text == "2 rows of expenses were added instead of 1"

    def test_false_failure(self):
        text = said(self.expenses(), self.expenses(5), self.expenses(5), Claim.FAILED)
        assert text == "1 row of expenses was added (amount 5) although the operation failed"

    def test_not_refused(self):
        text = said(self.expenses(), self.expenses(), self.expenses(5), Claim.REFUSED)
        assert text == "1 row of expenses was added (amount 5) although the operation should have been refused"

    def test_false_success(self):
        text = said(self.expenses(), self.expenses(5, 6), self.expenses(), Claim.SUCCEEDED)
        assert text == (
            "no row was changed although the operation said it succeeded; the clean run writes 2 rows of expenses"
        )

    def test_removed_rows(self):
        text = said(self.expenses(1, 2), self.expenses(), self.expenses(1))
        assert text == "1 row of expenses was removed (amount 2), and expenses id=1 was not removed"

    def test_rows_that_the_clean_run_does_not_write(self):
        text = said(bank(1, 1), bank(1, 1, 5), bank(1, 1, 5, 6))
        assert text == "1 row of transfers was added (amount 6), which the clean run does not do"

    def test_as_many_rows_but_other_ones(self):
        text = said(self.expenses(), self.expenses(5), self.expenses(6))
        assert text == "1 row of expenses was added (amount 6), but not as in the clean run"

    def test_the_rows_of_the_clean_run(self):
        """An effect took place too often, or not at all."""
        text = said(self.expenses(), self.expenses(5), self.expenses(5))
        assert text == "1 row of expenses was added (amount 5), as in the clean run"

    def test_many_changes_are_counted(self):
        before = state(t=table("id status", [(n, "new") for n in range(5)]))
        after = state(t=table("id status", [(n, "paid") for n in range(5)]))
        text = sentence(row_changes(before, after), (), Claim.FAILED)
        assert text == (
            "t id=0 changed (status new → paid) and t id=1 changed (status new → paid) and 3 more changes were made"
            " although the operation failed"
        )


class TestWork:
    """How many calls a comparison takes, of 100 rows and of 200."""

    def calls(self, rows, step, key):
        before, after = (state(t=table("id x", [(n, n // each) for n in range(rows)], key=key)) for each in (1, step))
        return calls_of(lambda: said(before, before, after))

    @pytest.mark.parametrize("step", [1, 2], ids=["as it was", "changed"])
    @pytest.mark.parametrize("key", ["id", ""], ids=["a key", "no key"])
    def test_it_grows_with_the_rows(self, step, key):
        assert self.calls(200, step, key) < 2.2 * self.calls(100, step, key)


class TestStock:
    def flight(self, seats, *bookings):
        return state(
            flights=table("code seats_left", [("AC1", seats)], key="code"),
            bookings=table("id code", [(n, code) for n, code in enumerate(bookings, 1)]),
        )

    def test_a_seat_without_booking(self):
        text = said(self.flight(3), self.flight(2, "AC1"), self.flight(2))
        assert text == "1 of seats_left left flights code=AC1, and the row of bookings never came"

    def test_a_booking_without_seat(self):
        text = said(self.flight(3), self.flight(2, "AC1"), self.flight(3, "AC1"))
        assert text == "1 row of bookings was added, and flights code=AC1 stayed as it was"


@pytest.mark.parametrize("column", ["paid_at", "price_id", "total_type", "accounted", "name"])
def test_names_that_are_neither_money_nor_stock(column):
    before, after = (state(t=table(f"id {column}", [(1, value)])) for value in (5, 3))
    assert sentence(row_changes(before, after), (), Claim.CLEAN) == f"t id=1 changed ({column} 5 → 3)"
