"""peewee: the number of a word, inserted where there is none; the key that somebody else has inserted is read."""

from __future__ import annotations

from typing import Any

import peewee


class Word(peewee.Model):
    word = peewee.CharField(unique=True)


def create_words(connection: Any) -> None:
    connection.exec_driver_sql("CREATE TABLE word (id INTEGER PRIMARY KEY, word VARCHAR(255) NOT NULL UNIQUE)")


def number_of(dsn: str) -> int:
    database = peewee.SqliteDatabase(dsn)
    with database.bind_ctx([Word]), database.connection_context():
        return int(Word.get_or_create(word="tea")[0].id)
