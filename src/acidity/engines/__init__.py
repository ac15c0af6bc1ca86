"""What a database is: every engine that acidity can check on, by name."""

from __future__ import annotations

from collections.abc import Mapping

from acidity.core.registry import Registry
from acidity.engines.base import Engine, Sandbox

ENGINES: Registry[Engine] = Registry(
    "engines",
    {
        "sqlite": "acidity.engines.sqlite.engine:ENGINE",
        "postgresql": "acidity.engines.postgresql.engine:ENGINE",
        "mariadb": "acidity.engines.mariadb.engine:ENGINE",
    },
)

_ALIASES = {"postgres": "postgresql", "mysql": "mariadb"}


def engine_of(db: str) -> Engine:
    """The engine of what ``db=`` names.

    Raises:
        UsageError: it is not known.
    """
    name = db.partition("://")[0].partition("+")[0]
    return ENGINES[_ALIASES.get(name, name)]


def settings_of(by_engine: Mapping[str, Mapping[str, str]], db: str) -> dict[str, str]:
    """Those of the engine that ``db=`` names, from a mapping by engine; ``"postgres"`` names the same as in ``db=``.

    Raises:
        UsageError: one of the names is no engine.
    """
    named = [(engine_of(name).name, chosen) for name, chosen in by_engine.items()]
    return {name: value for engine, chosen in named if engine == engine_of(db).name for name, value in chosen.items()}


def new_sandbox(db: str, settings: Mapping[str, str]) -> Sandbox:
    """A Sandbox on what ``db=`` names: an engine, an engine with its driver, or the URL of a server.

    Raises:
        EngineUnavailable: the engine cannot be started here, or the server does not let acidity create databases.
        UsageError: the engine, the driver or a setting is not known.
    """
    scheme, separator, _ = db.partition("://")
    return engine_of(db).sandbox(settings, scheme.partition("+")[2], db if separator else "")
