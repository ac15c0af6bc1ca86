"""SQLite, through Python's own driver and aiosqlite."""

from __future__ import annotations

from acidity.engines.sqlite.engine import ENGINE

__all__ = ["ENGINE"]
