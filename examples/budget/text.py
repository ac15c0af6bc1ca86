"""The tracker of the text in one file, on a database in memory: `transfer_budget`, and what it answers.

Written from what is told of the text, whose own words were not at hand. It does what it says as long as the database
answers: two rows or none. What it makes of an error of COMMIT is `text_scenarios`.
"""

from __future__ import annotations

from decimal import Decimal

from sqlalchemy import create_engine, select
from sqlalchemy.orm import sessionmaker

from examples.budget.models import Base, Category, Expense
from examples.budget.rules import Answer

engine = create_engine("sqlite:///:memory:")
SessionLocal = sessionmaker(bind=engine)


def transfer_budget(user_id: int, from_category_id: int, to_category_id: int, amount: Decimal) -> Answer:
    """Move an amount of budget from one category of the user to another."""
    session = SessionLocal()
    try:
        for category_id in (from_category_id, to_category_id):
            mine = select(Category).where(Category.id == category_id, Category.user_id == user_id)
            if session.scalars(mine).first() is None:
                return {"success": False, "error": "Category not found"}
        session.add(
            Expense(user_id=user_id, category_id=from_category_id, description="Budget transfer", amount=-amount)
        )
        session.add(Expense(user_id=user_id, category_id=to_category_id, description="Budget transfer", amount=amount))
        session.commit()  # <- in the text: after this line failure may be a lie
    except Exception as error:
        session.rollback()
        return {"success": False, "error": str(error)}
    else:
        return {"success": True}
    finally:
        session.close()


def main() -> None:
    """Two transfers and their answers: one from Food to Travel, and one to category 999."""
    Base.metadata.create_all(engine)
    with SessionLocal.begin() as session:
        session.add_all([Category(id=1, user_id=1, name="Food"), Category(id=2, user_id=1, name="Travel")])
    print(transfer_budget(1, 1, 2, Decimal("25.10")))
    print(transfer_budget(1, 1, 999, Decimal("25.10")))
    engine.dispose()


if __name__ == "__main__":
    main()
