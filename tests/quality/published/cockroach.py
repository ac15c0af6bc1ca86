"""sqlalchemy-cockroachdb: ``run_transaction`` on an engine and on a sessionmaker."""

from __future__ import annotations

from sqlalchemy import Connection, insert
from sqlalchemy.orm import Session, sessionmaker
from sqlalchemy_cockroachdb import run_transaction

from acidity.prove import Operation, Scenario
from tests.quality.published.tables import ENGINE, Base, Entry, engine


def write(connection: Connection) -> None:
    connection.execute(insert(Entry), [{"text": "one"}, {"text": "two"}])


def write_in_session(session: Session) -> None:
    session.add_all([Entry(text="one"), Entry(text="two")])


def run_on_engine() -> None:
    run_transaction(engine, write)


def run_on_sessionmaker() -> None:
    run_transaction(sessionmaker(engine), write_in_session)


on_engine = Scenario(Operation(run_on_engine), metadata=Base.metadata, bind=ENGINE)
on_sessionmaker = Scenario(Operation(run_on_sessionmaker), metadata=Base.metadata, bind=ENGINE)
