"""How a library reaches a database: every adapter brings the calls of its library to the one seam."""

from __future__ import annotations

from collections.abc import Callable

from acidity.adapters.base import Adapter, Gatekeeper
from acidity.core.registry import Registry

ADAPTERS: Registry[Callable[[Gatekeeper], Adapter]] = Registry(
    "adapters",
    {
        "beforehand": "acidity.adapters.beforehand:BeforehandAdapter",
        "processes": "acidity.adapters.processes:ProcessesAdapter",
        "sqlalchemy": "acidity.adapters.sqlalchemy:SqlAlchemyAdapter",
        "dbapi": "acidity.adapters.dbapi:DbapiAdapter",
    },
)
