"""A fault that stays ends at last, so that programs which try again for ever come to an end too."""

from __future__ import annotations

import pytest
from sqlalchemy import String, create_engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from acidity.core.call import Call, Kind
from acidity.prove import Operation, Scenario
from acidity.prove.faults import FAULTS
from acidity.prove.faults.base import STRIKES_MAX
from tests.quality.drilled import drill

pytestmark = pytest.mark.few_or_all

engine = create_engine("sqlite://")


class Base(DeclarativeBase):
    pass


class Job(Base):
    __tablename__ = "jobs"
    key: Mapped[str] = mapped_column(String(20), primary_key=True)
    state: Mapped[str] = mapped_column(String(20))


def done_at_last() -> None:
    """Written once, however often it takes."""
    while True:
        try:
            with Session(engine) as session, session.begin():
                session.merge(Job(key="k1", state="done"))
        except DBAPIError:
            continue
        return


def serially() -> None:
    with Session(engine) as session, session.begin():
        session.connection(execution_options={"isolation_level": "SERIALIZABLE"})
        session.add(Job(key="k1", state="done"))


def scenario(operation: Operation) -> Scenario:
    return Scenario(operation, metadata=Base.metadata, bind="tests.quality.test_outage:engine")


@pytest.mark.one_engine
@pytest.mark.parametrize("db", ["sqlite", "postgresql", "mariadb"])
def test_trying_for_ever_comes_to_an_end(db: str) -> None:
    report = drill(scenario(Operation(done_at_last)), db=db)
    assert report.verdict == "pass", str(report)
    assert f"the fault ended after {STRIKES_MAX} strikes: the operation would have tried on" in " ".join(report.notes)


@pytest.mark.parametrize("db", ["sqlite", "postgresql", "mariadb"])
def test_a_level_set_for_one_transaction_passes_the_seam_unseen(db: str) -> None:
    report = drill(scenario(Operation(serially)), db=db)
    assert report.verdict == "pass", str(report)


@pytest.mark.parametrize("kind", [Kind.SAVEPOINT, Kind.RELEASE, Kind.ROLLBACK_TO, Kind.COMMIT])
def test_control_gives_no_result_that_could_fail_after_it_was_applied(kind: Kind) -> None:
    assert FAULTS["error-after"].misfit(Call("A", 1, kind), None)  # type: ignore[arg-type]
