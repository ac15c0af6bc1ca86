"""A helper that sends a mail and commits to note it, and with it what its caller has not finished (frappe)."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, sessionmaker


class Base(DeclarativeBase):
    pass


class Invoice(Base):
    __tablename__ = "invoice"
    id: Mapped[int] = mapped_column(primary_key=True)
    submitted: Mapped[bool]


class Entry(Base):
    __tablename__ = "entry"
    id: Mapped[int] = mapped_column(primary_key=True)


class Mail(Base):
    __tablename__ = "mail"
    id: Mapped[int] = mapped_column(primary_key=True)
    sent: Mapped[bool]


def setup(session: Session) -> None:
    session.add(Invoice(id=1, submitted=False))


def deliver() -> None:
    """The mail server."""


def commits_to_note_the_mail(session_factory: sessionmaker[Session]) -> None:
    with session_factory() as session:
        session.get_one(Invoice, 1).submitted = True
        session.add(mail := Mail(id=1, sent=False))
        session.flush()
        deliver()
        mail.sent = True
        session.commit()  # <- with all that is not done yet
        session.add(Entry(id=1))
        session.commit()


def queues_the_mail(session_factory: sessionmaker[Session]) -> None:
    with session_factory() as session:
        session.get_one(Invoice, 1).submitted = True
        session.add_all([Mail(id=1, sent=False), Entry(id=1)])
        session.commit()  # <- queued, and not rolled back


def queue(session_factory: sessionmaker[Session]) -> None:
    """Send what waits."""
    with session_factory() as session:
        for mail in session.scalars(select(Mail).where(Mail.sent.is_(False))).all():
            deliver()
            mail.sent = True
        session.commit()


SCENARIO = {"metadata": Base.metadata, "setup": setup, "effects": [f"{__name__}:deliver"]}
PROGRAMS = {
    "commits_to_note_the_mail": (commits_to_note_the_mail, SCENARIO),
    "queues_the_mail": (queues_the_mail, SCENARIO | {"settle": queue}),
}
