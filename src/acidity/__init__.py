"""acidity — prove your transactions.

Run your own function on a real database through every failure, and read from the rows whether it is atomic.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from acidity.run import (
        atomic,
        configure_sqlite,
        lock,
        on_commit,
        savepoint,
        transaction_required,
    )

__all__ = [
    "__version__",
    "atomic",
    "configure_sqlite",
    "lock",
    "on_commit",
    "savepoint",
    "transaction_required",
]

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """RUN is imported when it is first asked for, so that ``import acidity`` stays cheap."""
    if name in __all__:
        from acidity import run

        return getattr(run, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
