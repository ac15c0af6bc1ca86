"""Context variables that are never without a value where they were made."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TypeVar

T = TypeVar("T")


def context_variable(name: str, default: T) -> ContextVar[T]:
    """A context variable that has its value in this context and in all that are copied from it.

    To reset one that had none takes it out of the context, where CPython 3.11 then may go on with memory that it has
    freed (``hamt_node_bitmap_without`` in Python/hamt.c): the process dies of it, or says that it has no memory.

    Args:
        name: of the variable.
        default: its value.
    """
    variable: ContextVar[T] = ContextVar(name, default=default)
    variable.set(default)
    return variable
