"""DBOS: ``@ds.transaction()`` of a SQLAlchemy datasource, called outside a workflow."""

from __future__ import annotations

from dbos import SQLAlchemyDatasource
from sqlalchemy import create_engine, select

from acidity.prove import Operation, Scenario
from tests.quality.published.tables import Base, Entry, Request

engine = create_engine("sqlite://")
source = SQLAlchemyDatasource.create("sqlite://", engine=engine)


@source.transaction()
def write() -> None:
    source.sql_session().add_all([Entry(text="one"), Entry(text="two")])


@source.transaction()
def write_once(key: str) -> None:
    session = source.sql_session()
    if session.scalar(select(Request).where(Request.key == key)) is None:
        session.add_all([Request(key=key, text="written"), Entry(text="one"), Entry(text="two")])


ENGINE = "tests.quality.published.dbos_steps:engine"
outside = Scenario(Operation(write), metadata=Base.metadata, bind=ENGINE)
with_a_key = Scenario(Operation(write_once, "k1"), metadata=Base.metadata, bind=ENGINE)
