"""A FastAPI application that says 201 only of what is committed. Nothing in here knows that acidity exists."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from fastapi import Depends, FastAPI, HTTPException
from pydantic import BaseModel, PositiveInt
from sqlalchemy import CursorResult, create_engine, select, update
from sqlalchemy.orm import Session

from examples.web.models import Account, Transfer

engine = create_engine("sqlite:///bank.db")


class Order(BaseModel):
    """The body of a request to transfer money."""

    source_id: int
    target_id: int
    amount: PositiveInt


def get_session() -> Iterator[Session]:
    """One session for each request: committed when all went well, rolled back whatever went wrong."""
    session = Session(engine)
    try:
        yield session
        session.commit()
    except BaseException:
        session.rollback()
        raise
    finally:
        session.close()


def move(session: Session, order: Order) -> dict[str, int]:
    """Move the money and note it; the caller commits.

    The rows are locked in the order of their keys, so that two transfers never wait for each other. SQLite knows no FOR
    UPDATE: there the money is safe because the database checks and subtracts in one statement.
    """
    wanted = select(Account.id).where(Account.id.in_([order.source_id, order.target_id])).with_for_update()
    if len(session.scalars(wanted.order_by(Account.id)).all()) < 2:
        raise HTTPException(404, "no such pair of accounts")
    source, target = Account.id == order.source_id, Account.id == order.target_id
    taken = update(Account).where(source, Account.balance >= order.amount)
    done = session.execute(taken.values(balance=Account.balance - order.amount))
    if not isinstance(done, CursorResult) or not done.rowcount:
        raise HTTPException(409, "not enough money")
    session.execute(update(Account).where(target).values(balance=Account.balance + order.amount))
    return note(session, order)


def note(session: Session, order: Order) -> dict[str, int]:
    """Write down that it was made."""
    transfer = Transfer(source_id=order.source_id, target_id=order.target_id, amount=order.amount)
    session.add(transfer)
    session.flush()
    return {"id": transfer.id}


app = FastAPI()


@app.post("/transfers", status_code=201)
def make_transfer(
    order: Order,
    session: Annotated[Session, Depends(get_session, scope="function")],  # committed before the answer is sent
) -> dict[str, int]:
    """Move money from one account to another."""
    return move(session, order)
