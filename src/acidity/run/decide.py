"""The decisions of `atomic`: pure functions of what happened, shared by plain and async code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from acidity.engines.codes import LOCK_TIMEOUT, RETRYABLE, codes_of, commit_is_refused
from acidity.run.errors import RetriesExhausted
from acidity.run.state import State


@dataclass(frozen=True, slots=True)
class Policy:
    """How often, and after which errors, the whole function is run again.

    Attributes:
        max_attempts: counts the first.
        retry_lock_timeouts: also after a lock that was not granted in time (55P03, 1205).
    """

    max_attempts: int = 1
    retry_lock_timeouts: bool = False


ONCE = Policy()


@dataclass(slots=True)
class Ended:
    """How one attempt ended.

    Attributes:
        state: of the unit.
        result: what the function returned.
        error: what ended it, or None.
        failures: errors that the database answered inside it, swallowed ones too, the first first.
        commit_lost: the answer to COMMIT was lost (and a marker may have told since).
    """

    state: State
    result: Any = None
    error: BaseException | None = None
    failures: Sequence[BaseException] = ()
    commit_lost: bool = False


Verdict = Literal["return", "raise", "retry"]


def what_next(ended: Ended, attempts: int, policy: Policy, *, interrupted: bool = False) -> Verdict:
    """Return the result, raise the error, or run the function again.

    Args:
        ended: the attempt.
        attempts: how many have been made, this one included.
        policy: the rules.
        interrupted: the caller was cancelled meanwhile.

    Returns:
        ``retry`` only when it is certain that nothing was committed.
    """
    if ended.state is State.COMMITTED and ended.error is None:
        return "return"
    error = ended.error
    certain = ended.state is State.ABORTED
    if error is None or interrupted or not certain or not isinstance(error, Exception):
        return "raise"
    worth = ended.commit_lost or is_retryable(error, ended.failures, policy)
    return "retry" if worth and attempts < policy.max_attempts else "raise"


def is_retryable(error: BaseException, failures: Sequence[BaseException], policy: Policy) -> bool:
    """Whether another attempt can succeed where this one failed.

    What the database said inside the unit counts, also when the function raised something of its own because of it.

    Example:
        >>> is_retryable(ValueError("no"), (), Policy())
        False
    """
    worth = RETRYABLE | LOCK_TIMEOUT if policy.retry_lock_timeouts else RETRYABLE
    codes = [code for each in (*failures, error) for code in codes_of(each)]
    return any(code in worth for code in codes)


def state_after_commit_error(
    dialect: str, error: BaseException, code: str, *, answered: bool, acknowledged: bool, still_open: bool | None
) -> State:
    """Where the unit stands when COMMIT raised.

    Args:
        dialect: SQLAlchemy's name of the dialect.
        error: what it raised.
        code: the database's code on it.
        answered: the error is the database's, and the connection lives.
        acknowledged: COMMIT itself was answered well, and something after it raised.
        still_open: the driver says that the transaction is open; None where it cannot say.

    Returns:
        COMMITTED, FAILED (nothing will be committed) or UNKNOWN.
    """
    if acknowledged:
        return State.COMMITTED
    refused = answered and isinstance(error, Exception) and commit_is_refused(dialect, code, still_open=still_open)
    return State.FAILED if refused else State.UNKNOWN


def gave_up(attempts: Sequence[BaseException]) -> RetriesExhausted:
    """The error that lists all attempts."""
    lines = [f"  {number}. {_line(error)}" for number, error in enumerate(attempts, 1)]
    return RetriesExhausted(
        "\n".join([f"nothing was committed; all {len(attempts)} attempts failed:", *lines]), attempts
    )


def _line(error: BaseException) -> str:
    original = getattr(error, "orig", None) or error
    text = str(original).strip().splitlines() or [""]
    return f"{type(original).__name__}: {text[0]}"
