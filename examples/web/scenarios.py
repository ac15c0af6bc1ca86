"""What is to be proved about the application: the rows before, requests that work, requests that are turned down."""

from __future__ import annotations

from fastapi import FastAPI
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from acidity.prove import Operation, Scenario
from examples.durable import DURABLE
from examples.web.app import app
from examples.web.models import Account, Base, Transfer

ALICE, BOB, NOBODY = 1, 2, 3


def opened_accounts(session: Session) -> None:
    """100.00 and 40.00, and a transfer that was made before."""
    session.add_all([Account(id=ALICE, balance=10000), Account(id=BOB, balance=4000)])
    session.flush()
    session.add(Transfer(source_id=ALICE, target_id=BOB, amount=100))


def no_money_is_made_or_lost(session: Session) -> bool:
    """Whatever happens, there are 140.00."""
    return session.scalar(select(func.sum(Account.balance))) == 14000


def transfers(app: FastAPI, *, amount: int, target: int = BOB, refused: bool = False) -> Scenario:
    """One request for a transfer from Alice."""
    order = {"source_id": ALICE, "target_id": target, "amount": amount}
    return Scenario(
        Operation.asgi(app, "POST", "/transfers", json=order, refused=refused),
        metadata=Base.metadata,
        setup=opened_accounts,
        invariants=[no_money_is_made_or_lost],
        bind="examples.web.app:engine",
        settings=DURABLE,
    )


transfer = transfers(app, amount=2500)
transfer_too_much = transfers(app, amount=10001, refused=True)
transfer_to_nobody = transfers(app, amount=2500, target=NOBODY, refused=True)
transfer_nothing = transfers(app, amount=0, refused=True)
