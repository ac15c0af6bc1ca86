"""How a library reaches a database: every adapter brings the calls of its library to the one seam."""

from __future__ import annotations

from typing import Any

from acidity.core.registry import Registry

ADAPTERS: Registry[Any] = Registry("adapters", {"sqlalchemy": "acidity.adapters.sqlalchemy:SqlAlchemyAdapter"})
