"""What is masked, and what never is."""

import itertools
import json
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import UUID, uuid4

import pytest

from acidity.analysis.canonical import canonical, same
from acidity.analysis.masks import Masks, NotDeterministic, learn
from acidity.analysis.values import is_whole_second
from acidity.errors import UsageError
from tests.unit.states import SHOP_HISTORY, history, shop, state, table


def notes(*rows, columns="id text"):
    return state(notes=table(columns, rows))


def learnt(before, one, two, *texts, defaulted=(), ignore=()):
    return learn(before, [one, two], history(*texts, defaulted=defaulted), ignore)


class TestKeys:
    def test_a_key_that_no_insert_names_is_masked_and_so_are_its_foreign_keys(self):
        clean = shop(orders=[(2, 1, 5)], items=[(2, 2, "cup")])
        masks = learn(shop(), [clean, clean], SHOP_HISTORY)
        assert masks.keys == {("orders", "id"), ("items", "id"), ("items", "order_id")}
        assert not masks.tokens | masks.times | masks.ignored | masks.documents

    def test_a_key_computed_by_the_application_is_not(self):
        clean = shop(accounts=[(1, "ann", 100), (2, "bob", 0), (3, "eve", 0)])
        masks = learn(shop(), [clean, clean], SHOP_HISTORY)
        other = shop(accounts=[(1, "ann", 100), (2, "bob", 0), (4, "eve", 0)])
        assert ("accounts", "id") not in masks.keys
        assert not same(clean, other, shop(), masks)

    @pytest.mark.parametrize("fetch", ["SELECT nextval('s')", "select next value for s", "SELECT NEXTVAL(s)"])
    def test_a_key_that_the_application_has_from_a_sequence_is(self, fetch):
        clean = notes((7, "a"), (8, "b"))
        fetched, written = history(fetch, "INSERT INTO notes VALUES (?, ?)")
        for rows, keys in (
            ([(7,), (8,)], {("notes", "id")}),
            ([(7,)], set()),
            ([], set()),
            (None, set()),
        ):
            answered = replace(fetched, reply=replace(fetched.reply, rows=rows))
            assert learn(notes(), [clean, clean], (answered, written)).keys == keys
        asked = replace(
            fetched, call=replace(fetched.call, sql="SELECT 7"), reply=replace(fetched.reply, rows=[(7,), (8,)])
        )
        assert not learn(notes(), [clean, clean], (asked, written)).keys

    @pytest.mark.parametrize(
        "sql",
        [
            "INSERT INTO notes (text) VALUES (?)",
            "INSERT INTO notes (text) VALUES (%s)",
            "INSERT INTO notes (text) VALUES (%(text)s) RETURNING notes.id",
            'insert or ignore into main."notes" ("text") values (:text)',
            "INSERT INTO `notes` SET text = %s",
            "REPLACE INTO notes (text) SELECT text FROM other",
            "INSERT INTO notes DEFAULT VALUES",
            "INSERT INTO notes VALUES (NULL, 'a')",
            "INSERT INTO notes (id, text) VALUES (nextval('notes_id_seq'), ?), (DEFAULT, ?)",
            "INSERT INTO notes (text) VALUES (?1, @x, $y)",
            "WITH t AS (SELECT 1) INSERT INTO notes (text) SELECT * FROM t",
            "/* by hand */ INSERT INTO Notes (TEXT) VALUES (?)",
        ],
    )
    def test_texts_that_leave_the_key_to_the_database(self, sql):
        clean = notes((1, "a"))
        assert learnt(notes(), clean, clean, sql).keys == {("notes", "id")}

    @pytest.mark.parametrize(
        "sql",
        [
            "INSERT INTO notes (id, text) VALUES (?, ?)",
            "INSERT INTO notes VALUES (?, ?)",
            "INSERT INTO notes (id, text) SELECT max(id) + 1, ? FROM notes",
            "INSERT INTO notes (id, text) VALUES ((SELECT max(id) + 1 FROM notes), 'x')",
            "REPLACE INTO notes (id, text) VALUES (%s, %s)",
            "INSERT INTO notes (id, text) VALUES (DEFAULT, ?), (?, ?)",
            'INSERT INTO notes ("id", [text]) VALUES (?1, @x)',
            "MERGE INTO notes USING s ON notes.id = s.id WHEN NOT MATCHED THEN INSERT (id, text) VALUES (s.id, s.t)",
        ],
    )
    def test_texts_that_supply_the_key(self, sql):
        clean = notes((1, "a"))
        assert not learnt(notes(), clean, clean, sql).keys

    def test_a_callable_default_makes_the_key(self):
        sql = "INSERT INTO notes (id, text) VALUES (?, ?)"
        one, two = notes((uuid4().hex, "a")), notes((uuid4().hex, "a"))
        assert learnt(notes(), one, two, sql, defaulted=["id"]).keys == {("notes", "id")}

    def test_keys_that_only_sometimes_look_like_tokens_are_keys_always(self):
        sql = "INSERT INTO notes (id, text) VALUES (?, ?)"
        one, two = notes(("abcdefghijklmnop", "a")), notes(("a1b2c3d4e5f6g7h8", "a"))
        assert same(one, two, notes(), learnt(notes(), one, two, sql, defaulted=["id"]))

    def test_of_a_key_of_several_columns_at_most_one_is_generated(self):
        before = state(objects=table("type name", [], key="type name"), parts=table("id at", [], key="id at"))
        clean = state(
            objects=table("type name", [("index", "a")], key="type name"),
            parts=table("id at", [(1, "2026-11-21 22:17:56")], key="id at"),
        )
        masks = learn(before, [clean, clean], ())
        assert masks == Masks(keys=frozenset({("parts", "id")}), times=frozenset({("parts", "at")}))

    def test_one_insert_that_supplies_the_key_is_enough(self):
        clean = notes((1, "a"), (2, "b"))
        texts = ("INSERT INTO notes (text) VALUES (?)", "INSERT INTO notes (id, text) VALUES (?, ?)")
        assert not learnt(notes(), clean, clean, *texts).keys

    def test_references_are_followed_through_tables_that_share_a_key(self):
        before = state(
            party=table("id", []),
            person=table("id", [], references={"id": ("party", "id")}),
            badge=table("person_id", [], key="person_id", references={"person_id": ("person", "id")}),
        )
        masks = learn(
            before, [before, before], history("INSERT INTO party DEFAULT VALUES", "INSERT INTO person (id) VALUES (?)")
        )
        assert masks.keys == {("party", "id"), ("person", "id"), ("badge", "person_id")}

    def test_a_foreign_key_to_a_key_of_the_application_is_not_masked_even_when_a_trigger_writes_it(self):
        before = state(users=table("id", []), profiles=table("user_id", [], "user_id", {"user_id": ("users", "id")}))
        masks = learn(before, [before, before], history("INSERT INTO users (id) VALUES (?)"))
        assert not masks.keys


