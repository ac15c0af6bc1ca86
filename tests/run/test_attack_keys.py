"""Keys, results and markers: the same in every process, back as they were, and never taken for what they are not (M, L)."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from contextlib import redirect_stdout
from datetime import timedelta
from enum import Enum, IntEnum, StrEnum
from io import StringIO
from typing import Any

import pytest
from sqlalchemy import String, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from acidity import atomic, lock, on_commit
from acidity.errors import UsageError
from acidity.run import AlreadyDone, CommitUnknown, NoTransaction, prune, tables
from acidity.run.fingerprint import exact_json, fingerprint_of
from acidity.run.marker import Marker
from tests.run.attacked import add_to, drivers, plain_and_async
from tests.run.bank import ALICE, BOB, Account

PLAIN, _ = plain_and_async(drivers())

FINGERPRINT = """
import dataclasses, enum
from acidity.run.fingerprint import fingerprint_of
class Color(enum.Enum): RED = 1; BLUE = 2
@dataclasses.dataclass(frozen=True)
class Order: tags: frozenset; color: Color
class Bag:
    def __init__(self): self.things = {"x", "y", "z"}
    def __repr__(self): return f"Bag({self.things})"
print(fingerprint_of("f", {
    "set": {"a", "b", "c", "d"}, "frozen": frozenset({("a", 1), ("b", 2)}), "enum": Color.RED,
    "data": Order(frozenset({"q", "r", "s"}), Color.BLUE), "nested": [{1: {"k", "l"}, (2, 3): {Color.RED, Color.BLUE}}],
    "object": Bag(),
}))
"""


@pytest.mark.dear
def test_m3_a_fingerprint_does_not_depend_on_the_process() -> None:
    other = subprocess.run(
        [sys.executable, "-c", FINGERPRINT],
        env=os.environ | {"PYTHONHASHSEED": "2" if os.environ.get("PYTHONHASHSEED") == "1" else "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    with redirect_stdout(StringIO()) as here:
        exec(FINGERPRINT, {"__name__": "__main__"})
    assert here.getvalue() == other.stdout != ""


class Color(Enum):
    RED = 1
    BLUE = 2


@dataclasses.dataclass
class Point:
    x: int
    tags: set[str]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({1, 2}, {1, 3}),
        (Color.RED, Color.BLUE),
        (Point(1, {"a"}), Point(1, {"b"})),
        ({(1, 2): 3}, {(1, 2): 4}),
        (frozenset(), frozenset({None})),
    ],
)
def test_m3_other_requests_have_other_fingerprints(one: Any, other: Any) -> None:
    assert fingerprint_of("f", {"x": one}) != fingerprint_of("f", {"x": other})


def test_m3_what_names_a_place_in_memory_is_refused() -> None:
    for wrong in (object(), {object()}, Point(object(), set()), [{1: object()}]):  # type: ignore[arg-type]
        with pytest.raises(UsageError, match="the same tomorrow"):
            fingerprint_of("f", {"x": wrong})


LONG = "ä" * 70_000


@pytest.mark.parametrize("driver", PLAIN)
def test_m4_a_long_result_comes_back(bank_of: Any, driver: str) -> None:
    bank = bank_of(driver)
    engine = bank.engine()

    @atomic(engine, idempotency_key="key")
    def unit(session: Any, key: str) -> str:
        add_to(session, BOB)
        return LONG

    assert unit("long") == unit("long") == LONG
    assert bank.rows() == (100, 10)
    engine.dispose()


def test_m4_a_column_of_an_earlier_version_does_not_cut_it(bank_of: Any) -> None:
    bank = bank_of("mariadb+pymysql")
    known = (
        "SELECT column_type FROM information_schema.columns WHERE table_schema = DATABASE() AND column_name = 'result'"
    )
    before = bank.ask(
        lambda connection: connection.execute(text(f"{known} AND table_name = 'acidity_marker'")).scalar()
    )
    bank.send("ALTER TABLE acidity_marker MODIFY result TEXT")
    bank.options = {"connect_args": {"sql_mode": ""}}
    engine = bank.engine()

    @atomic(engine, idempotency_key="key")
    def unit(session: Any, key: str) -> str:
        add_to(session, BOB)
        return LONG

    with pytest.raises(UsageError, match="LONGTEXT"):
        unit("long")
    assert bank.rows() == (100, 0)
    bank.send(f"ALTER TABLE acidity_marker MODIFY result {before}")
    engine.dispose()


class Word(StrEnum):
    YES = "yes"


class Number(IntEnum):
    ONE = 1


class Text(str):
    __slots__ = ()


@pytest.mark.parametrize(
    "result",
    [Word.YES, Number.ONE, [Word.YES], {"x": {"y": Number.ONE}}, (1, 2), {1: 2}, {1, 2}, float("nan"), Text("x")],
    ids=repr,
)
def test_m5_a_result_that_would_come_back_as_another_is_refused(database: Any, result: Any) -> None:
    @atomic(database, idempotency_key="key")
    def unit(session: Any, key: str) -> Any:
        add_to(session, BOB)
        return result

    for _ in range(2):
        with pytest.raises(UsageError, match="plain JSON"):
            unit("m5")


@pytest.mark.parametrize("result", [None, True, 1, 1.5, "\ud800", [], {"a": [1, {"b": None}]}, -0.0, 10**30])
def test_m5_every_other_comes_back_as_it_was(database: Any, result: Any) -> None:
    @atomic(database, idempotency_key="key")
    def unit(session: Any, key: str) -> Any:
        return result

    once, again = unit("m5"), unit("m5")
    assert repr(once) == repr(again) == repr(result)
    assert exact_json(result, "it")


@pytest.mark.parametrize("driver", PLAIN)
def test_m6_a_pruned_marker_is_unknown(bank_of: Any, driver: str) -> None:
    bank = bank_of(driver)
    engine = bank.engine()

    def committed() -> Marker:
        marker = Marker("m6", "", idempotent=True)
        with engine.begin() as connection:
            marker.insert(connection)
        return marker

    pruned = committed()
    assert pruned.committed(engine) is True
    never_sent = Marker("other")
    assert prune(engine, older_than=timedelta(0)) == 1
    assert pruned.committed(engine) is None
    assert never_sent.committed(engine) is None  # nobody can tell the two apart
    assert prune(engine, older_than=timedelta(days=1)) == 0
    later = Marker("later", began=tables.now() + timedelta(seconds=2))
    assert later.committed(engine) is False
    with engine.begin() as connection:
        Marker("m6", "", idempotent=True).insert(connection)
    assert pruned.committed(engine) is False  # of another attempt: its key is there, with another token
    engine.dispose()


def test_m6_a_unit_whose_marker_was_pruned_is_told_unknown(database: Any, monkeypatch: Any) -> None:
    """COMMIT is applied, its answer is lost, and the marker is pruned before anybody asks."""
    runs = []

    @atomic(database, resolve_commit=True, max_attempts=3)
    def unit(session: Any) -> None:
        runs.append(1)
        add_to(session, BOB)

    from acidity.run import course
    from acidity.run.unit import Unit

    really = Unit.commit

    def lose(self: Any) -> None:
        really(self)
        self.state = course.PARTIALLY_COMMITTED
        prune(database, older_than=timedelta(0))
        raise ConnectionResetError

    lose.shielded = True  # type: ignore[attr-defined]
    monkeypatch.setattr(Unit, "commit", lose)
    with pytest.raises(CommitUnknown):
        unit()
    assert runs == [1]


def test_m6_a_key_whose_marker_was_pruned_between_two_looks(database: Any, monkeypatch: Any) -> None:
    unit = atomic(database, idempotency_key="key")(lambda session, key: 1)
    assert unit("k") == 1
    monkeypatch.setattr(Marker, "find", lambda self, engine: None)
    with pytest.raises(AlreadyDone, match="pruned"):
        unit("k")


@pytest.mark.parametrize("key", ["", "\ud800", "a\0b"])
def test_l6_keys_that_no_database_keeps_are_refused(database: Any, key: str) -> None:
    with pytest.raises(UsageError, match="key"):
        atomic(database, idempotency_key="key")(lambda session, key: 1)(key)
    with pytest.raises(UsageError, match="key"), atomic(database, idempotency_key=key):
        pass


def test_l3_on_commit_inside_on_commit(database: Any) -> None:
    called: list[str] = []

    def first() -> None:
        called.append("first")
        on_commit(lambda: called.append("third"))
        with atomic(database):
            on_commit(lambda: called.append("of another unit"))

    with atomic(database):
        on_commit(first)
        on_commit(lambda: called.append("second"))
    assert called == ["first", "of another unit", "second", "third"]
    with pytest.raises(NoTransaction):
        on_commit(first)


class Base(DeclarativeBase):
    """Declarative base of a table whose key has two columns."""


class Seat(Base):
    __tablename__ = "attacked_seats"
    row: Mapped[str] = mapped_column(String(5), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)


@pytest.mark.parametrize("ids", [[[1, "x"]], [(1, 2)], [{}], [{1}], [((1,),)]])
def test_l4_keys_of_a_wrong_shape(database: Any, ids: Any) -> None:
    with atomic(database) as session, pytest.raises(UsageError, match="key of Account"):
        lock(session, Account, ids)


def test_l4_keys_of_two_columns_and_of_another_spelling(database: Any) -> None:
    Base.metadata.create_all(database)
    with atomic(database) as session:
        session.add_all([Seat(row="a", number=1), Seat(row="b", number=2)])
        for wrong in ([1], [("a",)], [("a", 1, 2)], ["a1"]):
            with pytest.raises(UsageError, match="2 column"):
                lock(session, Seat, wrong)
        session.flush()
        assert [each.number for each in lock(session, Seat, [["b", 2], ("a", 1)])] == [1, 2]
        with pytest.raises(LookupError, match="'z'"):
            lock(session, Seat, [("a", 1), ("z", 9)])
        if database.dialect.name == "mariadb":  # its collation takes both for one
            assert len(lock(session, Seat, [("a", 1), ("A", 1)])) == 1
        session.execute(text("DELETE FROM attacked_seats"))


def test_l4_a_key_in_a_tuple_or_alone(database: Any) -> None:
    with atomic(database) as session:
        assert [each.id for each in lock(session, Account, [(BOB,), ALICE, [BOB]])] == [ALICE, BOB]
