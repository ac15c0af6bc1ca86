"""A program on two databases, struck at one of its steps by the tests that need a certain moment."""

from __future__ import annotations

import itertools
from typing import Any

from sqlalchemy import text

from acidity.run import two_phase

NUMBERS = itertools.count(1)


def write(session: Any, number: int) -> None:
    session.execute(text("INSERT INTO work VALUES (:id)"), {"id": number})
    session.execute(text("UPDATE total SET n = n + 1"))


def checkout(engines: Any, number: int, **options: Any) -> None:
    @two_phase(**engines, **options)
    def unit(sessions: Any) -> None:
        for session in sessions.values():
            write(session, number)

    unit()
