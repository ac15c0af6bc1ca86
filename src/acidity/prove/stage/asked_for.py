"""What an operation's first parameter asks for, read from its name and its annotation."""

from __future__ import annotations

import ast
import inspect
import types
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Annotated, Any, Union, get_args, get_origin

from sqlalchemy.orm import Session

from acidity.adapters.drivers import DRIVERS
from acidity.core.scenario import AS_NAMED, INJECTIONS, Operation
from acidity.errors import UsageError
from acidity.prove.stage.host import is_async

_BY_CLASS = {
    "Session": "session",
    "SQLModelSession": "session",
    "sessionmaker": "session_factory",
    "Engine": "engine",
    "Connection": "connection",
    "AsyncSession": "async_session",
    "async_sessionmaker": "async_session_factory",
    "AsyncEngine": "async_engine",
    "AsyncConnection": "connection",
}
_SHORT = {"s": "session", "db_session": "session"}
_TEXTS = ("url", "dsn")
_MAPPINGS = ("dsn", "databases", "async_databases", "dsns")


def injection_of(operation: Operation) -> str | None:
    """The name of what the first parameter asks for, or None when it gets nothing.

    A name or an annotation that says so wins over arguments that would fill the parameter, too.

    Raises:
        UsageError: the arguments do not fit the function, or it cannot use what it asks for.
    """
    if operation.request is not None:
        return None
    wanted = _asked_for(operation) if operation.inject == AS_NAMED else operation.inject
    if wanted is not None and wanted.startswith("async_") and not is_async(operation):
        if inspect.isasyncgenfunction(operation.function):
            raise UsageError(f"{operation.name}() is an async generator function: give a coroutine that iterates it")
        raise UsageError(f"{operation.name}() is a plain function; inject={wanted!r} is for async ones")
    return wanted


def is_given(operation: Operation) -> bool:
    """Whether it is given an open session or connection, which then belongs to its caller, here acidity."""
    return injection_of(operation) in {"session", "async_session", "connection", "dbapi_connection"}


def first_parameter(operation: Operation) -> inspect.Parameter | None:
    """The first parameter of its function, where that can be told."""
    try:
        return next(iter(inspect.signature(operation.function).parameters.values()), None)
    except (TypeError, ValueError):
        return None


def _asked_for(operation: Operation) -> str | None:
    try:
        signature = inspect.signature(operation.function)
    except (TypeError, ValueError):
        return None
    filled = _misfit(signature, *operation.arguments, **operation.keywords) is None
    first = next(iter(signature.parameters.values()), None)
    if first is None or first.kind in {first.VAR_POSITIONAL, first.KEYWORD_ONLY, first.VAR_KEYWORD}:
        if not filled:
            what = "takes no parameters" if first is None else f"has no first parameter by position ({signature})"
            raise UsageError(f"{operation.name}() {what}, but the Operation gives it some")
        return None
    asking = Asking.of(operation.function, first)
    misfit = _misfit(signature, None, *operation.arguments, **operation.keywords)
    plain = isinstance(next(iter(operation.arguments), None), int | float | str | bytes)
    no_value = plain and asking.surely and asking.wanted not in _TEXTS
    if filled and (not asking.surely or (misfit is not None and not no_value)):
        return None
    if misfit is not None:
        given = f", since {first.name} is injected" if no_value else ""
        raise UsageError(
            f"the arguments of Operation({operation.name}, …) do not fit {operation.name}{signature}: {misfit}{given}"
        )
    if asking.wanted is None:
        raise UsageError(
            f"{operation.name}{signature}: the arguments leave {first.name!r} open and its name says nothing; "
            f"give it a value, or say inject= (one of: {', '.join(INJECTIONS)})"
        )
    return asking.wanted


def _misfit(signature: inspect.Signature, *arguments: Any, **keywords: Any) -> str | None:
    """Why the arguments cannot be given to such a function; None where they can."""
    try:
        signature.bind(*arguments, **keywords)
    except TypeError as error:
        return str(error)
    return None


