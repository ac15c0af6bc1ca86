"""Open the database of an example for a person: a file in the current directory, or the one that ``--db`` names."""

from __future__ import annotations

from sqlalchemy import Column, MetaData, String, Table, create_engine, insert, inspect, select
from sqlalchemy.engine import Engine, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError
from sqlalchemy.pool import SingletonThreadPool
from sqlalchemy.schema import CreateTable

from acidity.run import configure_sqlite, tables

MARK = Table("acidity_example", MetaData(), Column("name", String(40), primary_key=True))


class NotOurDatabaseError(Exception):
    """The database cannot be used, or has tables that are not of this example; the text is for the user."""


def open_database(url: str | None, example: str, metadata: MetaData, *, threads: int = 1) -> Engine:
    """An engine on a database that is this example's own: its tables are made if the database is empty.

    Args:
        url: of SQLAlchemy; by default ``NAME.db`` in the current directory, with a durable journal.
        example: the name that the database is marked with.
        metadata: the tables.
        threads: that work in it at once; each keeps a connection.

    Raises:
        NotOurDatabaseError: the URL is not one, nobody answers there, or the database belongs to something else.
    """
    try:
        engine = create_engine(make_url(url or f"sqlite:///{example}.db"), pool_size=threads)
    except (ArgumentError, NoSuchModuleError, ImportError) as error:
        raise NotOurDatabaseError(f"--db is not the URL of a database: {error}") from error
    if threads > 1 and isinstance(engine.pool, SingletonThreadPool):
        raise NotOurDatabaseError(f"--db {url}: a database in memory is of one thread, and {threads} are at work here")
    if engine.dialect.name == "sqlite":
        configure_sqlite(engine)
    try:
        _own(engine, example, metadata)
    except DBAPIError as error:
        engine.dispose()
        raise NotOurDatabaseError(f"{engine.url.render_as_string()}: {error.orig}") from error
    except NotOurDatabaseError:
        engine.dispose()
        raise
    return engine


def _own(engine: Engine, example: str, metadata: MetaData) -> None:
    """Make the tables in an empty database, and mark it; refuse every other one that is not marked so already."""
    with engine.begin() as connection:
        there = inspect(connection).get_table_names()
        if MARK.name in there:
            marked = connection.scalars(select(MARK.c.name)).all()
            if list(marked) == [example]:
                return
            raise NotOurDatabaseError(
                f"{engine.url.render_as_string()} is the database of the example {', '.join(marked)}, not of {example}"
            )
        if there:
            raise NotOurDatabaseError(
                f"{engine.url.render_as_string()} has tables already ({', '.join(sorted(there)[:3])}); name an empty "
                f"database with --db"
            )
        for table in (MARK, *metadata.sorted_tables, *tables.metadata.sorted_tables):
            connection.execute(CreateTable(table))
        connection.execute(insert(MARK).values(name=example))
