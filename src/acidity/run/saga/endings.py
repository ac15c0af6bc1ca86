"""What a caller is told of a saga that did not reach its last step."""

from __future__ import annotations

from acidity.run.errors import SagaFailed, SagaInterrupted, SagaStuck
from acidity.run.saga.status import SagaStatus

_TEXT_MAX = 2000  # characters of an error that are kept


def interrupted(name: str, status: SagaStatus, error: BaseException) -> SagaInterrupted:
    """The database was not there or not free."""
    return SagaInterrupted(
        f"the saga {name!r} {status.id!r} is unfinished ({described(error)}); resume(), or run() with the same id, "
        f"carries it on; do not begin another",
        status.id,
        compensated=status.compensated,
    )


def stuck(name: str, status: SagaStatus) -> SagaStuck:
    """What must go through does not."""
    return SagaStuck(
        f"the saga {name!r} {status.id!r} is stuck while {status.state.value}: {status.stuck}. Remove the cause, then "
        f"resume({status.id!r})",
        status.id,
        status.failed_step or "",
        status.compensated,
    )


def failed(name: str, status: SagaStatus) -> SagaFailed:
    """A step was refused, and everything is compensated."""
    undone = ", ".join(status.compensated) or "nothing, as nothing had been done"
    return SagaFailed(
        f"the saga {name!r} {status.id!r} failed at {status.failed_step!r} ({status.error}); compensated: {undone}",
        status.id,
        status.failed_step or "",
        status.compensated,
    )


def described(error: BaseException) -> str:
    """An error in one line, short enough to be kept."""
    original = getattr(error, "orig", None) or error
    first = (str(original).strip().splitlines() or [""])[0]
    return f"{type(original).__name__}: {first}"[:_TEXT_MAX]
