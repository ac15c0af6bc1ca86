"""The tracker of the text in one file, on a database in memory: `transfer_budget`, and what it answers.

The form of the text's function, and its calls and answers word for word; the code is written anew. It does what it says
as long as the database answers: two rows or none. What it makes of an error of COMMIT is `text_scenarios`.
"""

from __future__ import annotations

from decimal import Decimal

from sqlalchemy import create_engine, select
from sqlalchemy.orm import Session, sessionmaker

from examples.budget.models import Base, Category, Expense
from examples.budget.rules import Answer

engine = create_engine("sqlite:///:memory:")
SessionLocal = sessionmaker(bind=engine)


def transfer_budget(user_id: int, from_category_id: int, to_category_id: int, amount: Decimal) -> Answer:
    """Move an amount of budget from one category of the user to another."""
    with SessionLocal() as session:
        try:
            source, target = category(session, from_category_id), category(session, to_category_id)
            if source is None or target is None:
                raise ValueError("Category not found")  # noqa: TRY301 - as in the text: an answer is made of each error
            debit = Expense(user_id=user_id, category_id=source.id, description=f"Transfer to {target.name}")
            credit = Expense(user_id=user_id, category_id=target.id, description=f"Transfer from {source.name}")
            debit.amount, credit.amount = -amount, amount
            session.add_all([debit, credit])
            session.commit()  # <- in the text: after this line failure may be a lie
        except Exception as error:
            session.rollback()
            return {"success": False, "error": str(error)}
        return {"success": True}


def category(session: Session, category_id: int) -> Category | None:
    """The category of that id, where there is one."""
    return session.scalars(select(Category).where(Category.id == category_id)).first()


def main() -> None:
    """Two transfers and their answers: one from Food to Entertainment, and one to category 999."""
    Base.metadata.create_all(engine)
    with SessionLocal.begin() as session:
        session.add_all([Category(id=1, user_id=1, name="Food"), Category(id=2, user_id=1, name="Entertainment")])
    print(transfer_budget(user_id=1, from_category_id=1, to_category_id=2, amount=Decimal("100.00")))
    print(transfer_budget(user_id=1, from_category_id=1, to_category_id=999, amount=Decimal("100.00")))
    engine.dispose()


if __name__ == "__main__":
    main()
