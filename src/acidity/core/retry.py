"""`Retry`: the caller of an operation calls it again when the database has turned it away."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from acidity.core.given import errors_in
from acidity.errors import UsageError


@dataclass(frozen=True, slots=True, init=False)
class Retry:
    """How the caller of an operation tries again, at once and from the beginning.

    Args:
        codes: the database's codes on errors after which it does: SQLSTATEs of PostgreSQL, numbers of MariaDB, names of
            SQLite. By default those of serialization failures, deadlocks and busy databases.
        exceptions: classes of the program's own errors after which it does, too, such as a stale version.
        max_attempts: how often it calls at most.

    Raises:
        UsageError: it would never try again.

    Example:
        >>> Retry(codes=("40001",), max_attempts=3).max_attempts
        3
    """

    codes: frozenset[str] | None
    exceptions: tuple[type[BaseException], ...]
    max_attempts: int

    def __init__(
        self,
        codes: Iterable[str] | None = None,
        *,
        exceptions: type[BaseException] | Iterable[type[BaseException]] = (),
        max_attempts: int = 3,
    ) -> None:
        if max_attempts < 2:
            raise UsageError(f"max_attempts={max_attempts!r} never tries again; give 2 or more")
        put = object.__setattr__
        put(self, "codes", None if codes is None else frozenset([codes] if isinstance(codes, str) else map(str, codes)))
        put(self, "exceptions", errors_in("exceptions", exceptions))
        put(self, "max_attempts", max_attempts)
