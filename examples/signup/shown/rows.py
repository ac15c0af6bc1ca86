"""The rows and files that these scripts begin with, and how they are looked at."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Column, Integer, MetaData, String, Table, insert, select
from sqlalchemy.engine import Engine

from examples.shown import tables

metadata = MetaData()
users = Table("users", metadata, Column("email", String(80), primary_key=True))
stored = Table("stored_files", metadata, Column("key", String(40), primary_key=True), Column("size", Integer))
logged = Table("log_entries", metadata, Column("event", String(80), primary_key=True))
Found = list[str]


@contextmanager
def site(url: str | None) -> Iterator[tuple[Engine, Path]]:
    """An engine on a database in which there is a photo, and the folder in which it lies.

    Args:
        url: of an empty database; by default a new file of SQLite, which is removed at the end.
    """
    with tempfile.TemporaryDirectory() as outside, tables(metadata, url) as engine:
        with engine.begin() as connection:
            connection.execute(insert(stored).values(key="photo", size=3))
        folder = Path(outside)
        (folder / "photo").write_text("abc", encoding="utf-8")
        yield engine, folder


def look(engine: Engine, folder: Path) -> Found:
    """What is committed, as another connection sees it, and what lies in the folder."""
    with engine.connect() as connection:
        found = [f"account {row.email}" for row in connection.execute(select(users))]
        found += [
            f"row of {row.key}, {row.size} characters"
            for row in connection.execute(select(stored).order_by(stored.c.key))
        ]
        found += [f"log: {row.event}" for row in connection.execute(select(logged))]
    found += [f"outside: {path.name}" for path in sorted(folder.iterdir())]
    print("\n".join(f"  {line}" for line in found))
    return found
