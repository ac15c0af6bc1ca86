"""A job that notes how it stands in commits of their own, and goes on with a session that is broken (dify)."""

from __future__ import annotations

from sqlalchemy import update
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, sessionmaker


class Base(DeclarativeBase):
    pass


class Document(Base):
    __tablename__ = "document"
    id: Mapped[int] = mapped_column(primary_key=True)
    state: Mapped[str] = mapped_column()
    vector: Mapped[int]


def setup(session: Session) -> None:
    session.add(Document(id=1, state="waiting", vector=0))


def complete_with_its_vector(session: Session) -> bool:
    document = session.get_one(Document, 1)
    return (document.state == "completed") == bool(document.vector)


def _mark(session: Session, state: str) -> None:
    session.get_one(Document, 1).state = state
    session.commit()  # <- before the work is done


def _index(session: Session) -> None:
    document = session.get_one(Document, 1)
    document.vector = 5
    session.flush()
    document.state = "completed"
    session.commit()


def goes_on_with_the_session(session_factory: sessionmaker[Session]) -> None:
    with session_factory() as session:
        _mark(session, "indexing")
        try:
            _index(session)
        except Exception:
            _mark(session, "error")
            raise


def takes_a_new_session(session_factory: sessionmaker[Session]) -> None:
    with session_factory() as session:
        _mark(session, "indexing")
        try:
            _index(session)
        except Exception:
            session.rollback()
            with session_factory() as other:
                _mark(other, "error")  # <- although it may be completed
            raise


def _again(session_factory: sessionmaker[Session], *states: str) -> None:
    with session_factory.begin() as session:
        session.execute(update(Document).where(Document.state.in_(states)).values(state="waiting"))


def failed_ones_again(session_factory: sessionmaker[Session]) -> None:
    _again(session_factory, "error")


def all_again(session_factory: sessionmaker[Session]) -> None:
    _again(session_factory, "error", "indexing")


SCENARIO = {
    "metadata": Base.metadata,
    "setup": setup,
    "invariants": [complete_with_its_vector],
    "commits": "several",
}
PROGRAMS = {
    "goes_on_with_the_session": (goes_on_with_the_session, SCENARIO | {"recover": failed_ones_again}),
    "takes_a_new_session": (takes_a_new_session, SCENARIO | {"recover": all_again}),
    "takes_a_new_session_in_doubt": (takes_a_new_session, SCENARIO | {"recover": all_again}),
}
