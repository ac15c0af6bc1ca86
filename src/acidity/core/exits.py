"""Code of the user's that acidity asks calls `sys.exit`: that is a mistake in it, and not the end of a check."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from acidity.errors import Terminated


class Exited(Exception):  # noqa: N818 - what happened, in the words of a report
    """It called `sys.exit`."""


@contextmanager
def exits_as_errors() -> Iterator[None]:
    """What calls `sys.exit` in this context fails like anything else that fails.

    Raises:
        Exited: it did.

    >>> with exits_as_errors():
    ...     raise SystemExit(0)
    Traceback (most recent call last):
    acidity.core.exits.Exited: sys.exit(0) was called
    """
    try:
        yield
    except Terminated:  # acidity's own, for a signal
        raise
    except SystemExit as error:
        raise Exited(f"sys.exit({error.code!r}) was called") from error
