"""dbop-runner: ``DBOpRunner().run(session, fn)`` on a session of one's own."""

from __future__ import annotations

from dbop_runner import DBOpRunner
from sqlalchemy.orm import Session

from acidity.prove import Operation, Scenario
from tests.quality.published.tables import ENGINE, Base, Entry, engine

runner = DBOpRunner(initial_delay=0, max_delay=0)


def write(session: Session) -> None:
    session.add_all([Entry(text="one"), Entry(text="two")])
    session.flush()


def run_and_close() -> None:
    with Session(engine) as session:
        runner.run(session, write)


def run_in_a_transaction() -> None:
    with Session(engine) as session, session.begin():
        runner.run(session, write)


closed = Scenario(Operation(run_and_close), metadata=Base.metadata, bind=ENGINE)
committed = Scenario(Operation(run_in_a_transaction), metadata=Base.metadata, bind=ENGINE)
