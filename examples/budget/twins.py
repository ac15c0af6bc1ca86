"""Broken twins of the functions of `app`, each with one bug; the manifest says how acidity must name it and where.

A module named ``twins`` is never collected; name one: ``acidity drill examples.budget.twins:two_sessions``.
The comments with an arrow mark the lines that the manifest speaks of.
"""

from __future__ import annotations

from decimal import Decimal

from sqlalchemy import delete, insert, select, update
from sqlalchemy.orm import Session, scoped_session, sessionmaker

from examples.budget.app import engine, transfer_budget, unit_of_work
from examples.budget.models import Category, Expense
from examples.budget.rules import (
    Answer,
    RefusedError,
    check_merge,
    check_transfer,
    owned_categories,
    transfer_entries,
)
from examples.budget.scenarios import ALICE, AMOUNT, BOBS_RENT, FOOD, TRAVEL, merges, transfers

shared = scoped_session(sessionmaker(engine))


def check(session: Session, user_id: int, from_id: int, to_id: int, amount: Decimal) -> None:
    """The validation that most twins have and do right."""
    check_transfer(session.scalars(owned_categories(user_id, from_id, to_id)).all(), from_id, to_id, amount)


def transfer_in_two_sessions(user_id: int, from_id: int, to_id: int, amount: Decimal) -> Answer:
    """The debit in one session, the credit in another."""
    debit, credit = transfer_entries(user_id, from_id, to_id, amount)
    with Session(engine) as session, session.begin():  # <- two sessions: half is committed
        check(session, user_id, from_id, to_id, amount)
        session.add(debit)
        session.flush()
    with Session(engine) as session, session.begin():
        session.add(credit)
        session.flush()  # <- two sessions: half is committed
    return {"success": True}


def transfer_with_commit_between(user_id: int, from_id: int, to_id: int, amount: Decimal) -> Answer:
    """One session, with a commit between debit and credit."""
    debit, credit = transfer_entries(user_id, from_id, to_id, amount)
    with Session(engine) as session:
        try:
            check(session, user_id, from_id, to_id, amount)
            session.add(debit)
            session.commit()  # <- commit between: half is committed
            session.add(credit)
            session.flush()  # <- commit between: half is committed
            session.commit()
        except BaseException:
            session.rollback()
            raise
    return {"success": True}


def transfer_caught_without_rollback(user_id: int, from_id: int, to_id: int, amount: Decimal) -> Answer:
    """On a shared session: the exception is caught, nothing is rolled back, and the session is used again."""
    answer: Answer = {"success": True}
    try:
        check(shared(), user_id, from_id, to_id, amount)
        debit = {"user_id": user_id, "category_id": from_id, "description": "Budget transfer", "amount": -amount}
        credit = {**debit, "category_id": to_id, "amount": amount}
        shared.execute(insert(Expense).values(debit))  # <- caught: half is in
        shared.execute(insert(Expense).values(credit))  # <- caught: half is in
    except Exception as error:
        answer = {"success": False, "error": str(error)}
    try:
        shared.commit()  # <- caught: half is in, and the session is used again
    finally:
        shared.remove()
    return answer


def transfer_without_commit(user_id: int, from_id: int, to_id: int, amount: Decimal) -> Answer:
    """Everything is sent, success is reported, nothing is committed."""
    debit, credit = transfer_entries(user_id, from_id, to_id, amount)
    with Session(engine) as session:
        check(session, user_id, from_id, to_id, amount)
        session.add(debit)
        session.flush()
        session.add(credit)
        session.flush()
        return {"success": True}


def transfer_as_in_the_text(user_id: int, from_id: int, to_id: int, amount: Decimal) -> Answer:
    """The template of the teaching text: every exception becomes ``{"success": False}``, that of COMMIT too."""
    session = Session(engine)
    try:
        check(session, user_id, from_id, to_id, amount)
        debit, credit = transfer_entries(user_id, from_id, to_id, amount)
        session.add(debit)
        session.flush()
        session.add(credit)
        session.flush()
        session.commit()  # <- as in the text: after this line failure may be a lie
    except Exception as error:
        session.rollback()
        return {"success": False, "error": str(error)}
    else:
        return {"success": True}
    finally:
        session.close()


