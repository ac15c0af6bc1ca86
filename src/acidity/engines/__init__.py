"""What a database is: every engine that acidity can check on, by name."""

from __future__ import annotations

from acidity.core.registry import Registry
from acidity.engines.base import Engine

ENGINES: Registry[Engine] = Registry(
    "engines",
    {
        "sqlite": "acidity.engines.sqlite:ENGINE",
        "postgresql": "acidity.engines.postgresql.engine:ENGINE",
        "mariadb": "acidity.engines.mariadb.engine:ENGINE",
    },
)