class TestTimes:
    SQL = "INSERT INTO notes (text) VALUES (?)"
    COLUMNS = "id text at"

    def test_a_server_default_of_whole_seconds_is_masked_though_both_runs_agree(self):
        before = notes((1, "old", "2026-11-21 22:17:56"), columns=self.COLUMNS)
        run = notes((1, "old", "2026-11-21 22:17:56"), (2, "new", "2026-11-21 22:17:56"), columns=self.COLUMNS)
        later = notes((1, "old", "2026-11-21 22:17:56"), (2, "new", "2026-11-21 22:17:57"), columns=self.COLUMNS)
        masks = learnt(before, run, run, self.SQL)
        assert masks.times == {("notes", "at")}
        assert same(run, later, before, masks)

    def test_empty_kept_and_new_are_three_things(self):
        before = notes((1, "a", "2020-01-01 00:00:00"), columns=self.COLUMNS)
        ends = [
            notes((1, "b", at), columns=self.COLUMNS) for at in (None, "2020-01-01 00:00:00", "2026-11-21 22:17:56")
        ]
        masks = Masks(times=frozenset({("notes", "at")}))
        assert len({canonical(end, before, masks) for end in ends}) == 3

    def test_now_made_in_python_is_masked_when_the_runs_differ(self):
        sql = "INSERT INTO notes (id, text, at) VALUES (?, ?, ?)"
        one, two = (notes((1, "a", datetime.now(UTC)), columns=self.COLUMNS) for _ in range(2))
        assert learnt(notes(columns=self.COLUMNS), one, two, sql).times == {("notes", "at")}

    @pytest.mark.parametrize("value", [date(2026, 12, 24), "2026-12-24", datetime(2026, 12, 24, 18, tzinfo=UTC)])
    def test_a_date_given_by_the_application_is_compared(self, value):
        sql = "UPDATE notes SET text = ?, at = ? WHERE id = ?"
        before = notes((1, "a", None), columns=self.COLUMNS)
        clean = notes((1, "a", value), columns=self.COLUMNS)
        assert not learnt(before, clean, clean, sql).times

    @pytest.mark.parametrize(
        "made", ["CURRENT_TIMESTAMP", "now()", "datetime('now')", "strftime('%Y-%m-%d %H:%M:%S', 'now')"]
    )
    @pytest.mark.parametrize(
        "sql", ["UPDATE notes SET text = ?, at = {}", "INSERT INTO notes (id, text, at) VALUES (?, ?, {})"]
    )
    def test_the_clock_of_the_database_is_not_the_application(self, sql, made):
        clean = notes((1, "b", "2026-11-21 22:17:56"), columns=self.COLUMNS)
        before = notes((1, "a", "2020-01-01 00:00:00"), columns=self.COLUMNS)
        assert learnt(before, clean, clean, sql.format(made)).times == {("notes", "at")}

    def test_a_callable_default_of_an_update_is_masked(self):
        clean = notes((1, "b", "2026-11-21T22:17:56.123456+00:00"), columns=self.COLUMNS)
        before = notes((1, "a", None), columns=self.COLUMNS)
        sql = "UPDATE notes SET text=?, at=? WHERE notes.id = ?"
        assert learnt(before, clean, clean, sql, defaulted=["at"]).times == {("notes", "at")}

    def test_a_server_default_in_seconds_since_1970_is_a_time(self):
        one, two = (notes((1, "a", at), columns=self.COLUMNS) for at in (1_795_000_000, 1_795_000_001))
        assert learnt(notes(columns=self.COLUMNS), one, two, self.SQL).times == {("notes", "at")}

    def test_so_is_one_that_the_application_computes_unless_it_is_a_key(self):
        sql = "INSERT INTO notes (id, text, at) VALUES (?, ?, ?)"
        one, two = (notes((1, "a", at), columns=self.COLUMNS) for at in (1_795_000_300, 1_795_000_301))
        assert learnt(notes(columns=self.COLUMNS), one, two, sql).times == {("notes", "at")}
        one, two = (notes((key, "a", None), columns=self.COLUMNS) for key in (1_795_000_300, 1_795_000_301))
        with pytest.raises(NotDeterministic, match=r"notes\.id"):
            learnt(notes(columns=self.COLUMNS), one, two, sql)
        one, two = (notes((1, "a", amount), columns=self.COLUMNS) for amount in (300, 301))
        with pytest.raises(NotDeterministic, match=r"notes\.at"):
            learnt(notes(columns=self.COLUMNS), one, two, sql)

    @pytest.mark.parametrize(
        ("value", "whole"),
        [
            ("2026-11-21 22:17:56", True),
            ("2026-11-21T22:17:56Z", True),
            ("2026-11-21 22:17:56.123456", False),
            (datetime(2026, 11, 21, 22, 17, 56, tzinfo=UTC), True),
            (datetime(2026, 11, 21, 22, 17, 56, 1, tzinfo=UTC), False),
            (1_795_000_000, True),
            (1_795_000_000.25, False),
            ("2026-11-21", False),
            (date(2026, 11, 21), False),
            (5, False),
        ],
    )
    def test_times_that_two_runs_in_one_second_may_share(self, value, whole):
        assert is_whole_second(value) is whole


