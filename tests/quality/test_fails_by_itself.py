"""A clean run that commits and then fails: rows are there and the caller was told *failed*, which is a false failure."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import Connection, create_engine
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

from acidity import prove
from acidity.core.cause import CauseKind
from acidity.errors import UsageError
from acidity.prove import Operation, Scenario
from tests.quality.remedies.tables import Base, Order, Product, one_product, shop

FAULTS = ("error-before", "commit-refused")
engine = create_engine("sqlite:///shop.db")
app = FastAPI()


class NoPrinterError(Exception):
    """What comes after COMMIT."""


def bought(session: Session, *, half: bool = False) -> None:
    session.get_one(Product, 1).stock -= 1
    if half:
        session.commit()
    session.add(Order(id=1, product_id=1))
    session.commit()


def raises_after(session: Session) -> None:
    bought(session)  # <- committed
    raise NoPrinterError


async def raises_after_async(async_session: AsyncSession) -> None:
    (await async_session.get_one(Product, 1)).stock -= 1
    await async_session.commit()
    raise NoPrinterError


def answers_no(session: Session) -> bool:
    bought(session)
    return False


def raises_after_half(session: Session) -> None:
    bought(session, half=True)
    raise NoPrinterError


def raises_before(session: Session) -> None:
    session.get_one(Product, 1).stock -= 1
    raise NoPrinterError


@app.post("/buy", status_code=201)
def buy() -> None:
    with Session(engine) as session, session.begin():
        session.get_one(Product, 1).stock -= 1
    raise NoPrinterError


@app.post("/look", status_code=201)
def look() -> None:
    with Session(engine) as session:
        session.get_one(Product, 1)
    raise NoPrinterError


def drilled(operation: Any, **options: Any) -> Any:
    return prove.drill(shop(operation, **options), faults=FAULTS, remedies=False)


WRONG = {
    "raises": raises_after,
    "async": raises_after_async,
    "succeeded": Operation(answers_no, succeeded=bool),
    "refusal": Operation(raises_after, raises=NoPrinterError),
    "500": Operation.asgi(app, "POST", "/buy"),
}


@pytest.mark.parametrize("name", WRONG)
@pytest.mark.one_in(2)
def test_it_is_a_false_failure(name: str) -> None:
    bind = {"bind": f"{__name__}:engine"} if name == "500" else {}
    report = drilled(WRONG[name], **bind)
    (found,) = report.findings
    assert (report.verdict, found.word, found.kind) == ("fail", "false failure", CauseKind.LATE_FAILURE), str(report)
    assert not found.schedule.choices  # a run without a fault is the plainest
    assert found.permanent is not None
    assert found.permanent.site.file.endswith("test_fails_by_itself.py")
    assert report.runs > 0  # and the drill went on
    assert all(None in fate.should or fate.before in fate.should for fate in found.rows)


def test_its_rows_count_as_after_for_the_others() -> None:
    report = drilled(raises_after_half)
    words = {word for found in report.findings for word in found.errors}
    assert words == {"torn", "false failure"}, str(report)


@pytest.mark.parametrize(
    "scenario",
    [
        shop(Operation(raises_before)),
        Scenario(
            Operation.asgi(app, "POST", "/look"), metadata=Base.metadata, setup=one_product, bind=f"{__name__}:engine"
        ),
    ],
    ids=["raises", "500"],
)
def test_one_that_changes_no_row_is_a_usage_error(scenario: Scenario) -> None:
    with pytest.raises(UsageError, match=r"the clean run failed|the application fails by itself"):
        prove.drill(scenario, faults=FAULTS, remedies=False)


def parents_and_children(connection: Connection) -> None:
    connection.exec_driver_sql("CREATE TABLE parent (id INTEGER PRIMARY KEY)")
    connection.exec_driver_sql(
        "CREATE TABLE child (parent INTEGER REFERENCES parent (id) DEFERRABLE INITIALLY DEFERRED)"
    )


def has_no_parent(dbapi_connection: Any) -> None:
    dbapi_connection.cursor().execute("INSERT INTO child VALUES (9)")
    dbapi_connection.commit()  # <- refused


@pytest.mark.dear
def test_what_a_compiled_driver_raises_at_commit_is_told_at_the_line_of_the_user() -> None:
    lines = Path(__file__).read_text().splitlines()
    here = next(number for number, line in enumerate(lines, start=1) if line.endswith("# <- refused"))
    with pytest.raises(UsageError, match=rf"at \S*test_fails_by_itself\.py:{here}:"):
        prove.explore(Scenario(Operation(has_no_parent), schema=parents_and_children), db="postgresql")
