"""What recovery of a two-phase commit carries out, and what it leaves alone."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import create_engine, delete, select, text
from sqlalchemy.exc import DBAPIError

from acidity.errors import UsageError
from acidity.run import (
    recover_two_phase,
    tables,
    two_phase,
)
from acidity.run.twophase import course
from acidity.run.twophase.decision import identify, identity_of
from acidity.run.twophase.gid import Gid
from acidity.run.twophase.prepared import finish, prepared_in
from tests.run.twophase.conftest import schema, there
from tests.run.twophase.faults import is_there
from tests.run.twophase.programs import write


@pytest.fixture
def prepared(one_kind: Any, number: int) -> Iterator[Any]:
    """A branch that somebody left prepared."""

    def prepare(gid: str) -> None:
        with one_kind["stock"].connect() as connection:
            transaction = connection.begin_twophase(gid)
            connection.execute(text("INSERT INTO work VALUES (:id)"), {"id": number})
            transaction.prepare()
            connection.invalidate()

    yield SimpleNamespace(prepare=prepare, number=number)
    with one_kind["stock"].connect() as connection:
        left = connection.execute(
            text("SELECT gid FROM pg_prepared_xacts WHERE database = current_database()")
        ).scalars()
        names = list(left)
    with one_kind["stock"].connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for name in names:
            connection.exec_driver_sql(f"ROLLBACK PREPARED '{name}'")


@pytest.mark.parametrize("gid", [str(Gid("f" * 12, "0" * 32, 1)), "_sa_0", "acidity_1"])
def test_branches_of_others(one_kind: Any, prepared: Any, gid: str) -> None:
    prepared.prepare(gid)
    assert recover_two_phase(**one_kind) == []
    with one_kind["stock"].connect() as connection:
        assert gid in connection.scalars(text("SELECT gid FROM pg_prepared_xacts")).all()


@pytest.mark.parametrize("decided", [False, True])
def test_in_any_order_and_once(one_kind: Any, prepared: Any, *, decided: bool) -> None:
    gid = Gid(identify(one_kind["orders"]), f"{prepared.number:032x}", 1)
    if decided:
        with one_kind["orders"].begin() as connection:
            connection.execute(tables.decision.insert().values(id=gid.decision, participants='["stock"]'))
    prepared.prepare(str(gid))
    (found,) = recover_two_phase(stock=one_kind["stock"], orders=one_kind["orders"])
    assert (found.database, found.gid, found.outcome) == ("stock", str(gid), "committed" if decided else "rolled back")
    assert is_there(one_kind["stock"], prepared.number) is decided
    assert recover_two_phase(**one_kind) == []
    assert finish(one_kind["stock"], gid, commit=True)


def test_each_database_can_decide(one_kind: Any, number: int) -> None:
    """The log that counts is that of the branch's own coordinator."""
    with one_kind["orders"].connect() as connection:
        gid = Gid(identify(one_kind["stock"]), f"{number:032x}", 1)
        transaction = connection.begin_twophase(str(gid))
        write(connection, number)
        transaction.prepare()
        connection.invalidate()
    with one_kind["stock"].begin() as connection:
        connection.execute(tables.decision.insert().values(id=gid.decision, participants='["orders"]'))
    assert [each.outcome for each in recover_two_phase(**one_kind)] == ["committed"]
    assert is_there(one_kind["orders"], number)
    with one_kind["stock"].begin() as connection:
        connection.execute(delete(tables.coordinator))


def test_a_database_that_is_away_does_not_keep_the_others(one_kind: Any, prepared: Any) -> None:
    gid = Gid(identify(one_kind["orders"]), f"{prepared.number:032x}", 1)
    prepared.prepare(str(gid))
    away = create_engine("postgresql+psycopg://nobody:x@127.0.0.1:1/nowhere")
    with pytest.raises(DBAPIError):
        recover_two_phase(more=away, **one_kind)
    with one_kind["stock"].connect() as connection:
        assert gid not in prepared_in(connection)


def test_decisions_are_forgotten_when_all_have_carried_them_out(one_kind: Any, number: int) -> None:
    def decisions() -> int:
        with one_kind["orders"].connect() as connection:
            return len(connection.execute(select(tables.decision)).all())

    with one_kind["orders"].begin() as connection:
        connection.execute(delete(tables.decision))
    with two_phase(**one_kind) as sessions:
        write(sessions["stock"], number)
    recover_two_phase(**one_kind)
    recover_two_phase(orders=one_kind["orders"], forget_after=timedelta(seconds=-9))
    assert decisions() == 1
    recover_two_phase(**one_kind, forget_after=timedelta(seconds=-9))
    assert decisions() == 0


def test_a_branch_that_cannot_be_told_is_left_to_recovery(
    one_kind: Any, number: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def away(*_: Any, **__: Any) -> bool:
        raise OSError("the database is away")

    monkeypatch.setattr(course, "finish", away)
    monkeypatch.setattr("acidity.run.twophase.branch.Branch.commit", away)
    with caplog.at_level(logging.WARNING, "acidity.run"), two_phase(**one_kind) as sessions:
        for session in sessions.values():
            write(session, number)
    assert "recover_two_phase" in caplog.text
    assert there(one_kind, number) == [True, False]
    monkeypatch.undo()
    assert [each.outcome for each in recover_two_phase(**one_kind)] == ["committed"]
    assert there(one_kind, number) == [True, True]


def test_one_identity(tmp_path: Any) -> None:
    file = create_engine(f"sqlite:///{tmp_path}/a.db")
    assert identity_of(file) is None
    with pytest.raises(UsageError, match="decision log"):
        identify(file)
    schema(file)
    assert identity_of(file) is None
    assert identify(file) == identify(file) == identity_of(file)
    file.dispose()
