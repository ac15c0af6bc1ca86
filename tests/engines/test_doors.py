"""S2: no operation, set-up, invariant or recovery changes a row of another database; what cannot be seen is unknown."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress
from typing import Any

import pytest
from sqlalchemy.orm import Session

from acidity import prove
from acidity.core.report import Report
from acidity.errors import ForeignDatabase
from acidity.prove import Operation
from tests.engines import doors
from tests.engines.bank import bank, move, seed
from tests.engines.doors import ALL, DOORS, Foreign, Use, foreign

CELLS = [(door, db) for door, (dbs, _) in DOORS.items() for db in dbs]
FAULT = ("error-after",)
JUDGED = [
    (door, db)
    for door, db in CELLS
    if DOORS[door][1] == "refused"
    and door not in {doors.sqlite_attach, doors.pooled_raw_before, doors.sqlite_symbolic_link, doors.sqlite_hard_link}
]


@pytest.fixture(scope="module")
def foreigners() -> Iterator[dict[str, Foreign]]:
    with ExitStack() as stack:

        class Made(dict[str, Foreign]):
            def __missing__(self, db: str) -> Foreign:
                self[db] = stack.enter_context(foreign(db))
                return self[db]

        yield Made()


def named(value: Any) -> str | None:
    return getattr(value, "__name__", None)


def drilled(operation: Any, **options: Any) -> Report:
    return prove.drill(bank(operation, **options), faults=FAULT, remedies=False)


def transfer(session: Session) -> None:
    move(session)
    session.commit()


def through(use: Use) -> Callable[[Session], None]:
    """A right transfer that also tries the door, and swallows what comes of it."""

    def operation(session: Session) -> None:
        move(session)
        doors.own_path.set(str(session.get_bind().url.database))
        with suppress(Exception):
            use()
        session.commit()

    return operation


@pytest.mark.one_server
@pytest.mark.parametrize(("door", "db"), CELLS, ids=named)
@pytest.mark.one_in(2)
def test_s2_an_operation(foreigners: dict[str, Foreign], door: Callable[[Foreign], Use], db: str) -> None:
    one, answer = foreigners[db], DOORS[door][1]
    before = one.checksum()
    with one.stack:
        use = door(one)
        if answer == "unknown":
            report = drilled(through(use))
            assert report.verdict == "unknown"
            assert "another process was used" in report.unknowns[0]
        else:
            with pytest.raises(
                ForeignDatabase, match="open before the check" if "start" in answer else "did not create"
            ):
                drilled(through(use))
    assert one.checksum() == before


@pytest.mark.one_engine
@pytest.mark.parametrize(("door", "db"), JUDGED, ids=named)
@pytest.mark.parametrize("place", ["invariant", "setup", "recover"])
@pytest.mark.one_in(2)
def test_s2_an_invariant_a_setup_a_recovery(
    foreigners: dict[str, Foreign], door: Callable[[Foreign], Use], db: str, place: str
) -> None:
    one = foreigners[db]
    before = one.checksum()
    with one.stack:
        use = door(one)

        def swallowing(*_: Any) -> None:
            with suppress(Exception):
                use()

        def setup(session: Session) -> None:
            seed(session)
            swallowing()

        options: dict[str, Any] = {
            "invariant": {"invariants": [swallowing]},
            "setup": {"setup": setup},
            "recover": {"recover": swallowing, "commits": "several", "invariants": [bool]},
        }[place]
        with pytest.raises(ForeignDatabase, match="did not create"):
            pytest.fail(str(drilled(transfer, **options)))
    assert one.checksum() == before


def test_the_twin_what_is_open_and_not_used_stops_no_check(foreigners: dict[str, Foreign]) -> None:
    with ExitStack() as stack:
        for db in ALL:
            one = foreigners[db]
            stack.enter_context(one.stack)
            doors.driver_connection_before(one)
            doors.begun_session(one)
        assert drilled(transfer).verdict == "pass"


def test_the_twin_a_connection_that_was_held_back_works_again(foreigners: dict[str, Foreign]) -> None:
    one = foreigners["sqlite"]
    with one.stack:
        use = doors.driver_connection_before(one)
        with pytest.raises(ForeignDatabase):
            drilled(through(use))
        before = one.checksum()
        use()
    assert one.checksum() != before


def test_s2_a_blob_that_is_opened_inside_writes_nothing(foreigners: dict[str, Foreign]) -> None:
    with closing(foreigners["sqlite"].connect()) as connection:
        connection.execute("CREATE TABLE one_blob (b)")
        connection.execute("INSERT INTO one_blob VALUES (x'00')")
        connection.commit()

        def use() -> None:
            with connection.blobopen("one_blob", "b", 1) as blob:
                blob[0] = 1

        drilled(through(use))
        assert connection.execute("SELECT b FROM one_blob").fetchall() == [(b"\0",)]
        use()  # it is as it was
        blob = connection.blobopen("one_blob", "b", 1)
        blob.close()
        assert drilled(transfer).verdict == "pass"  # one that is closed stops no check
        assert connection.execute("SELECT b FROM one_blob").fetchall() == [(b"\1",)]


def test_the_twin_a_look_at_the_name_of_the_machine_starts_no_process_of_the_program() -> None:
    import platform

    def named_transfer(session: Session) -> None:
        platform.uname.__globals__["_uname_cache"] = None
        platform.uname().processor  # noqa: B018 - it runs a program
        transfer(session)

    assert drilled(Operation(named_transfer)).verdict == "pass"


def test_the_docs_have_the_same_table() -> None:
    expected = {
        door.__name__: tuple(
            answer if db in dbs or answer == "unknown" else "–" for db in ("sqlite", "postgresql", "mariadb")
        )
        for door, (dbs, answer) in DOORS.items()
    }
    assert doors.said_in_docs() == expected
