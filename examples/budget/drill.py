"""The failure drill of the text: run it, make it fail, count the rows; and believe the rows, not the answer."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

from sqlalchemy import func, select

from acidity import atomic
from examples.budget.models import Base, Expense
from examples.budget.rules import Answer, transfer_entries
from examples.budget.scenarios import ALICE, FOOD, TRAVEL, seed
from examples.budget.with_atomic import app
from examples.opening import open_database

AMOUNT = Decimal("25.10")
NOWHERE = 999


def fails_on_purpose(user_id: int, from_id: int, to_id: int, amount: Decimal) -> Answer:
    """A transfer that breaks after its first insert."""
    debit, _ = transfer_entries(user_id, from_id, to_id, amount)
    try:
        with atomic(app.Sessions) as session:
            session.add(debit)
            session.flush()
            stop()
    except RuntimeError as error:
        return {"success": False, "error": str(error)}
    return {"success": True}


def stop() -> None:
    """Break.

    Raises:
        RuntimeError: always.
    """
    raise RuntimeError("stopped on purpose, after the debit")


CASES: tuple[tuple[str, Callable[..., Answer], int], ...] = (
    ("a transfer from Food to Travel", app.transfer_budget, TRAVEL),
    (f"a transfer to category {NOWHERE}", app.transfer_budget, NOWHERE),
    ("one that fails after its first insert", fails_on_purpose, TRAVEL),
)


def drill() -> None:
    """Print what each of three transfers answered, and how many expenses there were before and after it."""
    with tempfile.TemporaryDirectory() as folder:
        engine = open_database(f"sqlite:///{Path(folder) / 'drill.db'}", "budget", Base.metadata)
        app.Sessions.configure(bind=engine)
        try:
            with app.Sessions.begin() as session:
                seed(session)
            for name, function, target in CASES:
                before = expenses()
                answer = function(ALICE, FOOD, target, AMOUNT)
                after = expenses()
                told = "success" if answer["success"] else f"failed: {answer['error']}"
                print(f"{name}\n  told: {told}\n  expenses: {before} before, {after} after ({after - before:+})")
        finally:
            app.Sessions.configure(bind=app.engine)
            engine.dispose()


def expenses() -> int:
    """How many there are, asked of the database."""
    with app.Sessions() as session:
        return session.scalar(select(func.count()).select_from(Expense)) or 0
