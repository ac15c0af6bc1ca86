"""Make the tables of a Scenario: from metadata, a ``.sql`` file, a callable, or Alembic's head."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from configparser import Error as ConfigParserError
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import MetaData, event
from sqlalchemy.engine import Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.schema import CreateSchema

from acidity.core.database import Database
from acidity.core.packages import missing
from acidity.core.scenario import Scenario
from acidity.engines.base import Sandbox
from acidity.engines.hosted import HostedSandbox
from acidity.errors import UsageError


def schema_maker(scenario: Scenario | Database, sandbox: Sandbox) -> Callable[[Engine], None]:
    """The function that makes the tables on an engine.

    Raises:
        UsageError: the schema is of no known form or cannot be read.
    """
    if scenario.metadata is not None:
        metadata = getattr(scenario.metadata, "metadata", scenario.metadata)
        if not isinstance(metadata, MetaData):
            raise UsageError(f"metadata= takes a SQLAlchemy MetaData, not {scenario.metadata!r}")
        if not metadata.tables:
            raise UsageError("metadata= has no tables; import the modules that define the models first")
        return _guarded(partial(_create_all, metadata), "the metadata")
    schema = scenario.schema
    if isinstance(schema, Path):
        if not schema.is_file():
            raise UsageError(f"schema={str(schema)!r} does not exist (looked from {Path.cwd().name}/)")
        if schema.suffix == ".ini":
            return _guarded(_alembic(schema, sandbox), f"the Alembic migrations of {schema}")
        return _guarded(_script(schema, sandbox), f"the schema {schema}")
    if _is_alembic_config(schema):
        return _guarded(_alembic(schema, sandbox), "the Alembic migrations")
    if callable(schema):
        return _guarded(_from_callable(schema), f"the schema function {getattr(schema, '__name__', schema)!r}")
    raise UsageError(f"schema= takes a .sql file, an Alembic config, or callable(connection), not {schema!r}")


def _create_all(metadata: MetaData, engine: Engine) -> None:
    """Make the tables, and before them the schemas that they name and nothing has made yet."""
    names = {table.schema for table in metadata.tables.values() if table.schema}

    def make_schemas(_: Any, connection: Any, **__: Any) -> None:
        for name in sorted(names):
            connection.execute(CreateSchema(name, if_not_exists=True))

    if engine.dialect.name == "sqlite":  # it has none: a schema there is an attached file, which is refused
        names.clear()
    event.listen(metadata, "before_create", make_schemas)  # after what the program itself has do this
    try:
        # MariaDB lets nobody ask whether a table is there in a database that is not there yet; and nothing is.
        metadata.create_all(engine, checkfirst=not names or engine.dialect.name == "postgresql")
    finally:
        event.remove(metadata, "before_create", make_schemas)


def _guarded(make: Callable[[Engine], Any], what: str) -> Callable[[Engine], None]:
    def guarded(engine: Engine) -> None:
        try:
            make(engine)
        except UsageError:
            raise
        except (SQLAlchemyError, sqlite3.Error, OSError, UnicodeDecodeError, ConfigParserError) as error:
            original = getattr(error, "orig", None) or error
            raise UsageError(f"{what} cannot be created: {original}") from error

    return guarded


def _script(path: Path, sandbox: Sandbox) -> Callable[[Engine], None]:
    def make(engine: Engine) -> None:
        text = path.read_text(encoding="utf-8")
        if isinstance(sandbox, HostedSandbox):
            try:
                sandbox.run_script(text)
            except Exception as error:
                raise UsageError(f"the schema {path} cannot be created: {error}") from error
            return
        connection: Any = engine.raw_connection()
        try:
            connection.driver_connection.executescript(text)
            connection.commit()
        finally:
            connection.close()

    return make


def _from_callable(function: Callable[[Any], Any]) -> Callable[[Engine], None]:
    def make(engine: Engine) -> None:
        with engine.begin() as connection:
            function(connection)

    return make


def _is_alembic_config(schema: Any) -> bool:
    return type(schema).__module__.startswith("alembic.") and hasattr(schema, "get_main_option")


def _alembic(config: Any, sandbox: Sandbox) -> Callable[[Engine], None]:
    """Upgrade to head; env.py finds the Sandbox as ``sqlalchemy.url`` and as ``attributes["connection"]``."""

    def make(engine: Engine) -> None:
        try:
            from alembic import command
            from alembic.config import Config
            from alembic.util import CommandError
        except ImportError:
            raise UsageError(missing("alembic")) from None
        used = Config(str(config)) if isinstance(config, Path) else config
        old_url, old_attributes = used.get_main_option("sqlalchemy.url"), dict(used.attributes)
        used.set_main_option("sqlalchemy.url", sandbox.url().replace("%", "%%"))
        try:
            with engine.connect() as connection:
                used.attributes["connection"] = connection
                command.upgrade(used, "head")
                connection.commit()
        except CommandError as error:
            raise UsageError(f"the Alembic migrations cannot be created: {error}") from error
        finally:
            used.attributes.clear()
            used.attributes.update(old_attributes)
            if old_url is not None:
                used.set_main_option("sqlalchemy.url", old_url.replace("%", "%%"))

    return make