class TestTokens:
    SQL = "INSERT INTO notes (id, text) VALUES (?, ?)"

    @pytest.mark.parametrize(
        ("one", "two"),
        [
            (UUID(int=1), UUID(int=2)),
            (str(UUID(int=1)), str(UUID(int=2))),
            (UUID(int=1).hex, UUID(int=2).hex),
            (UUID(int=1).bytes, UUID(int=2).bytes),
            ("9f86d081884c7d65", "60303ae22b998861"),
            ("Zm9vYmFyIGJhegoxMjM0NQ==", "cXV4IHF1dXggMTIzNDU2Nzg="),
            ("aGkdRtYuIoPqWeRtZ_-x", "QwErTyUiOpAsDfGhJkLz"),
        ],
    )
    def test_random_values_are_masked_wherever_the_application_made_them(self, one, two):
        assert learnt(notes(), notes((1, one)), notes((1, two)), self.SQL).tokens == {("notes", "text")}

    @pytest.mark.parametrize(
        ("one", "two"),
        [
            (10, 20),
            ("50.00", "60.00"),
            ("card-was-declined", "insufficient-funds"),
            ("a sentence of sixteen1", "a sentence of sixteen2"),
            ("InsufficientFunds", "CardDeclinedHere"),
            (None, "9f86d081884c7d65"),
        ],
    )
    def test_other_differences_make_the_operation_not_deterministic(self, one, two):
        with pytest.raises(NotDeterministic, match=r"notes") as caught:
            learnt(notes(), notes((1, one)), notes((1, two)), self.SQL)
        assert caught.value.columns in {(("notes", "text"),), ()}

    def test_the_message_names_the_column_and_both_values(self):
        with pytest.raises(NotDeterministic) as caught:
            learnt(notes(), notes((1, 17)), notes((1, 42)), self.SQL)
        assert "notes.text (17 after one run, 42 after another)" in str(caught.value)
        assert caught.value.columns == (("notes", "text"),)

    def test_a_random_amount_is_never_masked(self):
        sql = "INSERT INTO notes (text) VALUES (?)"
        with pytest.raises(NotDeterministic):
            learnt(notes(), notes((1, Decimal("50.01"))), notes((1, Decimal("12.75"))), sql)

    def test_a_number_made_by_the_database_is_masked_when_it_differs(self):
        sql = "INSERT INTO notes (id) VALUES (?)"
        assert learnt(notes(), notes((1, 7)), notes((1, 9)), sql).tokens == {("notes", "text")}

    def test_a_key_made_with_uuid4_in_python_is_a_token_and_its_foreign_keys_too(self):
        def run():
            key = uuid4()
            return state(
                carts=table("id", [(key,)]),
                lines=table("cart_id n", [(key, 1)], "cart_id n", {"cart_id": ("carts", "id")}),
                gifts=table("id cart_id", [], references={"cart_id": ("carts", "id")}),
            )

        texts = ("INSERT INTO carts (id) VALUES (?)", "INSERT INTO lines (cart_id, n) VALUES (?, ?)")
        before = state(carts=table("id", []), lines=table("cart_id n", []), gifts=table("id cart_id", []))
        masks = learn(before, [run(), run(), run()], history(*texts))
        assert masks.tokens == {("carts", "id"), ("lines", "cart_id"), ("gifts", "cart_id")}
        assert masks.keys == {("gifts", "id")}

    def test_a_token_of_the_seed_that_is_only_copied_is_compared(self):
        seed = notes((1, UUID(int=1).hex), (2, UUID(int=2).hex))
        one = notes((1, UUID(int=1).hex), (2, UUID(int=2).hex), (3, UUID(int=1).hex))
        two = notes((1, UUID(int=1).hex), (2, UUID(int=2).hex), (3, UUID(int=2).hex))
        with pytest.raises(NotDeterministic):
            learnt(seed, one, two, self.SQL)


