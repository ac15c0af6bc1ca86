"""Rows that packages find or make: advanced-alchemy, Flask-Dance, sqlite-utils, sqlalchemy-mptt."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import sqlite_utils
from advanced_alchemy.repository import SQLAlchemyAsyncRepository, SQLAlchemySyncRepository
from flask_dance.consumer.storage.sqla import OAuthConsumerMixin, SQLAlchemyStorage
from sqlalchemy import Column, Integer, String
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column
from sqlalchemy_mptt.mixins import BaseNestedSets


class Base(DeclarativeBase):
    pass


# advanced-alchemy: the account of this address, made where there is none


class Account(Base):
    __tablename__ = "accounts"

    id: Mapped[int] = mapped_column(primary_key=True)
    address: Mapped[str] = mapped_column(String(50))


class Accounts(SQLAlchemyAsyncRepository[Account]):
    model_type = Account


class PlainAccounts(SQLAlchemySyncRepository[Account]):
    model_type = Account


async def account_of(async_session: AsyncSession) -> int:
    account, _ = await Accounts(session=async_session).get_or_upsert(address="a@b.c")
    number = account.id
    await async_session.commit()
    return number


# Flask-Dance: the token of a provider, which a new one replaces


class Token(OAuthConsumerMixin, Base):
    pass


PROVIDER = SimpleNamespace(name="github", config={})


def log_in(session: Session, token: str) -> None:
    SQLAlchemyStorage(Token, session).set(PROVIDER, {"access_token": token})


# sqlite-utils: the number of a word, made where there is none


def create_words(connection: Any) -> None:
    connection.exec_driver_sql("CREATE TABLE words (id INTEGER PRIMARY KEY, word TEXT)")
    connection.exec_driver_sql("CREATE UNIQUE INDEX idx_words_word ON words (word)")


def number_of(dbapi_connection: Any) -> int:
    return int(sqlite_utils.Database(dbapi_connection)["words"].lookup({"word": "tea"}))


# sqlalchemy-mptt: a child of a node


class Node(Base, BaseNestedSets):
    __tablename__ = "nodes"

    id = Column(Integer, primary_key=True)
    name = Column(String(20))


def root(session: Session) -> None:
    session.add(Node(name="root"))


def add_child(session: Session, name: str) -> None:
    session.add(Node(name=name, parent_id=1))
    session.commit()
