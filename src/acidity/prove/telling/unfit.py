"""Why a clean run is no measure, and what would help: the text of a usage error."""

from __future__ import annotations

from acidity.core.outcome import Ending, Mistake
from acidity.core.scenario import AS_NAMED, Operation
from acidity.prove.stage.asked_for import first_parameter, injection_of

_NOTHING = "so there is nothing to compare with"


def clean_run_failed(operation: Operation, ending: Ending) -> str:
    """The clean run was told *failed*, and nothing says that it should be."""
    where = f" at {ending.at}" if ending.at is not None else ""
    if not ending.exception:
        said = f"{operation.name}: the clean run failed, {_NOTHING} (it answered {ending.answer!r})"
        return f"{said}; say refused=True if this is an expected refusal"
    said = f"{operation.name}: the clean run failed{where}, {_NOTHING} ({_raised(ending)})"
    if ending.mistake is None:
        return f"{said}; say raises={ending.exception} if this is an expected refusal"
    return f"{said}; {_advice(operation, ending.mistake)}"


def zero_calls(operation: Operation) -> str:
    """It asked the database nothing; one that hides an error may have met it because of what it was given."""
    said = f"{operation.name}: the operation made no database call (zero Calls), so nothing was checked"
    injected = injection_of(operation)
    if operation.inject != AS_NAMED or injected is None:
        return said
    into = " into what wraps it" if _is_wrapped(operation) else ""
    return f"{said}; {injected} was injected{into}: say inject=None if it brings its own"


def _is_wrapped(operation: Operation) -> bool:
    return getattr(operation.function, "__wrapped__", None) is not None


def _raised(ending: Ending) -> str:
    message = " ".join(ending.message.split())
    return f"{ending.exception}: {message}" if message else ending.exception


OUTLIVED = (
    "a connection that is kept from one run to the next, also in a pool of the program's, is closed in between; let "
    "the operation open it, or let the pool look at what it gives out (check=ConnectionPool.check_connection)"
)


def _advice(operation: Operation, mistake: Mistake) -> str:
    """What to look at where the code, its arguments or its tables are wrong."""
    first, injected = first_parameter(operation), injection_of(operation)
    if operation.inject == AS_NAMED and first is not None and first.kind is first.VAR_POSITIONAL:
        return f"its parameters are *{first.name}, so nothing was injected: say inject= if it takes a session"
    if mistake is Mistake.LOCKED:
        return (
            "it ran alone, so it waits for itself: another session or connection that it has opened holds that lock; "
            "let one change have one session"
        )
    if mistake is Mistake.CONNECTION:
        return OUTLIVED
    if (
        operation.inject == AS_NAMED
        and injected is not None
        and _is_wrapped(operation)
        and mistake is not Mistake.TABLES
    ):
        return f"{injected} was injected into what wraps it: say inject=None if that brings its own"
    if mistake is Mistake.CALL and injected is not None:
        return f"its first argument was {injected}, which acidity injects: say inject=None if it brings its own"
    if mistake is Mistake.TABLES:
        return "look whether metadata= or schema= makes its tables, and setup= its rows"
    return "mend that first: faults are struck in runs that work"
