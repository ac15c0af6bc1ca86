"""A helper that sends a mail and commits to note it, and with it what its caller has not finished (frappe)."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, sessionmaker

from acidity.core.cause import CauseKind
from tests.quality.cases import TORN, Case


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
        session.commit()


def queue(session_factory: sessionmaker[Session]) -> None:
    """Send what waits."""
    with session_factory() as session:
        for mail in session.scalars(select(Mail).where(Mail.sent.is_(False))).all():
            deliver()
            mail.sent = True
        session.commit()


SCENARIO = {"metadata": Base.metadata, "setup": setup, "effects": [f"{__name__}:deliver"]}
ENGINES, FAULTS = ("sqlite", "postgresql", "mariadb"), ("commit-refused", "commit-left-open", "kill-after")
CASES = (
    Case(
        commits_to_note_the_mail,
        SCENARIO,
        ENGINES,
        FAULTS,
        {"sqlite": frozenset({"torn", "false failure by a stranger's commit"})} | TORN,
        CauseKind.SEVERAL_COMMITS,
        "<- with all that is not done yet",
        "one-commit",
    ),
    Case(
        queues_the_mail,
        SCENARIO | {"settle": queue},
        ENGINES,
        FAULTS,
        {"sqlite": frozenset({"false failure"})},  # the refused COMMIT was left open in the pool
    ),
)
