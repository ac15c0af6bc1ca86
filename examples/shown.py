"""Where the scripts beside the twins run: on tables of their own, which are gone at the end. Plain SQLAlchemy."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import MetaData, create_engine
from sqlalchemy.engine import Engine


@contextmanager
def tables(metadata: MetaData, url: str | None, **options: Any) -> Iterator[Engine]:
    """An engine on a database in which these tables are, and empty.

    Args:
        metadata: the tables.
        url: of an empty database; by default a new file of SQLite, which is removed at the end.
        **options: of the engine.
    """
    with tempfile.TemporaryDirectory() as folder:
        engine = create_engine(url or f"sqlite:///{Path(folder) / 'shown.db'}", **options)
        try:
            metadata.create_all(engine)
            yield engine
        finally:
            metadata.drop_all(engine)
            engine.dispose()
