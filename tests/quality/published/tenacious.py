"""tenacity: a unit of work that is tried again."""

from __future__ import annotations

from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session
from tenacity import retry, retry_if_exception, retry_if_exception_type, stop_after_attempt

from acidity.prove import Operation, Scenario
from tests.quality.published.tables import ENGINE, Base, Entry, engine

ROLLED_BACK = {"40001", "40P01"}  # the server says itself that nothing was written


def was_rolled_back(error: BaseException) -> bool:
    return isinstance(error, DBAPIError) and getattr(error.orig, "sqlstate", None) in ROLLED_BACK


def write() -> None:
    with Session(engine) as session, session.begin():
        session.add_all([Entry(text="one"), Entry(text="two")])


on_any_error = retry(retry=retry_if_exception_type(DBAPIError), stop=stop_after_attempt(3), reraise=True)(write)
on_a_rollback = retry(retry=retry_if_exception(was_rolled_back), stop=stop_after_attempt(3), reraise=True)(write)

any_error = Scenario(Operation(on_any_error), metadata=Base.metadata, bind=ENGINE)
rolled_back = Scenario(Operation(on_a_rollback), metadata=Base.metadata, bind=ENGINE)
