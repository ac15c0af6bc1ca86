"""If step 2 fails, what happens to step 1? The answer: by doing it, and counting accounts and mails."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

from acidity import atomic
from acidity.run import Relay
from examples.opening import open_database
from examples.signup import app, outside
from examples.signup.models import Base, User

RAHUL, PRIYA = ("rahul@email.com", "Rahul"), ("priya@email.com", "Priya")


def answer() -> None:
    """Print it, for each of three ways to fail."""
    print("If step 2 fails, what happens to step 1?")
    logging.getLogger("acidity").addHandler(logging.NullHandler())  # the relay says that it will try again
    with tempfile.TemporaryDirectory() as folder, outside.placed(Path(folder)):
        engine = open_database(f"sqlite:///{Path(folder) / 'answer.db'}", "signup", Base.metadata)
        app.Sessions.configure(bind=engine)
        try:
            told("each step commits by itself, and step 2 fails", in_two)
            told("one transaction, and step 2 fails", in_one)
            told("one transaction, and the mail server is down", mail_server_down)
            told("the mail server is back", app.deliver)
        finally:
            app.Sessions.configure(bind=app.engine)
            engine.dispose()


def told(what: str, function: Callable[[], Any]) -> None:
    """Do it, and say what is there after it."""
    before = counted()
    try:
        function()
    except RuntimeError as error:
        what += f" ({error})"
    accounts, mails = (after - earlier for earlier, after in zip(before, counted(), strict=True))
    print(f"  {what}: accounts {accounts:+}, mails {mails:+}")


def counted() -> tuple[int, int]:
    """Accounts and mails."""
    with app.Sessions() as session:
        return session.scalar(select(func.count()).select_from(User)) or 0, len(outside.mails())


def in_two() -> None:
    """Step 1 is over when step 2 begins."""
    with app.Sessions.begin() as session:
        session.add(User(email=RAHUL[0], name=RAHUL[1]))
    fail()


def in_one() -> None:
    """Step 1 is over when the unit is."""
    with atomic(app.Sessions) as session:
        session.add(User(email=PRIYA[0], name=PRIYA[1]))
        session.flush()
        fail()


def mail_server_down() -> None:
    """What is committed is carried out later."""
    app.sign_up(*PRIYA)
    Relay(app.Sessions, fail, backoff_s=0).run_once()


def fail(_: object = None) -> None:
    """Break.

    Raises:
        RuntimeError: always.
    """
    raise RuntimeError("the mail could not be sent")
