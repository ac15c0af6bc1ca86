"""A FastAPI application that says 201 only of what is committed. Nothing in here knows that acidity exists."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from fastapi import Depends, FastAPI, HTTPException
from pydantic import BaseModel, PositiveInt
from sqlalchemy import create_engine, select
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
    """Move the money and note it; the caller commits."""
    wanted = select(Account).where(Account.id.in_([order.source_id, order.target_id])).with_for_update()
    accounts = {account.id: account for account in session.scalars(wanted.order_by(Account.id))}
    source, target = accounts.get(order.source_id), accounts.get(order.target_id)
    if source is None or target is None or source is target:
        raise HTTPException(404, "no such pair of accounts")
    if source.balance < order.amount:
        raise HTTPException(409, "not enough money")
    source.balance -= order.amount
    target.balance += order.amount
    transfer = Transfer(source_id=source.id, target_id=target.id, amount=order.amount)
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