class Asking:
    """What a parameter asks for.

    Args:
        wanted: one of `INJECTIONS`, or nothing.
        surely: its annotation says so, or its name does and no annotation says otherwise.
    """

    def __init__(self, wanted: str | None, *, surely: bool) -> None:
        self.wanted = wanted
        self.surely = surely and wanted is not None

    @classmethod
    def of(cls, function: Callable[..., Any], parameter: inspect.Parameter) -> Asking:
        """Read its annotation, then its name."""
        named = _SHORT.get(parameter.name, parameter.name)
        by_name = named if named in INJECTIONS else None
        annotation = annotation_of(function, parameter)
        classes = list(_classes(annotation))
        for found in classes:
            if by_class := _by_class(found):
                return cls(by_class, surely=True)
        return cls(by_name, surely=not classes or any(_may_be(found, by_name) for found in classes))


def annotation_of(function: Callable[..., Any], parameter: inspect.Parameter) -> Any:
    """The annotation as a value; as a text where it names what only type checkers know."""
    annotation = parameter.annotation
    if isinstance(annotation, str):
        with suppress(Exception):  # whatever evaluating a text may raise
            return inspect.get_annotations(inspect.unwrap(function), eval_str=True)[parameter.name]
    return annotation


def _classes(annotation: Any) -> Iterator[type | str]:
    """The classes that an annotation allows, those of a text by their dotted names; None and Any are left out."""
    if any(annotation is nothing for nothing in (inspect.Parameter.empty, Any, None, type(None))):
        return
    if isinstance(annotation, str):
        yield from _named_in(annotation)
        return
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from _classes(get_args(annotation)[0])
    elif origin in {Union, types.UnionType}:
        for each in get_args(annotation):
            yield from _classes(each)
    elif inspect.isclass(origin or annotation):
        yield origin or annotation


def _named_in(text: str) -> Iterator[str]:
    with suppress(SyntaxError):
        yield from _named(ast.parse(text.strip(), mode="eval").body)


def _named(node: ast.expr) -> Iterator[str]:
    """The same of an annotation that is only a text."""
    if isinstance(node, ast.BinOp):
        yield from (*_named(node.left), *_named(node.right))
    elif isinstance(node, ast.Subscript):
        outer = ast.unparse(node.value).rpartition(".")[2]
        inner = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        if outer == "Annotated":
            yield from _named(inner[0])
        elif outer in {"Optional", "Union"}:
            for each in inner:
                yield from _named(each)
        else:
            yield ast.unparse(node.value)
    elif isinstance(node, ast.Name | ast.Attribute):
        yield ast.unparse(node)
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield from _named_in(node.value)


def _by_class(found: type | str) -> str | None:
    """What a class is injected as: those of SQLAlchemy with their subclasses, and connections of drivers."""
    if isinstance(found, str):
        module, _, name = found.rpartition(".")
        is_connection = module.partition(".")[0] in set(DRIVERS) and name.lower().endswith("connection")
        return "dbapi_connection" if is_connection else _BY_CLASS.get(name)
    for each in found.__mro__:
        package = each.__module__.partition(".")[0]
        if package == "sqlalchemy" and each.__name__ in _BY_CLASS:
            return _BY_CLASS[each.__name__]
        if package in set(DRIVERS) and each.__name__.lower().endswith("connection"):
            return "dbapi_connection"
    return None


def _may_be(found: type | str, wanted: str | None) -> bool:
    """Whether what the name asks for may be of this class: a protocol, Any, a class of which only the name is known."""
    if isinstance(found, str):
        return found not in {"int", "float", "bool", "bytes", "str", "dict"} or _may_be_plain(found, wanted)
    if getattr(found, "_is_protocol", False) or found is object:
        return True
    return _may_be_plain(found.__name__, wanted)


def _may_be_plain(name: str, wanted: str | None) -> bool:
    return (name == "str" and wanted in _TEXTS) or (name in {"dict", "Mapping"} and wanted in _MAPPINGS)


def session_class(operation: Operation) -> type[Session]:
    """The Session subclass that the first parameter is annotated with (SQLModel has one), else `Session`."""
    first = first_parameter(operation)
    classes = _classes(annotation_of(operation.function, first)) if first is not None else ()
    return next((each for each in classes if inspect.isclass(each) and issubclass(each, Session)), Session)
