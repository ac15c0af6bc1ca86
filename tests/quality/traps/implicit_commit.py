"""Trap 13: statements and tables of MariaDB that no ROLLBACK reaches."""

from __future__ import annotations

from sqlalchemy import delete, text
from sqlalchemy.engine import Engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from acidity import atomic
from tests.quality.traps.ledger import Draft, booked, ledger


def post_drafts(engine: Engine) -> None:
    """TRUNCATE is the quick way to empty a table; to MariaDB it is DDL, and commits what came before it."""
    with engine.begin() as connection:
        connection.execute(booked(1, -10))
        connection.execute(text("TRUNCATE TABLE drafts"))
        connection.execute(booked(2, 10))


def post_and_delete_drafts(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(booked(1, -10))
        connection.execute(delete(Draft))
        connection.execute(booked(2, 10))


def post_drafts_with_atomic(engine: Engine) -> None:
    with atomic(engine) as session:
        session.execute(booked(1, -10))
        session.execute(text("TRUNCATE TABLE drafts"))
        session.execute(booked(2, 10))


class Untransacted(DeclarativeBase):
    """Declarative base of tables whose engine somebody chose for its speed."""


class Hit(Untransacted):
    """A visit."""

    __tablename__ = "hits"
    __table_args__ = ({"mysql_engine": "MyISAM", "mariadb_engine": "MyISAM"},)

    id: Mapped[int] = mapped_column(primary_key=True)
    page: Mapped[int]


class Transacted(DeclarativeBase):
    """Declarative base of the same tables as MariaDB makes them by itself."""


class SafeHit(Transacted):
    """A visit."""

    __tablename__ = "hits"

    id: Mapped[int] = mapped_column(primary_key=True)
    page: Mapped[int]


def count_two_pages(engine: Engine, hit: type[Hit | SafeHit]) -> None:
    with Session(engine) as session, session.begin():
        session.add(hit(page=1))
        session.flush()
        session.add(hit(page=2))


def count_two_pages_with_atomic(engine: Engine, hit: type[Hit | SafeHit]) -> None:
    with atomic(engine) as session:
        session.add(hit(page=1))
        session.flush()
        session.add(hit(page=2))


def no_rows(session: Session) -> None:
    del session


truncate = ledger(post_drafts)
truncate_mended = ledger(post_and_delete_drafts)
myisam = ledger(count_two_pages, hit=Hit, metadata=Untransacted.metadata, setup=no_rows)
myisam_mended = ledger(count_two_pages, hit=SafeHit, metadata=Transacted.metadata, setup=no_rows)
truncate_atomic = ledger(post_drafts_with_atomic)
myisam_atomic = ledger(count_two_pages_with_atomic, hit=Hit, metadata=Untransacted.metadata, setup=no_rows)
