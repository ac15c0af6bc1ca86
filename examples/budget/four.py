"""Which of four changes need a transaction? Asked of the tool: ``acidity check examples.budget.four``.

A single insert and a summary need none, a transfer and a merge do; what becomes of those two without one is
``examples.budget.twins:autocommit_transfer`` and ``examples.budget.twins:autocommit_merge``.
"""

from __future__ import annotations

from decimal import Decimal

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from acidity.prove import Operation, Scenario
from examples.budget.models import Expense
from examples.budget.scenarios import ALICE, AMOUNT, FOOD, TRAVEL, seed
from examples.budget.with_atomic import app, scenarios
from examples.durable import DURABLE

COFFEE = Decimal("3.20")
SPENT = Decimal("1353.09")


def sum_is_that_of_the_rows(session: Session) -> bool:
    """One coffee more, or none."""
    return session.scalar(select(func.sum(Expense.amount))) in {SPENT, SPENT + COFFEE}


single_insert = Scenario(
    Operation(app.add_expense, ALICE, FOOD, "Coffee", COFFEE),
    metadata=scenarios.metadata,
    setup=seed,
    invariants=[sum_is_that_of_the_rows],
    bind=scenarios.ENGINE,
    settings=DURABLE,
)
transfer = scenarios.transfers(app.transfer_budget, ALICE, FOOD, TRAVEL, AMOUNT)
monthly_summary = scenarios.summaries(app.monthly_summary, ALICE, 2025, 3)
merge = scenarios.merges(app.merge_category, ALICE, FOOD, TRAVEL)
