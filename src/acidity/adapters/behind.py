"""The pool's connection behind one of SQLAlchemy's, for who only wants to know which it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy.engine import Connection

# `Connection.connection` as SQLAlchemy has it: a unit of work sets a savepoint when a program takes its own.
pooled_connection_of: Callable[[Connection], Any] = vars(Connection)["connection"].fget
