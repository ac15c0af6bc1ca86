"""Columns of JSON: what is random in them is masked by its path, what is wrong in them is found."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import count
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import JSON
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from acidity.prove import Scenario
from tests.run.conftest import ENGINES
from tests.run.drilling import drilled


class Base(DeclarativeBase):
    pass


class Order(Base):
    __tablename__ = "orders"

    id: Mapped[int] = mapped_column(primary_key=True)
    payload: Mapped[dict[str, Any]] = mapped_column(JSON)


def seed(session: Session) -> None:
    session.add(Order(id=1, payload={"number": 1, "lines": []}))


def content(**more: Any) -> dict[str, Any]:
    return {"id": str(uuid4()), "at": datetime.now(UTC).isoformat(), "lines": [{"token": uuid4().hex}], **more}


def places(session: Session) -> None:
    with session.begin():
        session.add(Order(id=2, payload=content(number=2)))
        session.get_one(Order, 1).payload = content(number=1)


def places_in_two(session: Session) -> None:
    session.add(Order(id=2, payload=content(number=2)))
    session.commit()
    session.get_one(Order, 1).payload = content(number=1)
    session.commit()


def scenario(function: Any, **options: Any) -> Scenario:
    return Scenario(function, metadata=Base.metadata, setup=seed, **options)


@pytest.mark.dear
@pytest.mark.one_server
@pytest.mark.parametrize("db", ENGINES)
def test_random_parts_are_masked_by_their_path(db: str) -> None:
    report = drilled(scenario(places), db, "error-before")
    assert report.verdict == "pass", report
    assert "orders.payload.$.id" in str(report)
    assert "orders.payload.$.at" in str(report)
    report = drilled(scenario(places_in_two), db, "error-before")
    assert {word for found in report.findings for word in found.errors} == {"torn"}
    assert not report.unknowns
    assert "‹new uuid 1›" in str(report), "and the report is the same in every run"


def test_another_value_is_named_with_its_path_and_what_to_write() -> None:
    numbers = count(2)

    def operation(session: Session) -> None:
        with session.begin():
            session.add(Order(id=2, payload=content(number=next(numbers))))

    report = drilled(scenario(operation), "sqlite", "error-before")
    assert report.verdict == "unknown"
    assert "orders.payload.$.number (2 after one run, 3 after another)" in report.unknowns[0]
    assert "write ignore=['orders.payload.$.number']" in report.unknowns[0]
    assert drilled(scenario(operation, ignore=["orders.payload.$.number"]), "sqlite", "error-before").verdict == "pass"