class TestDeterminism:
    def test_different_numbers_of_rows(self):
        with pytest.raises(NotDeterministic, match="notes has 1 after one and 2 after another"):
            learnt(notes(), notes((1, "a")), notes((1, "a"), (2, "a")))

    def test_different_schemas(self):
        with pytest.raises(NotDeterministic, match="table extra"):
            learnt(notes(), notes(), state(notes=table("id text", []), extra=table("id", [])))

    def test_the_same_values_combined_differently(self):
        before = state(
            notes=table("id text", []), tags=table("id note_id name", [], references={"note_id": ("notes", "id")})
        )
        ends = [
            state(
                notes=table("id text", [(1, "a"), (2, "b")]),
                tags=table("id note_id name", [(1, note, "x")], references={"note_id": ("notes", "id")}),
            )
            for note in (1, 2)
        ]
        with pytest.raises(NotDeterministic, match=r"combine them differently.*tags\.note_id"):
            learn(
                before,
                ends,
                history("INSERT INTO notes (text) VALUES (?)", "INSERT INTO tags (note_id, name) VALUES (?, ?)"),
            )

    def test_a_time_that_one_run_keeps_is_named_alone(self):
        kept, new = "2026-01-02 03:04:05", "2026-01-02 03:04:06"
        before, one, other = (
            state(notes=table("id until text", [(1, until, text)]))
            for until, text in ((kept, "a"), (kept, "b"), (new, "b"))
        )
        with pytest.raises(
            NotDeterministic, match=r"numbers of new values: notes\.until \(0 after one run, 1 after"
        ) as no:
            learn(before, [one, other], history("UPDATE notes SET until = ?, text = ? WHERE id = ?"))
        assert "notes.text" not in str(no.value)

    def test_a_third_run_counts_as_well(self):
        with pytest.raises(NotDeterministic, match=r"notes\.text \('a' after one run, 'b' after another\)"):
            learn(notes(), [notes((1, "a")), notes((1, "a")), notes((1, "b"))], history(TestTokens.SQL))


