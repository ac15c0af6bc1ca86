"""social-auth-storage-sqlalchemy: the nonce of a sign-in, which is used once."""

from __future__ import annotations

from social_sqlalchemy.storage import SQLAlchemyNonceMixin
from sqlalchemy import Engine
from sqlalchemy.orm import DeclarativeBase, Session, scoped_session, sessionmaker

SESSIONS = scoped_session(sessionmaker())


class Base(DeclarativeBase):
    pass


class Nonce(SQLAlchemyNonceMixin, Base):
    @classmethod
    def _session(cls) -> Session:
        return SESSIONS()


def use(engine: Engine) -> bool:
    """Whether the provider's nonce was taken in."""
    SESSIONS.configure(bind=engine)
    try:
        return bool(Nonce.use("https://id.example", 1, "salt").id)
    finally:
        SESSIONS.remove()
