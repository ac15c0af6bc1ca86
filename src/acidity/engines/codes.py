"""The reading of a code off an error, and what the codes mean for a transaction; the codes are each engine's `speech`.

Errors are told apart by the code on the driver's exception and never by its class: one driver raises a serialization
failure as a generic error, another raises a violated CHECK as an `OperationalError`. SQLSTATEs are PostgreSQL's
(Appendix A of its manual), numbers are MariaDB's (its KB, "Error Codes"), names are SQLite's (sqlite.org/rescode.html).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from acidity.engines.mariadb.speech import SPEECH as MARIADB
from acidity.engines.orphans import NAME, PREFIX
from acidity.engines.postgresql.speech import SPEECH as POSTGRESQL
from acidity.engines.speech import ErrorClass
from acidity.engines.sqlite.speech import SPEECH as SQLITE


def _codes(*classes: ErrorClass) -> frozenset[str]:
    """The codes of every engine that are of one of these classes."""
    known = (speech.errors for speech in (SQLITE, POSTGRESQL, MARIADB))
    return frozenset(code for errors in known for code, of in errors.items() if of in classes)


RETRYABLE = _codes(ErrorClass.SERIALIZATION, ErrorClass.DEADLOCK, ErrorClass.BUSY)
DEADLOCK = _codes(ErrorClass.DEADLOCK)
LOCK_TIMEOUT = _codes(ErrorClass.LOCK_TIMEOUT)
WAITED_IN_VAIN = LOCK_TIMEOUT | _codes(ErrorClass.BUSY)
TRANSACTION_LOST = frozenset({"1213", "1020", "1180", "1047", "1305", "40001"})  # no savepoint is left to go back to
DUPLICATE = _codes(ErrorClass.DUPLICATE)
REFUSING = _codes(ErrorClass.DUPLICATE, ErrorClass.CONSTRAINT) | {"P0001", "1644"}  # a constraint, RAISE, SIGNAL
NOT_THERE = frozenset({"SQLITE_ERROR", "42P01", "42703", "42704", "3F000", "1146", "1054", "1049"})  # a table, a column
_OF_OTHERS = _codes(
    ErrorClass.SERIALIZATION, ErrorClass.DEADLOCK, ErrorClass.LOCK_TIMEOUT
)  # they name who else is there
_NUMBERED = re.compile(  # by PostgreSQL, anew each time
    r"\b(?P<what>process|transaction|pivot|relation|database|object) (?P<number>\d+(/\d+)?)\b"
    r"|\b(?P<place>tuple) \((?P<at>\d+,\d+)\)",
    re.IGNORECASE,
)
_REFUSED_BY_MARIADB = frozenset({"1213", "1020", "1205", "1062", "1586", "1452", "1451", "1048", "4025"})
_NO_ANSWER_OF_POSTGRESQL = ("08", "57P", "58", "XX", "40003", "F0")


@contextmanager
def unless_kept_out() -> Iterator[None]:
    """What waits in vain in this context is not done: a program keeps everybody out, as LOCK TABLES does."""
    try:
        yield
    except Exception as error:
        if not WAITED_IN_VAIN.intersection(codes_of(error)):
            raise


def code_of(error: BaseException) -> str:
    """The database's code on an error of SQLAlchemy or a driver; empty if it has none.

    Args:
        error: any exception.

    Returns:
        A SQLSTATE, a number of MariaDB, or a name of SQLite.

    Example:
        >>> import sqlite3
        >>> code_of(sqlite3.OperationalError("no code"))
        ''
    """
    original = getattr(error, "orig", None) or error
    name = getattr(original, "sqlite_errorname", None)
    if name:
        return str(name)
    if isinstance(original, OSError):
        return ""
    first = original.args[0] if original.args else None
    for number in (first, getattr(original, "errno", None)):
        if isinstance(number, int) and number > 0:
            return str(number)
    return str(getattr(original, "sqlstate", None) or getattr(original, "pgcode", None) or "")


def steady_text(error: BaseException) -> str:
    """What an error says, as it is the same in every run: what a server numbers anew each time has numbers from 1.

    Returns:
        Its message, in which a process, transaction or row that is named twice is still the same one.

    Example:
        >>> steady_text(ValueError("no such table acidity_5e8bff94_32270_1646387_07b6f8b9.t"))
        'no such table acidity.t'
    """
    text = NAME.sub(PREFIX.rstrip("_"), str(error))
    if code_of(error) not in _OF_OTHERS:
        return text
    known: dict[tuple[str, str], int] = {}

    def numbered(found: re.Match[str]) -> str:
        what = found["what"] or found["place"]
        of_one = [key for key in known if key[0] == what.lower()]
        number = known.setdefault((what.lower(), found["number"] or found["at"]), len(of_one) + 1)
        return f"{what} {number}"

    return _NUMBERED.sub(numbered, text)


def chain(error: BaseException) -> Iterator[BaseException]:
    """The error and what it was raised from or while handling: a failed ROLLBACK TO (1305) masks a deadlock (1213)."""
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        current = waiting.pop(0)
        if current is None or id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        waiting += [current.__cause__, current.__context__]


def codes_of(error: BaseException) -> tuple[str, ...]:
    """Every code in the chain of this error, its own first."""
    return tuple(code for code in map(code_of, chain(error)) if code)


def commit_is_refused(dialect: str, code: str, *, still_open: bool | None) -> bool:
    """Whether an error that the database *answered* to COMMIT proves that nothing was and will be committed.

    Args:
        dialect: SQLAlchemy's name of the dialect.
        code: on the error.
        still_open: whether the driver says that the transaction is still open; None where it cannot say.

    Returns:
        False means unknown, never committed.

    Example:
        >>> commit_is_refused("postgresql", "23503", still_open=None)
        True
        >>> commit_is_refused("mariadb", "1180", still_open=None)
        False
    """
    if dialect == "sqlite":
        return still_open is True
    if dialect == "postgresql":
        return bool(code) and not code.startswith(_NO_ANSWER_OF_POSTGRESQL)
    return code in _REFUSED_BY_MARIADB