class TestIgnore:
    def test_an_ignored_column_may_differ(self):
        masks = learnt(notes(), notes((1, "a")), notes((1, "b")), ignore=["notes.text"])
        assert masks.ignored == {("notes", "text")}
        assert same(notes((1, "a")), notes((1, "z")), notes(), masks)

    def test_an_ignored_key_still_masks_its_foreign_keys(self):
        clean = shop(orders=[(2, 1, 5)], items=[(2, 2, "cup")])
        masks = learn(shop(), [clean, clean], SHOP_HISTORY, ["orders.id"])
        assert same(clean, shop(orders=[(7, 1, 5)], items=[(2, 7, "cup")]), shop(), masks)

    def test_a_whole_table_is_not_even_counted(self):
        before = state(notes=table("id text", []), log=table("id text", []))
        one = state(notes=table("id text", [(1, "a")]), log=table("id text", []))
        two = state(notes=table("id text", [(1, "a")]), log=table("id text", [(1, "b"), (2, "c")]))
        masks = learnt(before, one, two, "INSERT INTO notes (id, text) VALUES (1, 'a')", ignore=["log.*"])
        assert (masks.tables, masks.ignored) == ({"log"}, {("log", "id"), ("log", "text")})
        assert masks.describe() == ("whole tables that are not compared, as asked: log",)
        assert same(one, two, before, masks)
        assert not same(one, before, before, masks)
        with pytest.raises(UsageError, match=r"'logs\.\*' is not a table; there are: log, notes"):
            learnt(before, one, two, ignore=["logs.*"])

    @pytest.mark.parametrize(
        ("name", "known"), [("notes.txt", "notes.id, notes.text"), ("note.text", "notes.id, notes.text")]
    )
    def test_an_unknown_name_is_the_callers_mistake(self, name, known):
        with pytest.raises(UsageError, match=f"{name}.*{known}"):
            learnt(notes(), notes(), notes(), ignore=[name])


