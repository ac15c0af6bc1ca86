"""How an operation ended: what is kept of an answer, and of what was raised."""

from __future__ import annotations

import re
from asyncio import CancelledError
from collections.abc import Callable
from traceback import walk_tb
from typing import Any

from sqlalchemy.exc import NoResultFound, NoSuchTableError, SQLAlchemyError
from sqlalchemy.orm.exc import StaleDataError

from acidity.adapters.drivers import DRIVERS
from acidity.adapters.site import is_user_code, shown
from acidity.core.call import Site
from acidity.core.exits import exits_as_errors
from acidity.core.outcome import Ending, Mistake, Told
from acidity.core.scenario import Operation
from acidity.engines.base import Unsettled
from acidity.engines.codes import NOT_THERE, REFUSING, WAITED_IN_VAIN, code_of, steady_text
from acidity.errors import Terminated
from acidity.prove.stage.effects import WrongContractError
from acidity.prove.stage.freeze import freeze, without_address
from acidity.prove.stage.http import Exchange
from acidity.prove.stage.needs import Needs

_FILLED = "other database calls: a cache fills itself"
_OF_DRIVERS = frozenset({*DRIVERS, "psycopg_pool"})
_SAYS_CLOSED = re.compile(
    r"\bconnection is closed\b|\balready closed\b|\bclosed database\b|couldn't get a connection|^\(0, ''\)$",
    re.IGNORECASE,
)
_NOT_THERE = (NoResultFound, NoSuchTableError, StaleDataError)  # as SQLAlchemy itself says it
_UNMEANT = (
    AttributeError,
    ConnectionError,
    ImportError,
    IndexError,
    MemoryError,
    NameError,
    NotImplementedError,
    RecursionError,
    SyntaxError,
    TypeError,
)


def answered(operation: Operation, answer: Any) -> Ending:
    """Keep what the operation returned, or what its application answered.

    Raises:
        WrongContractError: ``succeeded=`` cannot read it; that is no failure of the operation.
    """
    said = None if operation.succeeded is None else _read(operation, operation.succeeded, answer)
    open_answer = said is Told.UNKNOWN
    succeeded = None if operation.succeeded is None or open_answer else bool(said)
    status = answer.status if operation.request is not None else 0
    kinds: list[str] = []
    frozen = freeze(answer, kinds)
    hidden = tuple(dict.fromkeys(kinds))
    return Ending(
        answered=True, answer=frozen, succeeded=succeeded, leaves_open=open_answer, status=status, hidden=hidden
    )


def _read(operation: Operation, succeeded: Callable[[Any], Any], answer: Any) -> Any:
    try:
        with exits_as_errors():
            return succeeded(answer)
    except Exception as error:
        name = getattr(succeeded, "__name__", repr(succeeded))
        raise WrongContractError(
            f"{operation.name}: succeeded={name} raised {type(error).__name__}: {error}, for the answer "
            f"{str(freeze(answer))[:80]}; it is given every answer, and says whether that means success"
        ) from error


def raised(operation: Operation, error: BaseException, needs: Needs, function: Callable[..., Any]) -> Ending:
    """Keep what left the operation; Ctrl-C, a polite kill and a wait in vain of acidity itself are not its own."""
    provoked = needs.provoked(error)
    if isinstance(error, Terminated | Unsettled | WrongContractError) or (
        isinstance(error, KeyboardInterrupt) and not provoked
    ):
        raise error
    cancelled, at = isinstance(error, CancelledError), innermost_line(error)
    if isinstance(function, Exchange) and (needs.cancels or not cancelled):
        sent = function.answer(error)
        if sent is not None:  # the client had its status before this was raised
            return answered(operation, sent)
    return Ending(
        exception=_name(error),
        message=_message(error),
        refusal=isinstance(error, operation.raises or ()),
        cancelled=cancelled,
        at=at,
        mistake=_mistake(error, at),
        driver=driver if (driver := _package_of(_cause_of(error))) in DRIVERS else "",
    )


def _name(error: BaseException) -> str:
    """The class of an exception; of a group, with those of all that is in it."""
    name = type(error).__name__
    if isinstance(error, BaseExceptionGroup):
        return f"{name}[{', '.join(dict.fromkeys(map(_name, error.exceptions)))}]"
    return name


def _message(error: BaseException) -> str:
    """What an exception says, a group with all that is in it; as it is the same in every run."""
    text = without_address(steady_text(error))
    if isinstance(error, BaseExceptionGroup):
        return f"{text}: {', '.join(f'{type(each).__name__}({_message(each)})' for each in error.exceptions)}"
    return text


def innermost_line(error: BaseException) -> Site | None:
    """The last line of user code that the exception passed on its way out; None where it has left none."""
    users = [
        (frame.f_code, line) for frame, line in walk_tb(error.__traceback__) if is_user_code(frame.f_code.co_filename)
    ]
    if not users:
        return None
    code, line = users[-1]
    return Site(shown(code.co_filename), line, code.co_name)


def _cause_of(error: BaseException) -> BaseException:
    """The driver's own exception, where SQLAlchemy has raised another one from it."""
    return getattr(error, "orig", None) or error


def _package_of(error: BaseException) -> str:
    return type(error).__module__.partition(".")[0]


def _mistake(error: BaseException, at: Site | None) -> Mistake | None:
    """What it tells of; a broken constraint may well be a refusal."""
    cause = _cause_of(error)
    kinds = {each.__name__ for each in type(cause).__mro__}
    of_a_driver, code = _package_of(cause) in _OF_DRIVERS, code_of(error)
    if of_a_driver or isinstance(error, SQLAlchemyError):
        if "IntegrityError" in kinds or code in REFUSING:
            return None
        if of_a_driver and _SAYS_CLOSED.search(str(cause)):
            return Mistake.CONNECTION
        if code in WAITED_IN_VAIN:
            return Mistake.LOCKED
        return Mistake.TABLES if code in NOT_THERE or isinstance(error, _NOT_THERE) else Mistake.STATEMENT
    if isinstance(error, TypeError) and at is None:
        return Mistake.CALL
    return Mistake.CODE if isinstance(error, _UNMEANT) else None


def other_first(first: Ending, later: Ending) -> str:
    """Why the very first run of a caller made other Calls than a later one, in short."""
    return f"it failed with {failure(first)}" if first.exception and not later.exception else _FILLED


def failure(ending: Ending) -> str:
    """The exception that left a caller, with the beginning of its message."""
    message = ending.message.partition("\n")[0][:80]
    return f"{ending.exception} ({message})" if message else ending.exception
