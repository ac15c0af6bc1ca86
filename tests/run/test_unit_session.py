"""The session and the connection of a unit: of the user's own classes, one of each, and what passes them unseen."""
# ruff: noqa: PT012 - a unit of work is a block, and what it refuses is in it

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress
from typing import Any

import pytest
from sqlalchemy import create_engine, event, select, text, update
from sqlalchemy.engine import Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session, sessionmaker

from acidity import atomic, savepoint
from acidity.errors import UsageError
from acidity.run import BoundaryError, SharedUnit, UnitPoisoned, context
from tests.run.bank import Account, balances, move

ASKED = text("SELECT 1")


class Told(Session):
    """A session of the user's own, which tells of its COMMITs."""

    def commit(self) -> None:
        super().commit()
        self.info["told"].append("committed")


class Maker(sessionmaker[Session]):
    """One that makes its sessions in its own way."""

    def __call__(self, **local_kw: Any) -> Session:
        made = super().__call__(**local_kw)
        made.info["told"].append("made")
        return made


@pytest.mark.parametrize(("kind", "made"), [(sessionmaker, []), (Maker, ["made"])])
def test_a_session_of_the_users_own(database: Engine, kind: Any, made: list[str]) -> None:
    told: list[str] = []
    maker = kind(database, class_=Told, info={"told": told})
    with atomic(maker) as session:
        assert isinstance(session, Told)
        move(session, 1)
    assert told == [*made, "committed"]
    event.listen(maker, "before_commit", lambda session: session.info["told"].append("heard"))
    told.clear()
    atomic(maker)(move)(2)
    assert told == [*made, "heard", "committed"]
    assert balances(database) == (97, 3)


def test_a_statement_that_is_known_is_not_let_through_for_that(database: Engine) -> None:
    with atomic(database) as session:
        session.execute(ASKED)
    with pytest.raises(UnitPoisoned, match="nothing more is sent"), atomic(database) as session:
        with suppress(BoundaryError):
            session.commit()
        session.execute(ASKED)
    refused: list[BaseException] = []

    def elsewhere(session: Session) -> None:
        try:
            session.execute(ASKED)
        except SharedUnit as error:
            refused.append(error)

    with atomic(database) as session:
        thread = threading.Thread(target=elsewhere, args=[session])
        thread.start()
        thread.join()

        async def task() -> None:
            elsewhere(session)

        asyncio.run(task())
    assert len(refused) == 2


def test_an_error_that_only_the_driver_knows(database: Engine) -> None:
    """PostgreSQL answers the COMMIT after it with success, and rolls back."""

    @atomic(database)
    def unit(session: Session) -> None:
        move(session, 10)
        cursor = session.connection().connection.cursor()
        with suppress(Exception):
            cursor.execute("SELECT nothing FROM nowhere")
        cursor.close()

    if database.dialect.name == "postgresql":
        with pytest.raises(UnitPoisoned, match="aborted"):
            unit()
        assert balances(database) == (100, 0)
    else:
        unit()
        assert balances(database) == (90, 10)


@pytest.mark.parametrize("with_marker", [False, True])
def test_transitions_are_logged(database: Engine, caplog: pytest.LogCaptureFixture, *, with_marker: bool) -> None:
    with caplog.at_level("DEBUG", "acidity.run"), atomic(database, resolve_commit=with_marker) as session:
        session.execute(text("SELECT 1"))
    told = [record.getMessage().partition(": ")[2] for record in caplog.records]
    assert told == ["active -> partially committed", "partially committed -> committed"]


def test_a_driver_that_was_closed_behind_the_unit(database: Engine) -> None:
    """It can say nothing about its transaction, and the server has rolled back."""
    units: list[Any] = []

    @atomic(database)
    def unit(session: Session) -> None:
        units.append(context.required())
        move(session, 10)
        session.connection().connection.driver_connection.close()  # type: ignore[union-attr]

    with pytest.raises(Exception, match=r"(?i)closed|no answer"):
        unit()
    assert units[0].state.ended
    assert balances(database) == (100, 0)


def test_the_last_flush_is_admitted_like_all_before(database: Engine) -> None:
    maker = sessionmaker(database)

    @event.listens_for(maker, "before_flush")
    def _(session: Session, *_: Any) -> None:
        session.execute(text("COMMIT"))

    @atomic(maker)
    def unit(session: Session) -> None:
        session.get_one(Account, 1).balance -= 10

    with pytest.raises(BoundaryError, match="COMMIT inside a unit of work"):
        unit()
    assert balances(database) == (100, 0)


def test_an_error_that_left_its_savepoint_with_the_work(database: Engine) -> None:
    @atomic(database)
    def unit(session: Session) -> None:
        move(session, 10)
        with session.begin_nested(), suppress(DBAPIError):
            session.execute(text("SELECT nothing FROM nowhere"))

    with pytest.raises((UnitPoisoned, DBAPIError)):  # PostgreSQL refuses the RELEASE
        unit()
    assert balances(database) == (100, 0)


def test_a_refusal_that_a_hook_swallows_while_the_unit_begins(database: Engine) -> None:
    maker = sessionmaker(database)
    with atomic(maker) as session:
        move(session, 1)  # its statements are known from here on

    def commit(session: Session, *_: Any) -> None:
        with suppress(BoundaryError):
            session.commit()

    event.listen(maker, "after_begin", commit)
    with pytest.raises(UnitPoisoned, match="nothing more is sent"), atomic(maker) as session:
        move(session, 10)
    assert balances(database) == (99, 1)


def test_a_sessionmaker_is_looked_at_in_each_unit(database: Engine, tmp_path: Any) -> None:
    other = create_engine(f"sqlite:///{tmp_path}/other.db")
    maker = sessionmaker(database)
    unit = atomic(maker)(lambda session: session.get_bind())
    assert unit() is database
    maker.configure(bind=other)
    assert unit() is other
    maker.configure(bind=None)
    with pytest.raises(UsageError, match="bound to an Engine"):
        unit()
    other.dispose()


def test_a_unit_has_one_connection(database: Engine) -> None:
    with atomic(database) as session:
        first = session.connection()
        assert session.connection(bind_arguments={"mapper": Account}) is first
        with savepoint() as point:
            session.execute(update(Account).values(balance=0))  # in Core: a flush asks for its connection elsewhere
            point.rollback()
            move(session, 10)
            assert session.connection() is first
            assert session.in_nested_transaction()
        session.execute(select(1))
        assert not session.in_nested_transaction()
    assert first.closed
    assert balances(database) == (90, 10)