def test_masks_describe_themselves_in_the_same_order_always():
    columns = [("b", "y"), ("a", "z"), ("a", "x")]
    for order in itertools.permutations(columns):
        assert Masks(keys=frozenset(order), ignored=frozenset({("c", "c")})).describe() == (
            "new keys made by the database are compared up to renaming: a.x, a.z, b.y",
            "not compared, as asked: c.c",
        )
    assert Masks().describe() == ()


class TestInUse:
    """Nobody is told of a mask behind which nothing is."""

    HISTORY = history("UPDATE accounts SET balance = 5 WHERE id = 1", "INSERT INTO orders (account_id) VALUES (1)")

    def test_a_key_of_a_table_into_which_nobody_inserts_is_not_told(self):
        clean = shop(accounts=[(1, "ann", 5), (2, "bob", 0)])
        masks = learn(shop(), [clean, clean], self.HISTORY)
        assert ("accounts", "id") in masks.keys
        assert masks.in_use(shop(), [clean]).describe() == ()

    def test_a_new_key_is_told_with_what_refers_to_it_and_without_what_refers_to_an_old_one(self):
        clean = shop(orders=[(2, 1, 5)], items=[(2, 2, "cup")])
        masks = learn(shop(), [clean, clean], history(*(event.call.sql for event in SHOP_HISTORY[1:])))
        assert {("accounts", "id"), ("orders", "account_id")} <= masks.keys
        told = ("new keys made by the database are compared up to renaming: items.id, items.order_id, orders.id",)
        assert masks.in_use(shop(), [clean]).describe() == told