def transfer_without_amount_check(user_id: int, from_id: int, to_id: int, amount: Decimal) -> Answer:
    """A negative amount takes the money out of the other category."""
    with unit_of_work() as session:
        owned = session.scalars(owned_categories(user_id, from_id, to_id)).all()
        if from_id == to_id or from_id not in owned or to_id not in owned:
            return {"success": False, "error": "Category not found"}
        session.add_all(transfer_entries(user_id, from_id, to_id, amount))
        session.flush()
    return {"success": True}


def transfer_without_same_category_check(user_id: int, from_id: int, to_id: int, amount: Decimal) -> Answer:
    """A transfer from a category to itself fills the history with nothing."""
    with unit_of_work() as session:
        owned = session.scalars(owned_categories(user_id, from_id, to_id)).all()
        if amount <= 0 or from_id not in owned or to_id not in owned:
            return {"success": False, "error": "Not allowed"}
        session.add_all(transfer_entries(user_id, from_id, to_id, amount))
        session.flush()
    return {"success": True}


def transfer_without_owner_check(user_id: int, from_id: int, to_id: int, amount: Decimal) -> Answer:
    """It is enough that the categories exist, whoever they belong to."""
    try:
        with unit_of_work() as session:
            existing = session.scalars(select(Category.id).where(Category.id.in_([from_id, to_id]))).all()
            check_transfer(existing, from_id, to_id, amount)
            session.add_all(transfer_entries(user_id, from_id, to_id, amount))
            session.flush()
    except RefusedError as refusal:
        return {"success": False, "error": str(refusal)}
    return {"success": True}


def transfer_retried_on_any_error(user_id: int, from_id: int, to_id: int, amount: Decimal) -> Answer:
    """The right function, tried once more after any error: also when its COMMIT was applied and the answer lost."""
    try:
        return transfer_budget(user_id, from_id, to_id, amount)
    except Exception:
        return transfer_budget(user_id, from_id, to_id, amount)


def transfer_with_stock_commit(user_id: int, from_id: int, to_id: int, amount: Decimal) -> Answer:
    """The shape of SQLAlchemy's own tutorial: nobody rolls back after a refused COMMIT."""
    debit, credit = transfer_entries(user_id, from_id, to_id, amount)
    with Session(engine) as session:
        check(session, user_id, from_id, to_id, amount)
        session.add(debit)
        session.flush()
        session.add(credit)
        session.flush()
        session.commit()  # <- stock commit: refused, and left open in the pool
    return {"success": True}


def get_or_create_category(session: Session, user_id: int, name: str) -> int:
    """Find the category or make it, and commit on behalf of whoever calls."""
    found = session.scalar(select(Category.id).where(Category.user_id == user_id, Category.name == name))
    if found is not None:
        return found
    category = Category(user_id=user_id, name=name)
    session.add(category)
    session.commit()  # <- helper commits: half is committed
    return category.id


def transfer_with_committing_helper(user_id: int, from_id: int, to_name: str, amount: Decimal) -> Answer:
    """One commit as it seems; the helper in the middle has another."""
    with Session(engine) as session:
        try:
            if amount <= 0 or not session.scalars(owned_categories(user_id, from_id)).all():
                return {"success": False, "error": "Not allowed"}
            session.add(Expense(user_id=user_id, category_id=from_id, description="Budget transfer", amount=-amount))
            session.flush()
            to_id = get_or_create_category(session, user_id, to_name)
            session.add(Expense(user_id=user_id, category_id=to_id, description="Budget transfer", amount=amount))
            session.flush()  # <- helper commits: half is committed
            session.commit()
        except BaseException:
            session.rollback()
            raise
    return {"success": True}


def transfer_in_savepoints(user_id: int, from_id: int, to_id: int, amount: Decimal) -> Answer:
    """Each entry in a savepoint. The stdlib driver sends no BEGIN before SAVEPOINT, so its RELEASE is a COMMIT."""
    debit, credit = transfer_entries(user_id, from_id, to_id, amount)
    with Session(engine) as session, session.begin():
        check(session, user_id, from_id, to_id, amount)
        with session.begin_nested():  # <- savepoint: half is committed
            session.add(debit)
        with session.begin_nested():  # <- savepoint: half is committed
            session.add(credit)
    return {"success": True}


