"""The tables of a site: who has an account, what happened, and the files that people have put there."""

from __future__ import annotations

from sqlalchemy import ForeignKey, MetaData, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from acidity.run import tables


class Base(DeclarativeBase):
    """Declarative base of the site."""


class User(Base):
    """An account."""

    __tablename__ = "users"

    email: Mapped[str] = mapped_column(String(80), primary_key=True)
    name: Mapped[str] = mapped_column(String(40))


class LogEntry(Base):
    """Something that happened."""

    __tablename__ = "log_entries"

    id: Mapped[int] = mapped_column(primary_key=True)
    event: Mapped[str] = mapped_column(String(120))


class StoredFile(Base):
    """What is known of a file, and where its content lies in the storage."""

    __tablename__ = "stored_files"

    key: Mapped[str] = mapped_column(String(40), primary_key=True)
    owner: Mapped[str] = mapped_column(ForeignKey("users.email"))
    place: Mapped[str] = mapped_column(String(32))
    size: Mapped[int]


def everything() -> MetaData:
    """The tables of the site, and those of the outbox."""
    found = MetaData()
    for table in (*Base.metadata.sorted_tables, *tables.metadata.sorted_tables):
        table.to_metadata(found)
    return found
