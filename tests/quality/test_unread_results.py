"""A result that nobody reads goes with its last name, beside acidity as without it; on SQLite it holds a lock until then."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.engine import Connection
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

from acidity import prove
from tests.quality.callers import Doctor, at_once

ASKED = text("SELECT on_call FROM doctors")
MADE = text("INSERT INTO doctors VALUES (7, 1), (8, 1) RETURNING id")


def asks(session: Session) -> None:
    session.execute(ASKED)
    session.commit()


def asks_for_one(connection: Connection) -> None:
    connection.execute(ASKED).fetchone()
    connection.commit()


def asks_for_objects(session: Session) -> None:
    session.scalars(select(Doctor))
    session.commit()


def makes(session: Session) -> None:
    """COMMIT is refused while its rows are on their way."""
    session.execute(MADE)
    session.commit()


def asks_the_driver(dbapi_connection: Any) -> None:
    dbapi_connection.execute(ASKED.text)
    dbapi_connection.commit()


async def streams(async_session: AsyncSession) -> None:
    await async_session.stream(ASKED)
    await async_session.commit()


def writes(session: Session) -> None:
    session.execute(text("UPDATE accounts SET balance = 1 WHERE id = 1"))
    session.commit()


@pytest.mark.parametrize("operation", [asks, asks_for_one, asks_for_objects, makes, asks_the_driver, streams])
def test_it_keeps_nobody_from_writing(operation: object) -> None:
    report = prove.explore(at_once(operation, writes))  # type: ignore[arg-type]
    assert (report.verdict, report.unknowns) == ("pass", ())