class TestDocuments:
    """JSON is compared inside: what a clock or chance made in it is masked by its path."""

    SQL = "INSERT INTO orders (id, payload) VALUES (?, ?)"
    BEFORE = (1, '{"id": "1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed", "at": "2026-01-01T10:00:00", "total": 5}')

    def orders(self, *payloads):
        rows = enumerate(payloads, 2)
        return state(orders=table("id payload", [self.BEFORE, *rows]))

    def learnt(self, *cleans, ignore=()):
        return learn(self.orders(), [self.orders(each) for each in cleans], history(self.SQL), ignore)

    def payload(self, number, second, total=5, sku="pen", *, parsed=False):
        found = {
            "id": str(UUID(int=number << 64)),
            "at": f"2026-11-21T10:00:{second:02}",
            "total": total,
            "items": [{"sku": sku, "token": f"{number:016x}"}],
        }
        return found if parsed else json.dumps(found)

    @pytest.mark.parametrize("parsed", [False, True], ids=["text", "parsed"])
    def test_a_uuid_and_a_time_are_masked_by_path(self, parsed):
        masks = self.learnt(self.payload(1, 1, parsed=parsed), self.payload(2, 2, parsed=parsed))
        assert masks.times == {("orders", "payload.$.at")}
        assert masks.tokens == {("orders", "payload.$.id"), ("orders", "payload.$.items[*].token")}
        assert masks.documents == {("orders", "payload")}
        assert "orders.payload.$.at" in "; ".join(masks.describe())

    def alike(self, masks, one, other):
        one, other = self.orders(one), self.orders(other)
        assert (canonical(one, self.orders(), masks) == canonical(other, self.orders(), masks)) is same(
            one, other, self.orders(), masks
        )
        return same(one, other, self.orders(), masks)

    def test_what_is_not_masked_in_it_still_counts(self):
        masks = self.learnt(self.payload(1, 1), self.payload(2, 2))
        assert self.alike(masks, self.payload(1, 1), self.payload(3, 3))
        assert not self.alike(masks, self.payload(1, 1), self.payload(3, 3, total=6))
        assert not self.alike(masks, self.payload(1, 1), self.payload(3, 3, sku="cup"))
        assert not self.alike(masks, self.payload(1, 1), '{"total": 5}')
        assert not self.alike(masks, self.payload(1, 1), "not JSON at all")

    @pytest.mark.parametrize("stored", [bytes, bytearray, memoryview])
    def test_bytes_are_looked_into_as_text_is(self, stored):
        """As a library keeps its documents in a BLOB; but that what was text is bytes now is a change."""

        def kept(*content, **more):
            return stored(self.payload(*content, **more).encode())

        masks = self.learnt(kept(1, 1), kept(2, 2))
        assert masks == self.learnt(self.payload(1, 1), self.payload(2, 2))
        assert self.alike(masks, kept(1, 1), kept(3, 3))
        assert not self.alike(masks, kept(1, 1), kept(3, 3, total=6))
        assert not self.alike(masks, kept(1, 1), self.payload(3, 3))
        assert not self.alike(masks, kept(1, 1), stored(b'{"total": \xff}'))
        ignoring = self.learnt(kept(1, 1, 5), kept(2, 2, 6), ignore=["orders.payload.$.total"])
        assert self.alike(ignoring, kept(1, 1, 5), kept(3, 3, 99))

    def test_one_token_in_two_places_stays_one(self):
        def twice(one, other):
            return json.dumps({"a": str(UUID(int=one << 64)), "b": str(UUID(int=other << 64))})

        masks = self.learnt(twice(1, 1), twice(2, 2))
        assert self.alike(masks, twice(1, 1), twice(3, 3))
        assert not self.alike(masks, twice(1, 1), twice(3, 4))

    def test_the_order_of_names_is_none(self):
        masks = self.learnt('{"a": 1, "b": 2}', '{"b": 2, "a": 1}')
        assert self.alike(masks, '{"a": 1, "b": 2}', '{ "b": 2, "a": 1 }')
        assert not self.alike(masks, '{"a": 1, "b": 2}', '{"a": 2, "b": 1}')

    def test_a_kept_time_is_not_a_new_one(self):
        masks = self.learnt(self.payload(1, 1), self.payload(2, 2))
        kept = state(orders=table("id payload", [self.BEFORE]))
        changed = self.BEFORE[1].replace("10:00:00", "11:11:11")
        other = state(orders=table("id payload", [(1, changed)]))
        assert not same(kept, other, self.orders(), masks)

    def test_what_differs_otherwise_is_named_with_path_values_and_what_to_write(self):
        with pytest.raises(NotDeterministic) as raised:
            self.learnt(self.payload(1, 1, total=5), self.payload(2, 2, total=6))
        assert "orders.payload.$.total (5 after one run, 6 after another)" in str(raised.value)
        assert "write ignore=['orders.payload.$.total']" in str(raised.value)

    def test_what_is_to_be_ignored_is_named_by_path(self):
        masks = self.learnt(self.payload(1, 1, 5), self.payload(2, 2, 6), ignore=["orders.payload.$.total"])
        assert self.alike(masks, self.payload(1, 1, 5), self.payload(3, 3, 99))
        assert not self.alike(masks, self.payload(1, 1, 5), self.payload(3, 3, 5, sku="cup"))

    def test_a_column_without_json_is_named_the_same_way(self):
        with pytest.raises(NotDeterministic, match=r"orders.payload \('a' after one run, 'b' .*\['orders.payload'\]"):
            self.learnt("a", "b")

    @pytest.mark.parametrize("name", ["orders.other.$.id", "orders.payload.$.items[0].id"])
    def test_a_path_that_cannot_be_meant_is_refused(self, name):
        with pytest.raises(UsageError, match=r"ignore="):
            self.learnt(self.payload(1, 1), self.payload(2, 2), ignore=[name])
