"""SQLAlchemy's way through the seam: every engine of the process, sync and async, made before or inside an operation.

`adapter` listens to class-level events, which tell of every new driver connection and of every `Connection`; `known`
keeps what they told; `calls` wraps the *instance* of the dialect that shows up, where SQLAlchemy hands over to the
driver. Nothing of the user's code changes, and `SqlAlchemyAdapter.remove` takes everything back. Names that SQLAlchemy
does not publish are in `private` alone.
"""

from __future__ import annotations

from acidity.adapters.sqlalchemy.adapter import SqlAlchemyAdapter

__all__ = ["SqlAlchemyAdapter"]
