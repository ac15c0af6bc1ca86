"""What to do when a step or a compensation has failed: pure."""

from __future__ import annotations

from typing import Literal

from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, NotSupportedError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from acidity.engines.codes import RETRYABLE, chain, code_of
from acidity.run.errors import CommitUnknown

Next = Literal["again", "compensate", "stuck", "interrupted"]
# SQLSTATE classes by which PostgreSQL turns down what was asked, whoever asks it and whenever (its manual, Appendix A)
_REFUSED_BY_POSTGRESQL = ("0A", "21", "22", "23", "26", "27", "42", "44", "P0")
# SIGNAL, a result out of range, CHECK (MariaDB, MySQL): drivers raise them as errors of the operation of the server
_REFUSED_BY_MARIADB = frozenset({"1644", "1690", "3819", "4025"})
_REFUSED_BY_SQLITE = ("SQLITE_CONSTRAINT", "SQLITE_MISMATCH", "SQLITE_TOOBIG", "SQLITE_RANGE", "SQLITE_ERROR")
_REFUSALS = (IntegrityError, DataError, ProgrammingError, NotSupportedError)
_SQLSTATE = 5


def after_failure(*, may_compensate: bool, interruption: bool, failures: int, max_attempts: int) -> Next:
    """What to do next.

    Args:
        may_compensate: it was a step, and none that cannot be compensated is done.
        interruption: the database was not there or not free; this says nothing about the step.
        failures: how often this has failed in a row, this time included.
        max_attempts: how often it may be tried.

    Example:
        >>> after_failure(may_compensate=True, interruption=False, failures=1, max_attempts=5)
        'compensate'
        >>> after_failure(may_compensate=False, interruption=False, failures=5, max_attempts=5)
        'stuck'
    """
    if may_compensate and not interruption:
        return "compensate"
    if failures < max_attempts:
        return "again"
    return "interrupted" if interruption else "stuck"


def is_interruption(error: BaseException, *, reached: bool = True) -> bool:
    """Whether the same step may well go through later, as nothing has refused it.

    Args:
        error: what ended the unit.
        reached: the step's own function was called.

    Example:
        >>> is_interruption(ValueError("no rooms")), is_interruption(OSError("no route to host"), reached=False)
        (False, True)
    """
    return not reached or any(_is_outage(each) for each in chain(error))


def _is_outage(error: BaseException) -> bool:
    if isinstance(error, DBAPIError):
        return error.connection_invalidated or not is_refusal(error)
    return isinstance(error, MemoryError | CommitUnknown | PoolTimeout) or not isinstance(error, Exception)


def is_refusal(error: DBAPIError) -> bool:
    """Whether the database has turned down what was asked; by the code, because drivers disagree on classes."""
    code = code_of(error)
    if not code or code in RETRYABLE:
        return False
    if code.startswith("SQLITE_"):
        return code.startswith(_REFUSED_BY_SQLITE)
    if len(code) == _SQLSTATE:
        return code.startswith(_REFUSED_BY_POSTGRESQL)
    return code in _REFUSED_BY_MARIADB or isinstance(error, _REFUSALS)
