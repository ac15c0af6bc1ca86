"""The same site with one mistake each. Nothing in here knows that acidity exists."""

from __future__ import annotations

from sqlalchemy import create_engine, delete
from sqlalchemy.orm import Session

from examples.signup import outside
from examples.signup.models import LogEntry, StoredFile, User

engine = create_engine("sqlite:///:memory:")


def sign_up_and_mail_at_once(email: str, name: str) -> None:
    """The mail is sent inside the transaction: it is out when the log entry, or COMMIT, fails."""
    with Session(engine) as session, session.begin():  # <- the mail is out before this commits
        session.add(User(email=email, name=name))
        session.flush()
        outside.send_mail(email, f"Welcome, {name}")  # <- the mail is out before this commits
        session.add(LogEntry(event=f"{email} signed up"))
        session.flush()  # <- the mail is out before this commits


def store_with_a_second_commit(key: str, owner: str, content: str) -> None:
    """The row is committed, and what is known of the file in a transaction after it."""
    outside.write_file(key, content)
    with Session(engine) as session, session.begin():  # <- the row without what is known of it
        session.add(StoredFile(key=key, owner=owner, place=key, size=0))
        session.flush()
    with Session(engine) as session, session.begin():
        session.get_one(StoredFile, key).size = len(content)  # <- the row without what is known of it
        session.add(LogEntry(event=f"{key} stored"))
        session.flush()  # <- the row without what is known of it


def remove_the_file_first(key: str) -> None:
    """The file is gone when the row cannot be deleted, and the row tells of a file that is not there."""
    outside.remove_file(key)  # <- gone, whatever becomes of the row
    with Session(engine) as session, session.begin():  # <- gone, whatever becomes of the row
        session.execute(delete(StoredFile).where(StoredFile.key == key))  # <- gone, whatever becomes of the row
        session.add(LogEntry(event=f"{key} removed"))
        session.flush()  # <- gone, whatever becomes of the row