def transfer_with_autocommit(user_id: int, from_id: int, to_id: int, amount: Decimal) -> Answer:
    """Both entries in one flush, on a connection that commits every statement by itself."""
    with Session(engine.execution_options(isolation_level="AUTOCOMMIT")) as session:
        check(session, user_id, from_id, to_id, amount)
        session.add_all(transfer_entries(user_id, from_id, to_id, amount))
        session.flush()  # <- autocommit: what was sent is committed
        session.commit()  # <- autocommit: what was sent is committed
    return {"success": True}


def transfer_in_autocommit(user_id: int, from_id: int, to_id: int, amount: Decimal) -> Answer:
    """Each INSERT is a transaction of its own, on every engine."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for category, change in ((from_id, -amount), (to_id, amount)):
            values = {"user_id": user_id, "category_id": category, "description": "Budget transfer", "amount": change}
            connection.execute(insert(Expense).values(values))  # <- autocommit: each INSERT is committed
    return {"success": True}


def merge_in_autocommit(user_id: int, source_id: int, target_id: int) -> Answer:
    """Each of the two statements is a transaction of its own: the expenses move, the empty category stays."""
    del user_id
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        moved = update(Expense).where(Expense.category_id == source_id).values(category_id=target_id)
        connection.execute(moved)  # <- autocommit: each statement is committed
        connection.execute(delete(Category).where(Category.id == source_id))
    return {"success": True}


def transfer_of_two_amounts(user_id: int, from_id: int, to_id: int, amount: Decimal) -> Answer:
    """One transaction, two rows that the schema allows, and the credit is rounded to whole rupees."""
    debit, credit = transfer_entries(user_id, from_id, to_id, amount)
    credit.amount = amount.quantize(Decimal(1))
    with Session(engine) as session, session.begin():
        check(session, user_id, from_id, to_id, amount)
        session.add_all([debit, credit])
    return {"success": True}


def merge_without_counting(user_id: int, source_id: int, target_id: int) -> Answer:
    """Nobody asks whether anything was deleted: of two merges at once both say that they did it."""
    try:
        with unit_of_work() as session:
            owned = session.scalars(owned_categories(user_id, source_id, target_id)).all()
            check_merge(owned, source_id, target_id)
            session.execute(update(Expense).where(Expense.category_id == source_id).values(category_id=target_id))
            session.execute(delete(Category).where(Category.id == source_id))
    except RefusedError as refusal:
        return {"success": False, "error": str(refusal)}
    return {"success": True}


two_sessions = transfers(transfer_in_two_sessions, ALICE, FOOD, TRAVEL, AMOUNT)
commit_between = transfers(transfer_with_commit_between, ALICE, FOOD, TRAVEL, AMOUNT)
caught_without_rollback = transfers(transfer_caught_without_rollback, ALICE, FOOD, TRAVEL, AMOUNT)
success_without_commit = transfers(transfer_without_commit, ALICE, FOOD, TRAVEL, AMOUNT)
as_in_the_text = transfers(transfer_as_in_the_text, ALICE, FOOD, TRAVEL, AMOUNT)
no_amount_check = transfers(transfer_without_amount_check, ALICE, FOOD, TRAVEL, -AMOUNT, refused=True)
no_same_category_check = transfers(transfer_without_same_category_check, ALICE, FOOD, FOOD, AMOUNT, refused=True)
no_owner_check = transfers(transfer_without_owner_check, ALICE, BOBS_RENT, FOOD, AMOUNT, refused=True)
retry_on_any_error = transfers(transfer_retried_on_any_error, ALICE, FOOD, TRAVEL, AMOUNT)
stock_session_commit = transfers(transfer_with_stock_commit, ALICE, FOOD, TRAVEL, AMOUNT)
helper_commits = transfers(transfer_with_committing_helper, ALICE, FOOD, "Holidays", AMOUNT)
savepoint_release_commits = transfers(transfer_in_savepoints, ALICE, FOOD, TRAVEL, AMOUNT)
flushed_at_once = transfers(transfer_with_autocommit, ALICE, FOOD, TRAVEL, AMOUNT)
two_amounts = transfers(transfer_of_two_amounts, ALICE, FOOD, TRAVEL, AMOUNT)
merge_uncounted = merges(merge_without_counting, ALICE, FOOD, TRAVEL)
autocommit_transfer = transfers(transfer_in_autocommit, ALICE, FOOD, TRAVEL, AMOUNT)
autocommit_merge = merges(merge_in_autocommit, ALICE, FOOD, TRAVEL)
