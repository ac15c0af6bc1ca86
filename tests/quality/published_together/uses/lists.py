"""SQLAlchemy's own extensions: a list that numbers its rows, and a JSON column of which one key is changed."""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, ForeignKey, String
from sqlalchemy.ext.mutable import MutableDict
from sqlalchemy.ext.orderinglist import ordering_list
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship


class Base(DeclarativeBase):
    pass


class Playlist(Base):
    __tablename__ = "playlists"

    id: Mapped[int] = mapped_column(primary_key=True)
    songs: Mapped[list[Song]] = relationship(order_by="Song.place", collection_class=ordering_list("place"))
    settings: Mapped[Any] = mapped_column(MutableDict.as_mutable(JSON))


class Song(Base):
    __tablename__ = "songs"

    id: Mapped[int] = mapped_column(primary_key=True)
    playlist_id: Mapped[int] = mapped_column(ForeignKey("playlists.id"))
    place: Mapped[int]
    title: Mapped[str] = mapped_column(String(20))


def playlist(session: Session) -> None:
    session.add(Playlist(id=1, songs=[Song(title="first")], settings={"loud": False}))


def append(session: Session, title: str) -> None:
    found = session.get_one(Playlist, 1)
    found.songs.append(Song(title=title))
    session.commit()


def set_one(session: Session, name: str) -> None:
    found = session.get_one(Playlist, 1)
    found.settings[name] = True
    session.commit()
