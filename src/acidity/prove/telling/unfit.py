"""Why a clean run is no measure, and what would help: the text of a usage error."""

from __future__ import annotations

import re
from collections.abc import Iterable
from inspect import isasyncgenfunction
from textwrap import shorten

from acidity.core.call import History
from acidity.core.outcome import Ending, Mistake
from acidity.core.packages import PACKAGES
from acidity.core.scenario import AS_NAMED, Operation
from acidity.prove.stage.asked_for import first_parameter, injection_of
from acidity.prove.stage.made import most_made

_NOTHING = "so there is nothing to compare with"
_STRUCK = "faults are struck in runs that work"
_COMPARED = "callers at once are compared with callers one after the other, which have to work"
_LONG = 240
_ADDED = re.compile(r"\n(?:\[SQL: |\(Background on this error)")
_MAKES = "the database makes {key} from a sequence, and it was there"
_UNMOVED = (
    "rows that setup= writes with {key} do not move the sequence that makes it, which still starts at 1: leave {key} "
    "out of setup=, or set the sequence there (setval, ALTER TABLE … RESTART)"
)
_DUPLICATE = "23505"  # of PostgreSQL; on the other engines a key that is written moves what makes the next one
_KEY = re.compile(r"\(([^()]+)\)=\(([^()]*)\)")  # as its DETAIL has it in every language
_INSERT = re.compile(r"\s*insert\s+into\s+[^\s(]+\s*\(([^()]*)\)", re.IGNORECASE)


def clean_run_failed(operation: Operation, ending: Ending, history: History, engines: Iterable[str]) -> str:
    """The clean run was told *failed*, and nothing says that it should be.

    Args:
        operation: what was run.
        ending: how it ended.
        history: what it did.
        engines: where.
    """
    if not ending.exception:
        said = f"{operation.name}: the clean run failed, {_NOTHING} (it answered {ending.answer!r})"
        return f"{said}; say refused=True if this is an expected refusal"
    said = f"{operation.name}: the clean run failed{_where(ending)}, {_NOTHING} ({_raised(ending)})"
    return f"{said}; {_what_helps(operation, ending, history, engines, _STRUCK)}"


def failed_alone(operation: Operation, ending: Ending) -> str:
    """What left an operation that had no other callers beside it."""
    return f"{operation.name}() fails when nobody else is there{_where(ending)}: {_raised(ending)}"


def fails_alone(operation: Operation, ending: Ending, history: History, engines: Iterable[str]) -> str:
    """The same where it has changed no row, with what would help; see `clean_run_failed`."""
    return f"{failed_alone(operation, ending)}; {_what_helps(operation, ending, history, engines, _COMPARED)}"


def _where(ending: Ending) -> str:
    return f" at {ending.at}" if ending.at is not None else ""


def _what_helps(operation: Operation, ending: Ending, history: History, engines: Iterable[str], why: str) -> str:
    package, engines = PACKAGES.get(ending.driver), sorted(set(engines))
    if package is not None and package.db.partition("+")[0] not in engines:
        return (
            f"the operation uses {ending.driver}, and the check runs on {' and '.join(engines)}: say --db {package.db}"
        )
    if ending.mistake is not None:
        return _advice(operation, ending.mistake) or f"mend that first: {why}"
    unmoved, surely = _unmoved(history)
    if surely:
        return unmoved
    before = f"{unmoved}; " if unmoved else ""
    return f"{before}say raises={ending.exception.partition('[')[0]} if this is an expected refusal"


def zero_calls(operation: Operation) -> str:
    """It asked the database nothing; one that hides an error may have met it because of what it was given."""
    said = f"{operation.name}: the operation made no database call (zero Calls), so nothing was checked"
    if why := why_zero(operation):
        return f"{said}; {why}"
    injected = injection_of(operation)
    if operation.inject != AS_NAMED or injected is None:
        return said
    into = " into what wraps it" if _is_wrapped(operation) else ""
    return f"{said}; {injected} was injected{into}: say inject=None if it brings its own"


def why_zero(operation: Operation) -> str:
    """Why it asked nothing, where that can be told."""
    if made := most_made(operation):
        return (
            f"one run made {made} call{'' if made == 1 else 's'} and a later one none, so something in memory outlives "
            "a run (a cache, a set of what was seen)"
        )
    if isasyncgenfunction(operation.function):
        return "it is an async generator function, which was never iterated: give a coroutine that iterates it"
    return ""


def _is_wrapped(operation: Operation) -> bool:
    return getattr(operation.function, "__wrapped__", None) is not None


def _raised(ending: Ending) -> str:
    """What was raised, without the text that SQLAlchemy sent and what it says of that."""
    message = shorten(_ADDED.split(ending.message, maxsplit=1)[0], _LONG, placeholder=" …")
    return f"{ending.exception}: {message}" if message else ending.exception


def _unmoved(history: History) -> tuple[str, bool]:
    """That a sequence of PostgreSQL has made a key which was written before, and whether that is sure.

    It is where the INSERT leaves the key out; where it gives the key, the program has, unless it asks a sequence.
    """
    refused = next((event for event in reversed(history) if event.reply.code == _DUPLICATE), None)
    found = _KEY.search(refused.reply.error) if refused is not None else None
    if refused is None or found is None:
        return "", False
    columns, values = found.groups()
    key = [name for name, value in zip(_names(columns), _names(values), strict=False) if value.isdigit()]
    insert = _INSERT.match(refused.call.sql)
    surely = insert is not None and not any("nextval" in event.call.sql.lower() for event in history)
    if insert is not None and surely:
        key = [name for name in key if name not in _names(insert[1])]
    if not key:
        return "", False
    said = f"{_MAKES}; {_UNMOVED}" if surely else _UNMOVED
    return said.format(key=", ".join(key)), surely


def _names(listed: str) -> list[str]:
    return [name.strip().strip('"').lower() for name in listed.split(",")]


OUTLIVED = (
    "a connection that is kept from one run to the next, also in a pool of the program's, is closed in between; let "
    "the operation open it, or let the pool look at what it gives out (check=ConnectionPool.check_connection)"
)


def _advice(operation: Operation, mistake: Mistake) -> str:
    """What to look at where the code, its arguments or its tables are wrong; nothing where the error says it."""
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
        and mistake not in {Mistake.TABLES, Mistake.STATEMENT}
    ):
        return f"{injected} was injected into what wraps it: say inject=None if that brings its own"
    if mistake is Mistake.CALL and injected is not None:
        return f"its first argument was {injected}, which acidity injects: say inject=None if it brings its own"
    if mistake is Mistake.TABLES:
        return "look whether metadata= or schema= makes its tables, and setup= its rows"
    return ""
