"""A `Database` of a Scenario that has several: its own tables, rows before, engine and module-level engines."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from acidity.core.given import names_in, plain
from acidity.errors import UsageError


@dataclass(frozen=True, slots=True, init=False)
class Database:
    """One of the databases that an operation writes to.

    Args:
        metadata: a SQLAlchemy ``MetaData`` that creates the tables.
        schema: instead of `metadata`, a path to a ``.sql`` file, an Alembic ``Config`` or the path to an
            ``alembic.ini``, or ``callable(connection)``.
        setup: ``callable(session)`` that writes the rows before, in this database.
        bind: ``"module:engine"`` or several, module-level engines and settings that are redirected to this database.
        db: its engine, as ``db=`` of a check names one; by default that of the check.
        settings: of this database, where `db` is given; otherwise those of the check hold.
        references: ``"table.column"`` → ``"database.table.column"``: columns that hold keys of another database, which
            no foreign key can say.

    Raises:
        UsageError: no schema, or two; or a reference that names no column.

    Example:
        >>> Scenario(order, databases={"orders": Database(metadata=Orders.metadata),      # doctest: +SKIP
        ...                            "stock": Database(metadata=Stock.metadata, db="mariadb")})
    """

    metadata: Any
    schema: Any
    setup: Callable[[Any], Any] | None
    bind: tuple[str, ...]
    db: str | None
    settings: Mapping[str, str]
    references: Mapping[str, str]

    def __init__(
        self,
        *,
        metadata: Any = None,
        schema: Any = None,
        setup: Callable[[Any], Any] | None = None,
        bind: str | Iterable[str] = (),
        db: str | None = None,
        settings: Mapping[str, str] | None = None,
        references: Mapping[str, str] | None = None,
    ) -> None:
        if (metadata is None) == (schema is None):
            raise UsageError("a Database needs its tables from exactly one of metadata= and schema=")
        if settings and db is None:
            raise UsageError("settings= of a Database needs its db=; without, the settings of the check hold")
        for column, target in (references or {}).items():
            if column.count(".") < 1 or target.count(".") < 2:  # a schema may stand before the table
                raise UsageError(
                    f"references= takes 'table.column': 'database.table.column', not {column!r}: {target!r}"
                )
        put = object.__setattr__
        put(self, "metadata", metadata)
        put(self, "schema", Path(schema) if isinstance(schema, str) else plain("schema", schema))
        put(self, "setup", plain("setup", setup))
        put(self, "bind", names_in("bind", bind, "app.db:engine"))
        put(self, "db", db)
        put(self, "settings", dict(settings or {}))
        put(self, "references", dict(references or {}))


def several(databases: Mapping[str, Database], bind: object) -> dict[str, Database]:
    """The databases of a Scenario by name, each with the engines that ``Scenario(bind={…})`` names for it.

    Raises:
        UsageError: a name is no identifier, there is only one, or `bind` does not say which database it means.
    """
    if len(databases) < 2:
        raise UsageError("databases= is for two databases or more; give metadata= or schema= to the Scenario for one")
    for name, database in databases.items():
        if not isinstance(name, str) or not name.isidentifier():
            raise UsageError(f"databases= maps names that are identifiers to Databases, not {name!r}")
        if not isinstance(database, Database):
            raise UsageError(f"databases={{{name!r}: …}} takes a Database, not {type(database).__name__}")
    if not bind:
        return dict(databases)
    if not isinstance(bind, Mapping) or bind.keys() - databases.keys():
        raise UsageError(
            f"bind= of a Scenario with databases maps their names to engines, as in "
            f'bind={{"{next(iter(databases))}": "module:engine"}}; the databases are: {", ".join(databases)}'
        )
    return {name: _bound(database, bind.get(name, ())) for name, database in databases.items()}


def _bound(database: Database, more: str | Iterable[str]) -> Database:
    names = (*database.bind, *names_in("bind", more, "app.db:engine"))
    return Database(
        metadata=database.metadata,
        schema=database.schema,
        setup=database.setup,
        bind=names,
        db=database.db,
        settings=database.settings,
        references=database.references,
    )
