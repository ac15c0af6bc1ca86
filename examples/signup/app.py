"""Accounts with a welcome mail, and files with a row: what is in the database, and what is not, come and go together.

A mail cannot be rolled back, and neither can a file that is gone. So the unit only writes down that it is to happen, in
its own transaction (an *outbox*), and `deliver` carries it out once that is committed; if it fails it is tried again.
A file is written before the row that tells of it: what goes wrong in between leaves a file that nobody knows.
"""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from sqlalchemy import create_engine
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, sessionmaker

from acidity import atomic
from acidity.run import Relay, configure_sqlite, emit
from examples.command import RefusedError
from examples.signup import outside
from examples.signup.models import LogEntry, StoredFile, User

WELCOME, REMOVE = "welcome", "remove"

engine = create_engine("sqlite:///:memory:")
configure_sqlite(engine)
Sessions = sessionmaker(engine)


@atomic(Sessions, max_attempts=3)
def sign_up(session: Session, email: str, name: str) -> None:
    """Step 1 the account, step 2 the welcome mail, step 3 the log entry: all of them, or none.

    Raises:
        RefusedError: there is such an account already.
        CommitUnknown: COMMIT was sent, and the database did not answer; ask again, "already" is a yes.
    """
    session.add(User(email=email, name=name))
    try:
        session.flush()
    except IntegrityError as error:
        raise RefusedError(f"{email} has an account already") from error
    emit(WELCOME, {"to": email, "subject": f"Welcome, {name}"}, key=email)
    session.add(LogEntry(event=f"{email} signed up"))


def store(key: str, owner: str, content: str) -> None:
    """Put a file there: the file first, in a place that nobody else has, and then the row that tells of it.

    Raises:
        RefusedError: there is no such account, or there is a file of that name.
        CommitUnknown: as above.
    """
    place = uuid4().hex
    outside.write_file(place, content)
    note_file(key, owner, place, len(content))


@atomic(Sessions, max_attempts=3)
def note_file(session: Session, key: str, owner: str, place: str, size: int) -> None:
    """The row of a file, and its log entry.

    Raises:
        RefusedError: there is no such account, or there is a file of that name.
        CommitUnknown: as above.
    """
    session.add(StoredFile(key=key, owner=owner, place=place, size=size))
    session.add(LogEntry(event=f"{key} stored"))
    try:
        session.flush()
    except IntegrityError as error:
        raise RefusedError(f"there is a file {key} already, or {owner} has no account") from error


@atomic(Sessions, max_attempts=3)
def remove(session: Session, key: str) -> None:
    """Remove a file: the row first, and the file once that is committed.

    Raises:
        RefusedError: there is no such file.
        CommitUnknown: as above.
    """
    file = session.get(StoredFile, key, with_for_update=True)
    if file is None:
        raise RefusedError(f"there is no file {key}")
    session.delete(file)
    emit(REMOVE, {"place": file.place}, key=file.place)
    session.add(LogEntry(event=f"{key} removed"))


def deliver(backoff_s: float = 1.0) -> int:
    """Carry out what is committed: mails that are to be sent, files that are to be removed.

    Args:
        backoff_s: how long one that failed waits, in seconds.

    Returns:
        How many.
    """
    done: int = Relay(Sessions, carry_out, backoff_s=backoff_s).run_once()
    return done


def carry_out(message: Any) -> None:
    """One of them; each may be asked for twice, and is done once."""
    if message.topic == WELCOME:
        outside.send_mail(message.payload["to"], message.payload["subject"])
    else:
        outside.remove_file(message.payload["place"])
