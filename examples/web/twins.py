"""The same application with one bug each: `app` and these differ in how they get their session, or in who computes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from fastapi import Depends, FastAPI
from sqlalchemy import select
from sqlalchemy.orm import Session

from examples.web.app import Order, engine, get_session, move, note
from examples.web.models import Account
from examples.web.scenarios import transfers

late_app = FastAPI()


@late_app.post("/transfers", status_code=201)
def make_transfer_and_commit_late(
    order: Order,
    session: Annotated[Session, Depends(get_session)],  # <- the default scope ends after the answer was sent
) -> dict[str, int]:
    """201 is sent, then COMMIT: whether it succeeds or not."""
    return move(session, order)


def get_session_without_rollback() -> Iterator[Session]:
    """The short form: when COMMIT is refused, nothing is rolled back."""
    with Session(engine) as session:
        yield session
        session.commit()  # <- on SQLite a refused COMMIT goes back to the pool with its transaction open


open_app = FastAPI()


@open_app.post("/transfers", status_code=201)
def make_transfer_and_leave_it_open(
    order: Order,
    session: Annotated[Session, Depends(get_session_without_rollback, scope="function")],
) -> dict[str, int]:
    """The right scope; the client is told 500, and the next request commits the transfer."""
    return move(session, order)


racing_app = FastAPI()


@racing_app.post("/transfers", status_code=201)
def make_transfer_in_memory(
    order: Order,
    session: Annotated[Session, Depends(get_session, scope="function")],
) -> dict[str, int]:
    """Two requests at once read the same balance; SQLite ignores FOR UPDATE, and one of the two transfers is lost."""
    wanted = select(Account).where(Account.id.in_([order.source_id, order.target_id])).with_for_update()
    source, target = session.scalars(wanted.order_by(Account.id == order.target_id))
    source.balance -= order.amount
    target.balance += order.amount
    session.flush()
    return note(session, order)


committed_late = transfers(late_app, amount=2500)
left_open = transfers(open_app, amount=2500)
computed_in_memory = transfers(racing_app, amount=2500)
